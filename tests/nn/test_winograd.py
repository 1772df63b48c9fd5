from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.nn import blocks, winograd
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose.models.bgm2pose import (
  BGM2Pose,
  BGM2PoseConfig,
)

# Largest error over the deviation. Over shapes of the network it was 1.7e-5
# at most (direct sum in float32: 4.4e-6, kernel gradient 1.7e-5); a wrong
# coefficient or tap gives 0.1 and more.
TOLERANCE = 5e-5
# How the fast convolution shows in a traced program: its own gradient rule.
_FAST = f"fwd={winograd._forward.__name__}"
# [b, t, f, c, o]: what the network has, no whole tiles, less than two tiles,
# one frame, both ways to the kernel's gradient.
SHAPES = (
  (1, 12, 128, 64, 64),
  (1, 12, 32, 128, 256),
  (2, 1, 30, 128, 64),
  (3, 1, 5, 256, 128),
)


def _plain(x, kernel):
  return jax.lax.conv_general_dilated(
    x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
  )


def _exact(x, kernel, grad):
  """Output and gradients as sums over taps in float64."""
  t, f = x.shape[1:3]
  padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
  out, x_grad = np.zeros(grad.shape), np.zeros(padded.shape)
  kernel_grad = np.zeros(kernel.shape)
  for i in range(3):
    for j in range(3):
      seen = padded[:, i : i + t, j : j + f]
      out += seen @ kernel[i, j]
      x_grad[:, i : i + t, j : j + f] += grad @ kernel[i, j].T
      kernel_grad[i, j] = np.tensordot(seen, grad, ((0, 1, 2), (0, 1, 2)))
  return out, x_grad[:, 1:-1, 1:-1], kernel_grad


def _draw(b, t, f, c, o):
  rng = np.random.default_rng(0)
  shapes = (b, t, f, c), (3, 3, c, o), (b, t, f, o)
  # Numbers of float32, so that both sides start from the same ones.
  return [
    rng.normal(size=shape).astype(np.float32).astype(float) for shape in shapes
  ]


def _outputs(function, x, kernel, grad):
  @jax.jit
  def run(x, kernel, grad):
    y, backward = jax.vjp(function, x, kernel)
    return y, *backward(grad)

  return run(*(jnp.asarray(v, jnp.float32) for v in (x, kernel, grad)))


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_output_and_gradients_against_float64(shape):
  arrays = _draw(*shape)
  for got, want in zip(_outputs(winograd.conv3x3, *arrays), _exact(*arrays)):
    assert got.shape == want.shape
    assert got.dtype == jnp.float32
    assert np.abs(got - want).max() < TOLERANCE * want.std()


def test_borders_see_zeros_and_nothing_else():
  # An entry anywhere gives the mirrored kernel around it, cut at the border.
  t, f = 3, 6
  x = np.eye(t * f, dtype=np.float32).reshape(t * f, t, f, 1)
  kernel = np.arange(1.0, 10.0, dtype=np.float32).reshape(3, 3, 1, 1)
  want = np.zeros((t, f, t + 2, f + 2), np.float32)
  for place in np.ndindex(t, f):
    i, j = place
    want[i, j, i : i + 3, j : j + 3] = kernel[::-1, ::-1, 0, 0]
  want = want[:, :, 1:-1, 1:-1].reshape(x.shape)
  got = np.asarray(jax.jit(winograd.conv3x3)(x, kernel))
  np.testing.assert_allclose(got, want, atol=2e-5)
  # Frames do not mix in a transform: no trace of what is two frames away.
  np.testing.assert_array_equal(got[:f, 2], 0)
  np.testing.assert_array_equal(got[-f:, 0], 0)


def _arrays(c, o, window=(3, 3), dtype=jnp.float32):
  return (
    jax.ShapeDtypeStruct((1, 4, 8, c), dtype),
    jax.ShapeDtypeStruct((*window, c, o), dtype),
  )


def test_only_wide_float32_windows_of_3_by_3_on_cpu(monkeypatch):
  few = winograd.MIN_CHANNELS
  assert winograd.applies(*_arrays(few, few))
  assert not winograd.applies(*_arrays(few - 1, few))
  assert not winograd.applies(*_arrays(few, few - 1))
  assert not winograd.applies(*_arrays(few, few, dtype=jnp.bfloat16))
  for window in ((2,), (3,), (1, 3), (3, 5)):
    assert not winograd.applies(*_arrays(few, few, window))
  with winograd.plain_convolution(True):
    assert not winograd.applies(*_arrays(few, few))
  monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
  assert not winograd.applies(*_arrays(few, few))


def test_the_demo_is_too_narrow():
  assert max(BGM2PoseConfig(width=0.125).channels()) < winograd.MIN_CHANNELS


