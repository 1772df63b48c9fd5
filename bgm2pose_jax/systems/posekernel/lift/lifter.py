"""What makes keypoints and kernels a pose: a callable, and how it is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.grid import Grid
from bgm2pose_jax.systems.posekernel.rig import Camera

# Samples that go through the network at once.
BATCH = 4

# Columns of `table.SampleTable` without the pose, b rows each -> finite poses
# [b, joint=15, 3], metres in the camera's frame.
Lift = Callable[[Mapping[str, np.ndarray]], np.ndarray]
Progress = Callable[[Iterator[Any], int], Iterator[Any]]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Lifter:
  """A trained network as this command uses it.

  Attributes:
    lift: see `Lift`.
    grid: the voxels that poses are searched in.
    pairs: how many pairs it hears, the first ones; 0 means all.
    trained_pairs: how many it heard in the training; None where not known.
    inputs: what it is given, one of `config.INPUTS`.
    simulated: whether it was trained on simulated samples.
    facts: what a reader should know of it, plain values.
  """

  lift: Lift
  grid: Grid
  pairs: int
  trained_pairs: int | None
  inputs: str
  simulated: bool
  facts: Mapping[str, Any]


def lifted(
  lifter: Lifter,
  kernels: np.ndarray,
  keypoints: np.ndarray,
  *,
  pairs_m: np.ndarray,
  camera: Camera,
  grid_centre_m: np.ndarray,
  progress: Progress | None = None,
) -> np.ndarray:
  """Lifts samples, a batch at a time.

  Args:
    lifter: the network.
    kernels: float32 [sample, pair, tap=KERNEL_TAPS].
    keypoints: [sample, joint=15, 3]: u, v in pixels and confidence.
    pairs_m: [pair, 3], metres, camera frame.
    camera: the camera.
    grid_centre_m: [3], metres, camera frame.
    progress: wraps an iterator over batches, given how many come.

  Returns:
    float32 [sample, joint=15, 3] metres, camera frame.

  Raises:
    InputError: the network gives other shapes.
  """
  count = len(kernels)
  out = np.empty((count, BODY15.num_joints, 3), np.float32)
  starts = range(0, count, BATCH)
  todo: Iterator[Any] = iter(starts)
  if progress is not None:
    todo = progress(todo, len(starts))
  # Every batch is full, so that the network is compiled once.
  size = min(BATCH, count)
  same = {
    "pairs": np.asarray(pairs_m, np.float32),
    "camera": camera.as_array(),
    "grid_centre": np.asarray(grid_centre_m, np.float32),
  }
  fixed = {name: np.repeat(v[None], size, axis=0) for name, v in same.items()}
  for start in todo:
    rows = np.minimum(start + np.arange(size), count - 1)
    batch = {
      "kernels": np.asarray(kernels[rows], np.float32),
      "keypoints": np.asarray(keypoints[rows], np.float32),
      **fixed,
    }
    pose_m = np.asarray(lifter.lift(batch))
    _check(pose_m, size)
    stop = min(start + size, count)
    out[start:stop] = pose_m[: stop - start]
  return out


def _check(pose_m: np.ndarray, count: int) -> None:
  wanted = (count, BODY15.num_joints, 3)
  if pose_m.shape != wanted:
    raise InputError(
      "the network", f"gives poses of {pose_m.shape}", f"{wanted} is needed"
    )


def at_edge(
  pose_m: np.ndarray, grid: Grid, grid_centre_m: np.ndarray
) -> np.ndarray:
  """Which poses touch the edge of the voxels, bool [sample].

  A person who stands partly outside them is pressed to their edge.

  Args:
    pose_m: [sample, joint, 3], metres, camera frame.
    grid: the voxels.
    grid_centre_m: [3], their middle.
  """
  # Axes of the grid are x, z, y.
  x, z, y = grid.shape
  half_m = (np.array([x, y, z]) - 1) / 2 * grid.voxel_m
  near = np.abs(pose_m - grid_centre_m) > half_m - 0.75 * grid.voxel_m
  return np.array(near.any(axis=(1, 2)))
