from __future__ import annotations

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.nn import (
  plane_convolution,
  product_convolution,
  volumes,
  winograd,
)
from bgm2pose_jax.runtime import mesh as mesh_lib

pytestmark = pytest.mark.usefixtures("quick_compiling")

# tests/golden/make_lifter.py: what PyTorch makes in float64.
GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "volumes.npz"
CHANNELS = ("1_8", "8_16", "16_8", "13_12", "12_16")
TOLERANCE = 1e-12
# Largest error over the deviation in float32.
ROUNDING = 5e-5


def _stored(part):
  with np.load(GOLDEN) as file:
    return {
      key.removeprefix(f"{part}/"): file[key]
      for key in file
      if key.startswith(f"{part}/")
    }


def _native(x, kernel):
  with winograd.plain_convolution(True):
    return volumes.convolve(x, kernel)


def _products(x, kernel):
  with product_convolution.as_products(True):
    return volumes.convolve(x, kernel)


FORMS = {
  "chosen": volumes.convolve,
  "native": _native,
  "products": _products,
  "planes": plane_convolution.by_planes,
  "tiles": plane_convolution.by_tiles,
}


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("form", list(FORMS))
def test_convolution_and_gradients_against_pytorch(form, channels):
  stored = _stored(f"conv/{channels}")
  with jax.enable_x64(True):

    @jax.jit
    def run(x, kernel, grad):
      out, backward = jax.vjp(FORMS[form], x, kernel)
      return out, *backward(grad)

    found = run(stored["x"], stored["kernel"], stored["grad"])
    found = jax.device_get(found)
  for one, name in zip(found, ("out", "x_grad", "kernel_grad")):
    wanted = stored[name]
    assert one.dtype == wanted.dtype == np.float64
    assert one.shape == wanted.shape
    assert np.abs(one - wanted).max() < TOLERANCE * np.abs(wanted).max(), name


@pytest.mark.parametrize("shape", [(4, 5, 3), (1, 1, 1), (9, 2, 30)])
def test_any_size_in_float32(shape):
  rng = np.random.default_rng(0)
  x = rng.normal(size=(2, *shape, 13)).astype(np.float32)
  kernel = rng.normal(size=(3, 3, 3, 13, 12)).astype(np.float32)
  with jax.enable_x64(True):
    wanted = np.asarray(_native(np.float64(x), np.float64(kernel)))
  for name in ("planes", "tiles"):
    found = np.asarray(FORMS[name](x, kernel))
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < ROUNDING * wanted.std()


def test_the_form_is_chosen_while_tracing(monkeypatch):
  def traced(c, o):
    x, kernel = jnp.ones((1, 4, 4, 4, c)), jnp.ones((3, 3, 3, c, o))
    # A function of its own each time: the backend is no part of a cache's key.
    return str(jax.make_jaxpr(lambda x, k: volumes.convolve(x, k))(x, kernel))

  many = plane_convolution.MIN_CHANNELS
  for c, o, name in (
    (many, many, "by_tiles"),
    (many - 1, many, "by_planes"),
    (many, 1, "by_planes"),
  ):
    assert f"name={name}" in traced(c, o), (c, o)
  with winograd.plain_convolution(True):
    assert "by_" not in traced(many, many)
  monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
  assert "by_" not in traced(many, many)


def test_normalisation_and_gradients_against_pytorch():
  stored = _stored("norm")
  with jax.enable_x64(True):

    def block(x, scale, bias):
      return volumes.relu(volumes.normalise(x, scale, bias, 3))

    given = [stored[k] for k in ("x", "scale", "bias")]

    @jax.jit
    def run(grad, *given):
      out, backward = jax.vjp(block, *given)
      return out, *backward(grad)

    names = "out", "x_grad", "scale_grad", "bias_grad"
    found = dict(zip(names, jax.device_get(run(stored["grad"], *given))))
  for name, one in found.items():
    wanted = stored[name]
    assert np.abs(one - wanted).max() < 1e-11 * np.abs(wanted).max(), name


def test_a_large_mean_costs_no_digits():
  rng = np.random.default_rng(0)
  x = rng.normal(size=(2, 6, 5, 4, 4)) + 1000
  norm = volumes.GroupNorm(4, 2)
  found = nnx.jit(lambda norm, x: norm(x))(norm, jnp.float32(x))
  grouped = np.float32(x).astype(float).reshape(2, -1, 2, 2)
  mean = grouped.mean(axis=(1, 3), keepdims=True)
  var = grouped.var(axis=(1, 3), keepdims=True)
  wanted = ((grouped - mean) / np.sqrt(var + 1e-5)).reshape(x.shape)
  np.testing.assert_allclose(found, wanted, atol=2e-4)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_a_block_keeps_its_type(dtype):
  block = volumes.VolumeBlock(3, 8, groups=4, rngs=nnx.Rngs(0), dtype=dtype)
  out = nnx.jit(lambda block, x: block(x))(block, jnp.ones((2, 4, 3, 5, 3)))
  assert (out.shape, out.dtype) == ((2, 4, 3, 5, 8), dtype)
  assert float(out.min()) >= 0


def test_groups_that_do_not_divide_are_refused():
  with pytest.raises(InputError, match="groups"):
    volumes.GroupNorm(6, 4)


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
def test_gradients_on_a_mesh(parallel):
  stored = _stored("conv/12_16")
  mesh = mesh_lib.make_mesh(jax.devices()[:1])

  def per_device(x, kernel, grad):
    if parallel == "jit":
      kernel = mesh_lib.to_varying(kernel)
    _, backward = jax.vjp(volumes.convolve, x, kernel)
    x_grad, kernel_grad = backward(grad)
    return x_grad, jax.lax.pmean(kernel_grad, mesh_lib.DATA_AXIS)

  run = mesh_lib.over_devices(
    per_device,
    mesh,
    in_axes=(0, None, 0),
    out_axes=(0, None),
    parallel=parallel,
  )
  x, kernel, grad = (
    stored[k].astype(np.float32) for k in ("x", "kernel", "grad")
  )
  found = run(x, mesh_lib.replicate(mesh, kernel), grad)
  for one, name in zip(found, ("x_grad", "kernel_grad")):
    wanted = stored[name]
    assert np.abs(one - wanted).max() < ROUNDING * wanted.std()