@pytest.mark.parametrize(
  ("channels", "dtype", "fast"),
  [
    (64, jnp.float32, True),
    (64, jnp.bfloat16, False),
    (32, jnp.float32, False),
  ],
)
def test_the_layer_takes_the_path_where_it_applies(channels, dtype, fast):
  layer = blocks.Conv(channels, channels, (3, 3), rngs=nnx.Rngs(0), dtype=dtype)
  x = jnp.ones((1, 2, 6, channels))
  assert (_FAST in str(jax.make_jaxpr(layer)(x))) == fast
  want = _plain(x.astype(dtype), layer.kernel[...].astype(dtype))
  want = (want.astype(jnp.float32) + layer.bias[...]).astype(dtype)
  got = nnx.jit(lambda layer, x: layer(x))(layer, x)
  assert got.dtype == dtype
  if fast:
    np.testing.assert_allclose(got, want, atol=TOLERANCE)
  else:
    np.testing.assert_array_equal(layer(x), want)
  shape = nnx.eval_shape(lambda layer, x: layer(x), layer, x)
  assert (shape.shape, shape.dtype) == (got.shape, dtype)


def test_plain_convolution_traces_again_and_only_inside():
  x = jnp.ones((1, 2, 4, 64))
  layer = blocks.Conv(64, 64, (3, 3), rngs=nnx.Rngs(0))

  @jax.jit
  def run(x):
    return layer(x)

  fast = str(jax.make_jaxpr(run)(x))
  with winograd.plain_convolution(True):
    plain = str(jax.make_jaxpr(run)(x))
  assert (_FAST in fast, _FAST in plain) == (True, False)
  assert _FAST in str(jax.make_jaxpr(run)(x))


@pytest.mark.parametrize(
  ("parallel", "varying"), [("jit", True), ("jit", False), ("pmap", True)]
)
def test_gradients_on_a_mesh(parallel, varying):
  x, kernel, grad = (v.astype(np.float32) for v in _draw(2, 2, 8, 64, 64))
  mesh = mesh_lib.make_mesh(jax.devices()[:1])

  def per_device(x, kernel, grad):
    # A parameter that is not made varying takes the sum over devices.
    if varying and parallel == "jit":
      kernel = mesh_lib.to_varying(kernel)

    def loss(x, kernel):
      return (winograd.conv3x3(x, kernel) * grad).sum()

    x_grad, kernel_grad = jax.grad(loss, (0, 1))(x, kernel)
    if varying:
      kernel_grad = jax.lax.pmean(kernel_grad, mesh_lib.DATA_AXIS)
    return x_grad, kernel_grad

  run = mesh_lib.over_devices(
    per_device,
    mesh,
    in_axes=(0, None, 0),
    out_axes=(0, None),
    parallel=parallel,
  )
  got = run(x, mesh_lib.replicate(mesh, kernel), grad)
  _, *want = _exact(*(v.astype(float) for v in (x, kernel, grad)))
  for one, other in zip(got, want):
    assert np.abs(one - other).max() < TOLERANCE * other.std()


@pytest.mark.slow
def test_the_network_at_width_1_loses_nothing(monkeypatch):
  sizes = {"audio_channels": 9, "music_channels": 2, "bands": 16, "frames": 12}

  def build():
    return BGM2Pose(
      BGM2PoseConfig(contrastive=False), **sizes, rngs=nnx.Rngs(0)
    )

  rng = np.random.default_rng(0)
  audio, music, target = (
    rng.normal(size=(2, 12, *shape)).astype(np.float32)
    for shape in ((16, 9), (16, 2), (21, 3))
  )
  model = nnx.view(
    nnx.eval_shape(build), use_running_average=False, deterministic=True
  )
  graph, state = nnx.split(model)
  # Drawn without compiling; gains around one keep the signal's size.
  state = jax.tree.map(
    lambda x: rng.normal(x.ndim == 1, 0.05, x.shape).astype(np.float32), state
  )
  took = []
  asked = winograd.applies

  def loss(fast):
    def applies(x, kernel):
      took.append(fast and asked(x, kernel))
      return took[-1]

    monkeypatch.setattr(winograd, "applies", applies)

    def run(state):
      pose = nnx.merge(graph, state)(audio, music).pose
      return jnp.mean(jnp.square(pose - target))

    # Half the time to compile; the products are the library's either way.
    quick = {"xla_backend_optimization_level": 0}
    return float(jax.jit(run, compiler_options=quick)(state))

  plain = loss(False)
  assert not any(took)
  # Two stems of 4 layers, of which the first sees few channels, and 6 more.
  fast = loss(True)
  assert sum(took) == 2 * 3 + 6
  assert fast == pytest.approx(plain, rel=1e-5)
