"""The network, its loss and gradients against PyTorch (stored references).

`tests/golden/make_lifter.py` made them; both sides compute in float64.
"""

from __future__ import annotations

import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from bgm2pose_jax.systems.posekernel import heatmaps, losses
from bgm2pose_jax.systems.posekernel.config import LossConfig
from bgm2pose_jax.systems.posekernel.grid import Grid
from bgm2pose_jax.systems.posekernel.models import registry

pytestmark = pytest.mark.usefixtures("quick_compiling")

GOLDEN = pathlib.Path(__file__).parents[3] / "golden"
TOLERANCE = 1e-10
# Of the gradient's norm over all parameters: what cancels has only rounding.
FLOOR = 1e-12
SIZES = {"width": 6, "sound_width": 3, "stages": 2, "depth": 2, "groups": 3}


def _kernel(weight):
  """PyTorch's [o, c, ...] as [..., c, o]."""
  return np.moveaxis(weight, (1, 0), (-2, -1))


def _as_ours(arrays, inputs):
  """PyTorch's arrays under our names, gradients and weights alike.

  The first convolution of every stage is ours in three parts: what reads the
  light, the sound and the heatmaps before.
  """
  out, base = {}, {"visual": [], "sound": [], "bias": []}
  width = 2 * SIZES["sound_width"]
  reads = {"visual": 15 * (inputs != "audio"), "sound": width}
  reads["sound"] *= inputs != "visual"
  for i in range(3 if inputs != "visual" else 0):
    out |= _block(arrays, f"sound.{i}", f"sound/blocks/{i}")
  for stage in range(SIZES["stages"]):
    theirs, ours = f"stages.{stage}", f"stages/{stage}"
    weight = _kernel(arrays[f"{theirs}.0.conv.weight"])
    ends = np.cumsum(list(reads.values()))
    visual, sound, previous = np.split(weight, ends, axis=3)
    base["visual"].append(visual)
    base["sound"].append(sound)
    base["bias"].append(arrays[f"{theirs}.0.conv.bias"])
    if stage:
      out[f"{ours}/previous/kernel"] = previous
    out[f"{ours}/norm/scale"] = arrays[f"{theirs}.0.norm.weight"]
    out[f"{ours}/norm/bias"] = arrays[f"{theirs}.0.norm.bias"]
    depth = SIZES["depth"]
    for i in range(1, depth):
      out |= _block(arrays, f"{theirs}.{i}", f"{ours}/blocks/{i - 1}")
    head = _kernel(arrays[f"{theirs}.{depth}.weight"])
    out[f"{ours}/head/kernel"] = head.reshape(head.shape[-2:])
    out[f"{ours}/head/bias"] = arrays[f"{theirs}.{depth}.bias"]
  for name, channels in reads.items():
    if channels:
      out[f"base/kernels/{name}"] = np.concatenate(base[name], axis=-1)
  out["base/bias"] = np.concatenate(base["bias"])
  return out


def _block(arrays, theirs, ours):
  return {
    f"{ours}/conv/kernel": _kernel(arrays[f"{theirs}.conv.weight"]),
    f"{ours}/conv/bias": arrays[f"{theirs}.conv.bias"],
    f"{ours}/norm/scale": arrays[f"{theirs}.norm.weight"],
    f"{ours}/norm/bias": arrays[f"{theirs}.norm.bias"],
  }


def _part(stored, name):
  return {
    key.removeprefix(f"{name}/"): x
    for key, x in stored.items()
    if key.startswith(f"{name}/")
  }


def _named(tree):
  return {
    "/".join(str(part.key) for part in path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }


def _run(inputs, stored, remat):
  """Heatmaps of each stage, loss and gradients by name."""
  network = registry.build(
    "posekernel",
    SIZES | {"remat": remat},
    inputs=inputs,
    rngs=nnx.Rngs(0),
    dtype=jnp.float64,
  )
  params = nnx.as_pure(nnx.state(network, nnx.Param))
  weights = _as_ours(_part(stored, "weights"), inputs)
  named = _named(params)
  assert set(named) == set(weights)
  assert all(x.shape == weights[key].shape for key, x in named.items())
  leaves = [jnp.float64(weights[key]) for key in named]
  params = jax.tree.unflatten(jax.tree.structure(params), leaves)
  structure = nnx.graphdef(network)
  visual, target = (
    jnp.float64(np.moveaxis(stored[key], 1, -1)) for key in ("visual", "target")
  )
  sound = jnp.float64(stored["sound"])
  grid = Grid(target.shape[1:4], 0.1)
  config = LossConfig(sigma_m=0.1, heat_pos_weight=10.0)

  @jax.jit
  def run(params):
    def loss(params):
      maps = nnx.merge(structure, params)(visual, sound)
      found = losses.terms(config, grid, maps, target)
      return sum(found.values()), maps

    return jax.value_and_grad(loss, has_aux=True)(params)

  (loss, maps), gradients = jax.device_get(run(params))
  # PyTorch's is the mean over the voxels.
  factor = heatmaps.energy(grid, 0.1) / math.prod(grid.shape)
  gradients = {k: factor * x for k, x in _named(gradients).items()}
  return maps, factor * loss, gradients


@pytest.mark.parametrize(
  ("inputs", "remat"),
  [
    ("both", False),
    pytest.param("both", True, marks=pytest.mark.long),
    pytest.param("visual", False, marks=pytest.mark.long),
    ("audio", False),
  ],
)
def test_heatmaps_loss_and_gradients(inputs, remat):
  with np.load(GOLDEN / f"lifter_{inputs}.npz") as file:
    stored = dict(file)
  with jax.enable_x64(True):
    maps, loss, gradients = _run(inputs, stored, remat)
  wanted = _part(stored, "out")
  assert len(maps) == len(wanted) == SIZES["stages"]
  for i, found in enumerate(maps):
    one = np.moveaxis(wanted[str(i)], 1, -1)
    assert found.dtype == one.dtype == np.float64
    assert np.abs(found - one).max() < TOLERANCE * np.abs(one).max()
  assert float(loss) == pytest.approx(float(stored["loss"]), rel=TOLERANCE)
  theirs = _as_ours(_part(stored, "gradient"), inputs)
  assert set(theirs) == set(gradients)
  norm = math.sqrt(sum(float(np.square(x).sum()) for x in theirs.values()))
  worst = {}
  for key, found in gradients.items():
    allowed = TOLERANCE * np.abs(theirs[key]).max() + FLOOR * norm
    worst[key] = float(np.abs(found - theirs[key]).max() / allowed)
  assert max(worst.values()) < 1, max(worst.items(), key=lambda item: item[1])
