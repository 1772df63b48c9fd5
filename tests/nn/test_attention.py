from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import special

from bgm2pose_jax.nn import dot_product
from bgm2pose_jax.nn.attention import Attention
from bgm2pose_jax.nn.dropout import example_seeds


def _qkv(batch=4, groups=3, queries=5, columns=7, size=6):
  rng = np.random.default_rng(0)
  return (
    rng.normal(size=(batch, groups, queries, size)),
    rng.normal(size=(batch, groups, columns, size)),
    rng.normal(size=(batch, groups, columns, size)),
  )


def _plain(q, k, v, mask, rate):
  weights = jax.nn.softmax(jnp.einsum("bgqd,bgkd->bgqk", q, k), axis=-1)
  weights = jnp.where(mask, weights / (1 - rate), 0)
  return jnp.einsum("bgqk,bgkd->bgqd", weights, v)


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("chunk", [2**19, 2 * 3 * 5 * 7])
def test_attend_and_gradient_match_the_plain_form(rate, chunk, monkeypatch):
  monkeypatch.setattr(dot_product, "_CPU_CHUNK", chunk)
  arrays = [jnp.asarray(x, jnp.float32) for x in _qkv()]
  seeds = example_seeds(jax.random.split(jax.random.key(3), 4), 0)
  mask = jnp.ones((4, 3, 5, 7), bool)
  if rate:
    mask = dot_product.keep_mask(seeds, (3, 5, 7), rate)
  cotangent = jax.random.normal(jax.random.key(1), (4, 3, 5, 6))

  def both(fn):
    out, back = jax.vjp(fn, *arrays)
    return out, *back(cotangent)

  got = both(lambda *a: dot_product.attend(*a, seeds, rate))
  want = both(lambda *a: _plain(*a, mask, rate))
  for x, y in zip(got, want):
    np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6)


def test_attend_matches_scipy_in_float64():
  q, k, v = _qkv()
  weights = special.softmax(np.einsum("bgqd,bgkd->bgqk", q, k), axis=-1)
  want = np.einsum("bgqk,bgkd->bgqd", weights, v)
  got = dot_product.attend(
    *(jnp.asarray(x, jnp.float32) for x in (q, k, v)),
    jnp.zeros((4, 2), jnp.uint32),
    0.0,
  )
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_attend_survives_large_scores():
  q = jnp.full((1, 1, 2, 4), 200.0)
  k = jnp.stack([jnp.full((4,), 100.0), jnp.full((4,), -100.0)])[None, None]
  seeds = jnp.zeros((1, 2), jnp.uint32)
  grads = jax.grad(lambda q: dot_product.attend(q, k, k, seeds, 0.0).sum())(q)
  assert np.isfinite(grads).all()


def test_mask_keeps_its_share_and_rows_are_independent():
  seeds = example_seeds(jax.random.split(jax.random.key(0), 4), 2)
  mask = np.asarray(dot_product.keep_mask(seeds, (12, 128, 128), 0.1))
  assert mask.mean() == pytest.approx(0.9, abs=1e-3)
  centred = mask - mask.mean()
  noise = 5 * 0.09 / np.sqrt(mask[0].size)
  for a, b in (
    (centred[:, :, :, 1:], centred[:, :, :, :-1]),
    (centred[:, :, 1:], centred[:, :, :-1]),
    (centred[:, 1:], centred[:, :-1]),
    (centred[1:], centred[:-1]),
  ):
    assert abs((a * b).mean()) < noise


def test_heads_are_separate_attentions():
  layer = Attention(
    8, 2, dropout=0.0, stream=0, rngs=nnx.Rngs(0), dtype=jnp.float32
  )
  x = np.random.default_rng(0).normal(size=(2, 3, 5, 8))
  y = np.random.default_rng(1).normal(size=(2, 3, 6, 8))
  got = layer(*(jnp.asarray(a, jnp.float32) for a in (x, y, y)), None)
  w = {
    name: np.asarray(getattr(layer, f"{name}_kernel")[...], np.float64)
    for name in ("query", "key", "value", "out")
  }
  q, k, v = x @ w["query"], y @ w["key"], y @ w["value"]
  mixed = []
  for head in (slice(0, 4), slice(4, 8)):
    scores = q[..., head] @ k[..., head].swapaxes(-1, -2) / 2
    mixed.append(special.softmax(scores, -1) @ v[..., head])
  want = np.concatenate(mixed, -1) @ w["out"]
  np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [None, 0.3])
def test_among_is_the_call_on_one_array(scale):
  layer = Attention(8, 2, dropout=0.3, stream=1, rngs=nnx.Rngs(0), scale=scale)
  for bias in (layer.query_bias, layer.key_bias, layer.value_bias):
    bias[...] = jax.random.normal(jax.random.key(5), bias.shape)
  x = jax.random.normal(jax.random.key(0), (2, 3, 5, 8))
  keys = jax.random.split(jax.random.key(1), 2)
  together = layer.among(x, keys)
  np.testing.assert_allclose(together, layer(x, x, x, keys), atol=1e-5)
  layer.scale = 2.0
  assert np.abs(layer.among(x, keys) - together).max() > 1e-3
