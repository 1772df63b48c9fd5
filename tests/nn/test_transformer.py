from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import special

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn.transformer import Encoder, EncoderConfig
from bgm2pose_jax.nn.views import views

pytestmark = pytest.mark.usefixtures("quick_compiling")


def _encoder(positions=None, **changes):
  fields = {"layers": 3, "width": 8, "heads": 2, "mlp": 12, "dropout": 0.0}
  config = EncoderConfig(**{**fields, **changes})
  return Encoder(config, stream=0, positions=positions, rngs=nnx.Rngs(0))


def _tokens(batch=3, count=5):
  return jax.random.normal(jax.random.key(1), (batch, count, 8))


def _norm(x, scale, bias):
  x = x - x.mean(-1, keepdims=True)
  return x / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * scale + bias


def _plain(encoder, x, score_scale):
  """The encoder's formulas in float64, layer by layer, head by head."""
  params = jax.tree.map(np.float64, nnx.to_pure_dict(nnx.state(encoder)))
  x = np.float64(x) + params["positions"]
  for i in range(encoder.count):
    p = jax.tree.map(lambda leaf, i=i: leaf[i], params["layers"])
    a = p["attention"]
    h = _norm(x, **p["norm_attention"])
    q, k, v = (
      h @ a[f"{name}_kernel"] + a[f"{name}_bias"]
      for name in ("query", "key", "value")
    )
    mixed = []
    for head in (slice(0, 4), slice(4, 8)):
      scores = q[..., head] @ k[..., head].swapaxes(-1, -2) * score_scale
      mixed.append(special.softmax(scores, -1) @ v[..., head])
    x = x + np.concatenate(mixed, -1) @ a["out_kernel"] + a["out_bias"]
    h = _norm(x, **p["norm_mlp"])
    h = h @ p["mlp_in"]["kernel"] + p["mlp_in"]["bias"]
    cubic = np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)
    h = h * 0.5 * (1 + np.tanh(cubic))
    x = x + h @ p["mlp_out"]["kernel"] + p["mlp_out"]["bias"]
  return _norm(x, **params["norm"])


@pytest.mark.parametrize(
  ("attn_scale", "score_scale"), [("head", 4**-0.5), ("model", 8**-0.5)]
)
def test_an_encoder_is_its_formulas(attn_scale, score_scale):
  encoder = _encoder(positions=5, attn_scale=attn_scale)
  # Biases at zero, scales at one and scores near zero would hide mistakes.
  state = nnx.state(encoder)
  leaves, structure = jax.tree.flatten(state)
  keys = jax.random.split(jax.random.key(3), len(leaves))
  leaves = [
    x + 0.5 * jax.random.normal(key, x.shape) for x, key in zip(leaves, keys)
  ]
  nnx.update(encoder, jax.tree.unflatten(structure, leaves))
  x = _tokens()
  wanted = _plain(encoder, x, score_scale)
  np.testing.assert_allclose(
    nnx.jit(encoder)(x, None), wanted, rtol=1e-4, atol=1e-5
  )


def test_layers_are_drawn_apart_and_as_stated():
  encoder = _encoder(layers=4, width=64, mlp=256, positions=150)
  kernel = np.asarray(encoder.layers.mlp_in.kernel[...])
  assert kernel.shape == (4, 64, 256)
  assert len({float(layer[0, 0]) for layer in kernel}) == 4
  for drawn in (
    kernel,
    encoder.layers.attention.query_kernel[...],
    encoder.positions[...],
  ):
    assert np.abs(drawn).max() <= 0.04
    # Cut at two deviations, a normal's deviation is 0.8796 of what it was.
    assert np.std(drawn) == pytest.approx(0.02 * 0.8796, rel=0.03)
  for zero in (
    encoder.layers.mlp_in.bias,
    encoder.layers.attention.value_bias,
    encoder.layers.norm_mlp.bias,
  ):
    assert not np.any(zero[...])


def test_without_positions_tokens_have_no_order():
  x = _tokens()
  for positions, same in ((None, True), (5, False)):
    encoder = nnx.jit(_encoder(positions=positions))
    there, back = encoder(x, None), encoder(x[:, ::-1], None)[:, ::-1]
    assert (np.abs(there - back).max() < 1e-5) == same


def test_dropout_differs_between_layers_examples_and_encoders():
  # One layer twice: equal weights, so that only dropout tells them apart.
  x = jnp.broadcast_to(_tokens(1), (2, 5, 8))
  keys = jax.random.split(jax.random.key(0), 2)
  training, use = map(nnx.jit, views(_encoder(layers=1, dropout=0.5)))
  out = training(x, keys)
  assert np.abs(out[0] - out[1]).max() > 1e-3
  np.testing.assert_allclose(training(x, keys[::-1]), out[::-1], atol=1e-6)
  np.testing.assert_array_equal(use(x, keys), use(x, None))
  config = EncoderConfig(layers=1, width=8, heads=2, mlp=12, dropout=0.5)
  other = Encoder(config, stream=1, rngs=nnx.Rngs(0))
  assert np.abs(nnx.jit(other)(x, keys) - out).max() > 1e-3
  twice = Encoder(
    EncoderConfig(layers=2, width=8, heads=2, mlp=12, dropout=0.5),
    stream=0,
    rngs=nnx.Rngs(0),
  )
  first, second = twice._layer_keys(keys)
  assert not np.array_equal(
    jax.random.key_data(first), jax.random.key_data(second)
  )


def test_every_place_drops():
  # With one weight matrix at zero after another, what is left still varies.
  x = _tokens(1)
  keys = jax.random.split(jax.random.key(0), 1)
  encoder = _encoder(layers=1, dropout=0.5)
  layer = encoder.layers
  places = {
    "weights": layer.attention.dropout,
    "attended": layer.drop_attended,
    "inside": layer.drop_inside,
    "after": layer.drop_after,
  }
  still = nnx.jit(views(encoder)[1])(x, None)
  for name in places:
    for other, place in places.items():
      place.deterministic = other != name
    assert np.abs(nnx.jit(encoder)(x, keys) - still).max() > 1e-4, name


@pytest.mark.parametrize(
  ("changes", "said"),
  [
    ({"layers": 0}, r"network\.layers"),
    ({"heads": 3}, r"network\.heads"),
    ({"mlp": 0}, r"network\.mlp"),
    ({"dropout": -0.1}, r"network\.dropout"),
    ({"attn_scale": "query"}, r"network\.attn_scale"),
  ],
)
def test_what_makes_no_encoder_is_refused(changes, said):
  with pytest.raises(InputError, match=said):
    _encoder(**changes)
