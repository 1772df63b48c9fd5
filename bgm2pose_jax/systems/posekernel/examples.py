"""Samples as rows of the data set: one example each, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.sample import (
  KERNEL_TAPS,
  PAIRS,
  SAMPLE_RATE_HZ,
  Sample,
)

AS_BUILT = "as_built"
UNKNOWN = "unknown"
_SHAPES = {
  "kernels": (PAIRS, KERNEL_TAPS),
  "pairs_m": (PAIRS, 3),
  "pose_m": (BODY15.num_joints, 3),
  "keypoints": (BODY15.num_joints, 3),
  "grid_centre_m": (3,),
}


def spec() -> dict[str, Any]:
  """Returns what a sample holds, for the manifest."""
  return {"pairs": PAIRS, "taps": KERNEL_TAPS, "rate_hz": SAMPLE_RATE_HZ}


def recording_name(environment: str, walls: str) -> str:
  """Names the recording of samples: an environment with one set of walls."""
  as_built = walls == AS_BUILT
  return environment if as_built else f"{environment}, walls {walls}"


def examples(
  samples: Iterable[Sample],
  count: int,
  on_windows: Callable[[int], object] = lambda windows: None,
) -> Iterator[dict[str, Any]]:
  """Gives the examples of one environment.

  Args:
    samples: the environment's samples, in order of their numbers.
    count: how many there are.
    on_windows: called with the number of examples made since the last call.

  Raises:
    InputError: an array of another shape, a number that is not finite, or
      another count than promised.
  """
  made = 0
  for sample in samples:
    where = f"{sample.environment}, sample {sample.index}"
    for name, shape in _SHAPES.items():
      _check(where, name, getattr(sample, name), shape)
    yield {
      "kernels": np.asarray(sample.kernels, np.float32),
      "pairs": np.asarray(sample.pairs_m, np.float32),
      "keypoints": np.asarray(sample.keypoints, np.float32),
      "camera": sample.camera.as_array(),
      "grid_centre": np.asarray(sample.grid_centre_m, np.float32),
      "pose": np.asarray(sample.pose_m, np.float32),
      "sample": sample.index,
      "usable": True,
      "environment": sample.environment,
      "person": sample.person or UNKNOWN,
      "walls": sample.walls,
      "recording": recording_name(sample.environment, sample.walls),
      "window_index": sample.index,
    }
    made += 1
    on_windows(1)
  if made != count:
    raise InputError(
      "samples",
      f"{made} were made where {count} were promised",
      "give the folder as it was when the run began",
    )


def _check(
  where: str, name: str, values: np.ndarray, shape: tuple[int, ...]
) -> None:
  if values.shape != shape:
    raise InputError(where, f"{name} has shape {values.shape}", f"make {shape}")
  if not np.isfinite(values).all():
    raise InputError(
      where, f"{name} holds values that are not finite", "leave the sample out"
    )
