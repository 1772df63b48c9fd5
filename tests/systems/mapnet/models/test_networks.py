"""The networks of the registry, in the form that the trainer uses them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from model_contract import check_contract

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn.views import views
from bgm2pose_jax.runtime import target
from bgm2pose_jax.systems.bgm2pose.models.output import PoseOutput
from bgm2pose_jax.systems.mapnet import audio_features
from bgm2pose_jax.systems.mapnet.models import head, registry

pytestmark = pytest.mark.usefixtures("quick_compiling")

SMALL = {"width": 8, "heads": 2, "mlp": 12, "dropout": 0.3}
FIELDS = {
  "mapnet": SMALL | {"hidden": 6, "branch_layers": 2, "fusion_layers": 1},
  "pot": SMALL | {"hidden": 6, "branch_layers": 2},
  "lstm_pose": {"width": 4},
  "lstm_pose_audio": {"width": 4},
}


class Posed(nnx.Module):
  """A network in the form of `model_contract`."""

  def __init__(self, model):
    self.model = model

  def __call__(self, pose, audio, target=None, *, keys=None):
    return PoseOutput(self.model(pose, audio, keys))


def _build(name, frames_in, rngs=None):
  return registry.build(
    name,
    FIELDS[name],
    frames_in=frames_in,
    rngs=rngs or nnx.Rngs(0),
    dtype=jnp.float32,
  )


def _awake(model):
  """With kernels ten times as large: else hardly anything is attended to."""

  def louder(path, leaf):
    return leaf * 10 if "kernel" in str(path[-2:]) else leaf

  state = nnx.state(model)
  nnx.update(model, jax.tree_util.tree_map_with_path(louder, state))
  return model


def _inputs(frames_in, batch=3):
  keys = jax.random.split(jax.random.key(7), 3)
  return [
    jax.random.normal(keys[0], (batch, frames_in, 13, 3)),
    jax.random.normal(keys[1], (batch, 150, 35)),
    jax.random.normal(keys[2], (batch, 150, 13, 3)),
  ]


@pytest.mark.slow
@pytest.mark.parametrize(
  ("name", "frames_in"),
  [("mapnet", 50), ("pot", 150), ("lstm_pose", 50), ("lstm_pose_audio", 75)],
)
def test_contract(name, frames_in):
  check_contract(
    lambda rngs: _awake(Posed(_build(name, frames_in, rngs))),
    _inputs(frames_in),
    (3, 150, 13, 3),
    dropout="lstm" not in name,
    # Equal on all channels of a token: every later norm takes it out.
    skip_gradient=("_time']['dense']['bias",) if name == "mapnet" else (),
  )


@pytest.mark.parametrize(
  ("name", "fields", "frames_in", "wanted"),
  [
    ("mapnet", {}, 150, 8_224_889),
    ("mapnet", {}, 75, 8_201_639),
    ("mapnet", {}, 50, 8_193_889),
    ("mapnet", {"branch_layers": 7, "fusion_layers": 7}, 150, 6_678_489),
    ("mapnet", {"branch_layers": 2, "fusion_layers": 12}, 150, 5_132_089),
    ("mapnet", {"rebalance": False}, 50, 8_148_589),
    ("pot", {}, 150, 3_819_419),
    ("lstm_pose", {}, 150, 134_919),
    ("lstm_pose_audio", {}, 150, 267_239),
  ],
)
def test_parameters_at_the_papers_size(name, fields, frames_in, wanted):
  model = nnx.eval_shape(
    lambda: registry.build(name, fields, frames_in=frames_in, rngs=nnx.Rngs(0))
  )
  params = jax.tree.leaves(nnx.state(model, nnx.Param))
  assert sum(np.prod(x.shape) for x in params) == wanted


@pytest.mark.parametrize("name", ["mapnet", "lstm_pose_audio"])
def test_audio_is_read_and_asked_for(name):
  use = views(_build(name, 50))[1]
  model = nnx.jit(use)
  pose, audio, _ = _inputs(50)
  change = np.abs(model(pose, audio) - model(pose, -audio)).max()
  assert change > 1e-6
  with pytest.raises(ValueError, match="needs audio"):
    use(pose, None)


@pytest.mark.parametrize("name", ["pot", "lstm_pose"])
def test_audio_is_not_read(name):
  model = nnx.jit(views(_build(name, 50))[1])
  pose, audio, _ = _inputs(50)
  np.testing.assert_array_equal(model(pose, audio), model(pose, None))


def test_each_input_of_an_lstm_stands_until_the_next_comes():
  model = nnx.jit(_build("lstm_pose", 75))
  pose = _inputs(75)[0]
  changed = np.abs(model(pose.at[:, 20:].add(1.0), None) - model(pose, None))
  changed = changed.max(axis=(0, 2, 3)) > 0
  np.testing.assert_array_equal(changed, np.arange(150) >= 40)


def test_dropout_asks_for_keys_in_training_alone():
  training, use = views(_build("mapnet", 50))
  pose, audio, _ = _inputs(50)
  with pytest.raises(ValueError, match="needs keys"):
    training(pose, audio)
  keys = jax.random.split(jax.random.key(0), 3)
  use = nnx.jit(use)
  np.testing.assert_array_equal(use(pose, audio), use(pose, audio, keys))


def test_bfloat16_is_near_float32_and_returns_float32():
  pose, audio, _ = _inputs(50)

  def run(dtype):
    model = registry.build(
      "mapnet", FIELDS["mapnet"], frames_in=50, rngs=nnx.Rngs(0), dtype=dtype
    )
    return nnx.jit(views(model)[1])(pose, audio)

  out = [run(jnp.float32), run(jnp.bfloat16)]
  assert out[1].dtype == jnp.float32
  scale = np.abs(out[0]).max()
  assert 0 < np.abs(out[1] - out[0]).max() < 0.05 * scale


@pytest.mark.parametrize(
  ("name", "fields", "said"),
  [
    ("mapnot", {}, r"--model=mapnot"),
    ("mapnet", {"depth": 3}, r"network\.depth"),
    ("mapnet", {"rebalance": 1}, r"network\.rebalance"),
    ("mapnet", {"heads": 7}, r"network\.heads"),
    ("mapnet", {"hidden": 0}, r"network\.hidden"),
    ("mapnet", {"branch_layers": 0}, r"network\.branch_layers"),
    ("mapnet", {"fusion_layers": -1}, r"network\.fusion_layers"),
    ("pot", {"dropout": 1.0}, r"network\.dropout"),
    ("pot", {"attn_scale": "none"}, r"network\.attn_scale"),
    ("lstm_pose", {"width": 0}, r"network\.width"),
  ],
)
def test_what_makes_no_network_is_refused_by_name(name, fields, said):
  with pytest.raises(InputError, match=said):
    registry.make_config(name, fields)


def test_networks_read_the_columns_that_there_are():
  assert len(audio_features.COLUMNS) == head.AUDIO_COLUMNS


def test_rebalancing_with_filled_up_rows_is_one_function_with_plain_rows():
  x = np.random.default_rng(0).normal(size=(2, 5, 3))
  with jax.enable_x64(True):
    layer = head.TimeDense(5, 4, rngs=nnx.Rngs(0), dtype=jnp.float64)
    layer.dense.bias[...] = jnp.arange(4, dtype=jnp.float32)
    graph, state = nnx.split(layer)

    def both(platform):
      def out(state, x):
        return nnx.merge(graph, state)(x)

      with target.tracing_for(platform):
        given, back = jax.vjp(out, state, jnp.asarray(x))
        return jax.tree.leaves((given, back(jnp.sin(given))))

    assert both("cpu")[0].shape == (2, 4, 3)
    for got, want in zip(both("gpu"), both("cpu"), strict=True):
      np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-12)
