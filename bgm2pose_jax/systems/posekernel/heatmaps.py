"""Heatmaps over voxels: what is asked for, and joints read from them.

Heatmaps are [b, x, z, y, joint]; positions are metres in the camera's frame.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from bgm2pose_jax.base.array_typing import Array
from bgm2pose_jax.systems.posekernel.encoding import voxel_axes_m
from bgm2pose_jax.systems.posekernel.grid import Grid

# Voxels on either side of the fullest one that the soft read-out looks at.
_REACH = 2


def targets(
  pose_m: Array, grid: Grid, grid_centre_m: Array, sigma_m: float
) -> Array:
  """A Gaussian of height 1 around each joint.

  Args:
    pose_m: [b, joint, 3].
    grid: the voxels.
    grid_centre_m: [b, 3].
    sigma_m: its deviation, metres.

  Returns:
    [b, x, z, y, joint] in the type of `pose_m`.
  """
  axes = voxel_axes_m(grid, grid_centre_m)
  x, z, y = (
    jnp.exp(
      -jnp.square(along[:, :, None] - pose_m[:, None, :, axis])
      / (2 * sigma_m**2)
    )
    for along, axis in zip(axes, (0, 2, 1))
  )
  return x[:, :, None, None] * z[:, None, :, None] * y[:, None, None]


def hard_arg_max(maps: Array, grid: Grid, grid_centre_m: Array) -> Array:
  """The centre of each joint's fullest voxel.

  The error it cannot avoid is that of a point anywhere in a voxel: 0.48 edges
  in the mean.

  Args:
    maps: [b, x, z, y, joint].
    grid: the voxels.
    grid_centre_m: [b, 3].

  Returns:
    float32 [b, joint, 3].
  """
  peak = _peaks(maps)
  axes = voxel_axes_m(grid, grid_centre_m)
  x, z, y = (
    jnp.take_along_axis(along, at, axis=1) for along, at in zip(axes, peak)
  )
  return jnp.stack([x, y, z], axis=-1).astype(jnp.float32)


def soft_arg_max(
  maps: Array, grid: Grid, grid_centre_m: Array, sigma_m: float
) -> Array:
  """The centre of gravity of 5 x 5 x 5 voxels around the fullest one.

  Their weights are the heights, negative ones taken as zero, to the power
  2 (sigma / voxel)^2, but at least 1. A Gaussian of deviation sigma becomes one
  of 0.71 voxels, which fits into the window: with the heights themselves the
  part outside would pull joints to the middle of the voxel.

  Args:
    maps: [b, x, z, y, joint].
    grid: the voxels.
    grid_centre_m: [b, 3].
    sigma_m: deviation of the Gaussians that the maps were trained on.

  Returns:
    float32 [b, joint, 3].
  """
  power = max(1.0, 2 * (sigma_m / grid.voxel_m) ** 2)
  axes = voxel_axes_m(grid, grid_centre_m)
  peak = _peaks(maps)
  near = jnp.arange(-_REACH, _REACH + 1)
  # [b, 5, joint] along each axis; a window at the border holds less.
  at = [index[:, None] + near[:, None] for index in peak]
  inside = [(i >= 0) & (i < along.shape[1]) for i, along in zip(at, axes)]
  at = [jnp.clip(i, 0, along.shape[1] - 1) for i, along in zip(at, axes)]
  (x, z, y), (in_x, in_z, in_y) = at, inside
  b, joints = maps.shape[0], maps.shape[-1]
  values = maps[
    jnp.arange(b)[:, None, None, None, None],
    x[:, :, None, None],
    z[:, None, :, None],
    y[:, None, None],
    jnp.arange(joints),
  ]
  within = in_x[:, :, None, None] & in_z[:, None, :, None] & in_y[:, None, None]
  values = jnp.where(within, jnp.maximum(values.astype(jnp.float32), 0), 0)
  # Of the highest, so that no power of a small number is lost.
  highest = values.max(axis=(1, 2, 3), keepdims=True)
  weights = (values / jnp.where(highest > 0, highest, 1)) ** power
  # A map without anything above zero: the fullest voxel.
  middle = jnp.zeros((1, 5, 5, 5, 1)).at[0, 2, 2, 2, 0].set(1)
  weights = jnp.where(highest > 0, weights, middle)
  total = weights.sum(axis=(1, 2, 3))
  found = []
  for axis, (along, i) in enumerate(zip(axes, at)):
    share = weights.sum(axis=tuple({1, 2, 3} - {1 + axis}))
    where = jnp.take_along_axis(along[:, :, None], i, axis=1)
    found.append((share * where).sum(axis=1) / total)
  along_x, along_z, along_y = found
  return jnp.stack([along_x, along_y, along_z], -1).astype(jnp.float32)


def nearest_on_ray(joints_m: Array, keypoints: Array, camera: Array) -> Array:
  """Moves joints to the nearest point of their viewing rays.

  Args:
    joints_m: [b, joint, 3].
    keypoints: [b, joint, 3]: u, v in pixels, confidence.
    camera: [b, 6], see `rig.Camera.as_array`.

  Returns:
    [b, joint, 3]; a joint of confidence 0 stays.
  """
  focal, centre = camera[:, None, 0:2], camera[:, None, 2:4]
  across = (keypoints[..., :2] - centre) / focal
  ray = jnp.concatenate([across, jnp.ones_like(across[..., :1])], -1)
  length = (joints_m * ray).sum(-1, keepdims=True)
  on_ray = ray * length / jnp.square(ray).sum(-1, keepdims=True)
  return jnp.where(keypoints[..., 2:] > 0, on_ray, joints_m)


def energy(grid: Grid, sigma_m: float) -> float:
  """Sum of the squares of one target over all voxels.

  (sqrt(pi) sigma / voxel)^3, that of a Gaussian far from the border.

  Args:
    grid: the voxels.
    sigma_m: the Gaussian's deviation, metres.
  """
  return (math.sqrt(math.pi) * sigma_m / grid.voxel_m) ** 3


def _peaks(maps: Array) -> list[Array]:
  """Indices [b, joint] of the fullest voxel along x, z and y."""
  flat = maps.reshape(maps.shape[0], -1, maps.shape[-1])
  best = jnp.argmax(flat, axis=1)
  return list(jnp.unravel_index(best, maps.shape[1:4]))
