"""The kernel interpreted on CPU, against the plain form."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.nn import dot_product, fused_attention
from bgm2pose_jax.nn.attention import Attention
from bgm2pose_jax.nn.dropout import example_seeds
from bgm2pose_jax.runtime import target

BATCH, GROUPS, HEADS, SIZE = 2, 3, 2, 16
SEEDS = example_seeds(jax.random.split(jax.random.key(3), BATCH), 0)


def _split(x):
  """[b, g, c, n] to [b, g * head, n, c / head]."""
  b, g, _, n = x.shape
  x = x.reshape(b, g * HEADS, SIZE, n)
  return x.swapaxes(2, 3)


def _joined(x):
  b, _, n, _ = x.shape
  return x.swapaxes(2, 3).reshape(b, GROUPS, HEADS * SIZE, n)


def _plain(q, k, v, rate):
  return _joined(dot_product.attend(*map(_split, (q, k, v)), SEEDS, rate))


def _fused(q, k, v, rate):
  with fused_attention.interpreting(True):
    return fused_attention.attend(q, k, v, SEEDS, rate, HEADS)


def _arrays(queries, keys, dtype):
  rng = np.random.default_rng(0)
  shapes = [
    (BATCH, GROUPS, HEADS * SIZE, n) for n in (queries, keys, keys, queries)
  ]
  return [jnp.asarray(rng.normal(size=shape), dtype) for shape in shapes]


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize(("queries", "keys"), [(128, 128), (128, 256)])
@pytest.mark.parametrize(
  ("dtype", "tolerance"), [("float32", 3e-5), ("float64", 1e-12)]
)
def test_outputs_and_gradients(queries, keys, rate, dtype, tolerance):
  with jax.enable_x64(dtype == "float64"):
    *given, cotangent = _arrays(queries, keys, dtype)

    def both(form):
      out, back = jax.vjp(lambda *a: form(*a, rate), *given)
      return out, *back(cotangent)

    for got, want in zip(both(_fused), both(_plain)):
      assert got.dtype == want.dtype == dtype
      scale = np.abs(want).max()
      np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * scale)


def test_dropped_weights_are_those_of_the_plain_form():
  q, k, _, _ = _arrays(128, 128, "float32")
  # Values that spell out which key they belong to, weights all alike.
  q = jnp.zeros_like(q)
  v = jnp.tile(jnp.repeat(jnp.eye(SIZE), 8, axis=1), (BATCH, GROUPS, HEADS, 1))
  got, want = (form(q, k, v, 0.5) for form in (_fused, _plain))
  np.testing.assert_allclose(got, want, rtol=1e-6)
  # Of 8 keys each, a half survives, not the same everywhere.
  kept = np.asarray(got) * 128 * 0.5
  assert kept.mean() == pytest.approx(4, abs=0.1)
  assert kept.std() > 1


def test_large_scores_leave_finite_gradients():
  q, k, v, _ = (400 * x for x in _arrays(128, 128, "float32"))
  grads = jax.grad(lambda *a: _fused(*a, 0.0).sum(), (0, 1, 2))(q, k, v)
  assert all(np.isfinite(x).all() for x in grads)


@pytest.mark.parametrize("how", ["call", "among"])
def test_the_layer_computes_the_same_with_it(how):
  layer = Attention(32, 2, dropout=0.2, stream=1, rngs=nnx.Rngs(0))
  x = jax.random.normal(jax.random.key(1), (BATCH, GROUPS, 128, 32))
  keys = jax.random.split(jax.random.key(2), BATCH)
  graph, state = nnx.split(layer)

  def loss(state, x):
    layer = nnx.merge(graph, state)
    out = layer.among(x, keys) if how == "among" else layer(x, x, x, keys)
    return jnp.sum(jnp.sin(out)), out

  def found():
    return jax.value_and_grad(loss, (0, 1), has_aux=True)(state, x)

  want = found()
  with fused_attention.interpreting(True):
    assert fused_attention.applies(128, 128, 16)
    got = found()
  for a, b in zip(*map(jax.tree.leaves, (got, want))):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
  ("platform", "queries", "keys", "channels", "taken"),
  [
    ("tpu", 128, 128, 16, True),
    ("tpu", 512, 256, 128, True),
    ("tpu", 1024, 128, 16, False),
    ("tpu", 128, 150, 16, False),
    ("tpu", 1, 13, 32, False),
    ("tpu", 128, 128, 8, False),
    ("tpu", 128, 128, 24, False),
    ("gpu", 128, 128, 16, True),
    ("gpu", 256, 128, 16, False),
    ("cpu", 128, 128, 16, False),
    (target.ANY, 128, 128, 16, False),
  ],
)
def test_where_it_applies(platform, queries, keys, channels, taken):
  with target.tracing_for(platform):
    assert fused_attention.applies(queries, keys, channels) is taken


@pytest.mark.parametrize(("name", "traced"), [("tpu", "tpu"), ("cuda", "gpu")])
def test_the_layer_lowers_without_an_array_of_scores(name, traced):
  layer = Attention(
    128, 8, dropout=0.1, stream=1, rngs=nnx.Rngs(0), dtype=jnp.bfloat16
  )
  graph, state = nnx.split(layer)
  x = jax.ShapeDtypeStruct((2, 12, 128, 128), jnp.bfloat16)
  keys = jax.random.split(jax.random.key(0), 2)

  def loss(state, x):
    return jnp.sum(nnx.merge(graph, state)(x, x, x, keys).astype(jnp.float32))

  def lowered(platform):
    with target.tracing_for(platform):
      step = jax.jit(jax.grad(loss, (0, 1)))
      allow = jax.export.DisabledSafetyCheck.custom_call
      checks = [allow("tpu_custom_call"), allow("__gpu$xla.gpu.triton")]
      return jax.export.export(step, platforms=(name,), disabled_checks=checks)(
        state, x
      ).mlir_module()

  scores = "tensor<2x96x128x128x"
  assert scores in lowered(target.ANY)
  fused = lowered(traced)
  assert scores not in fused
  assert fused.count("stablehlo.custom_call") >= 2
