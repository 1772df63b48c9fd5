"""The networks that BGM2Pose is compared with."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from model_contract import check_contract

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn.lstm import LSTM
from bgm2pose_jax.systems.bgm2pose.models import registry
from bgm2pose_jax.systems.bgm2pose.models.speech2gesture import MotionCritic

pytestmark = pytest.mark.usefixtures("quick_compiling")

RIVALS = ("acousticpose", "speech2gesture", "wipose")
SIZES = {"music_channels": 2, "bands": 16, "frames": 4}


def _inputs(channels, batch=3):
  keys = jax.random.split(jax.random.key(7), 3)
  return [
    jax.random.normal(keys[0], (batch, 4, 16, channels)),
    jax.random.normal(keys[1], (batch, 4, 16, 2)),
    jax.random.normal(keys[2], (batch, 4, 21, 3)),
  ]


@pytest.mark.parametrize("name", RIVALS)
def test_contract(name):
  def build(rngs):
    return registry.build(
      name, {"width": 0.03125}, audio_channels=6, rngs=rngs, **SIZES
    )

  # Batch normalisation takes out what WiPose's convolution biases add.
  skip = ("convs", "bias") if name == "wipose" else ()
  check_contract(
    build, _inputs(6), (3, 4, 21, 3), dropout=False, skip_gradient=skip
  )


@pytest.mark.parametrize(
  ("name", "channels", "wanted"),
  [
    ("acousticpose", 9, 5_630_975),
    ("speech2gesture", 6, 5_629_247),
    ("wipose", 6, 1_756_767),
  ],
)
def test_parameters_at_full_width(name, channels, wanted):
  model = nnx.eval_shape(
    lambda: registry.build(
      name,
      {},
      audio_channels=channels,
      music_channels=2,
      bands=128,
      frames=12,
      rngs=nnx.Rngs(0),
    )
  )
  params = jax.tree.leaves(nnx.state(model, nnx.Param))
  assert sum(np.prod(x.shape) for x in params) == wanted


@pytest.mark.parametrize("name", RIVALS)
def test_a_width_of_zero_is_refused(name):
  with pytest.raises(InputError, match=r"network\.width"):
    registry.make_config(name, {"width": 0.0})


def test_lstm_is_its_equations_in_float64():
  layer = LSTM(3, 5, rngs=nnx.Rngs(0))
  x = np.random.default_rng(0).normal(size=(2, 6, 3))

  def sigmoid(v):
    return 1 / (1 + np.exp(-v))

  w, u = (
    np.float64(layer.input_kernel[...]),
    np.float64(layer.hidden_kernel[...]),
  )
  b = np.float64(layer.input_bias[...]) + np.float64(layer.hidden_bias[...])
  h, c = np.zeros((2, 5)), np.zeros((2, 5))
  want = []
  for t in range(6):
    i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    want.append(h)
  np.testing.assert_allclose(
    layer(jnp.float32(x)), np.stack(want, 1), atol=1e-6
  )


def test_wipose_sees_no_later_frame():
  model = registry.build(
    "wipose",
    {"width": 0.03125},
    audio_channels=6,
    rngs=nnx.Rngs(0),
    **SIZES,
  )
  model = nnx.view(model, use_running_average=True)
  x, music, _ = _inputs(6)
  later = x.at[:, 2:].add(1.0)
  a, b = model(x, music).pose, model(later, music).pose
  np.testing.assert_array_equal(a[:, :2], b[:, :2])
  assert np.abs(a[:, 2:] - b[:, 2:]).max() > 1e-6


def test_motion_critic_sees_motion_alone():
  critic = MotionCritic(21, rngs=nnx.Rngs(0))
  poses = jax.random.normal(jax.random.key(0), (3, 12, 21, 3))
  marks = critic(poses)
  assert marks.shape == (3, 3)
  np.testing.assert_allclose(critic(poses + 5.0), marks, atol=1e-4)
  assert np.abs(critic(poses[:, ::-1]) - marks).max() > 1e-3
