"""The training loss: heatmaps against Gaussians, at every stage."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from bgm2pose_jax.base.array_typing import at_least_float32
from bgm2pose_jax.systems.posekernel import heatmaps
from bgm2pose_jax.systems.posekernel.config import LossConfig
from bgm2pose_jax.systems.posekernel.grid import Grid

# exp(-3^2 / 2): the height of a Gaussian three deviations from its middle.
_FAR = 0.011108996538242306


def terms(
  config: LossConfig,
  grid: Grid,
  maps: Sequence[jax.Array],
  target: jax.Array,
) -> dict[str, jax.Array]:
  """One term for each stage.

  The squared error, `heat_pos_weight` times as much within three deviations of
  a joint, summed over the voxels and divided by the sum of a whole Gaussian's
  squares; the mean over joints and examples. Maps of zeros cost about
  `heat_pos_weight`, whatever the grid. (The mean over voxels, as the loss is
  usually written, is this number times a constant.)

  Args:
    config: deviation and weight.
    grid: the voxels.
    maps: the heatmaps of each stage, [b, x, z, y, joint].
    target: the same of the truth, from `heatmaps.targets`.

  Returns:
    `stage_1`, `stage_2`, ...
  """
  weight = jnp.where(target > _FAR, config.heat_pos_weight, 1.0)
  scale = target.shape[0] * target.shape[-1]
  scale *= heatmaps.energy(grid, config.sigma_m)
  return {
    f"stage_{i}": (weight * jnp.square(at_least_float32(m) - target)).sum()
    / scale
    for i, m in enumerate(maps, start=1)
  }
