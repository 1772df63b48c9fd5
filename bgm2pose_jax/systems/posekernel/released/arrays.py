"""The arrays of the release, in every form that they may have.

The release states neither shapes nor types, so a form is recognised by its
shape, and one that is not known is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.sample import KERNEL_TAPS, PAIRS

# FrankMocap has 49 joints, OpenPose's BODY_25 among them first; 16 is the
# number of joints that is attributed to the paper.
FEWEST_JOINTS, MOST_JOINTS = 16, 49
# Ten seconds at 96 kHz.
MOST_TAPS = 960_000
_MAX_BYTES = 8 * PAIRS * MOST_TAPS + array_file.MAX_HEADER_BYTES
# Squares of larger values are beyond float32.
_LARGEST = 1e18
_COPY = "copy the file again"
_SENSOR_SHAPES = ((PAIRS, 3), (PAIRS, 6), (PAIRS, 2, 3))


def read_sensors(path: Path) -> np.ndarray:
  """Reads the places of an environment's pairs.

  Args:
    path: the file.

  Returns:
    float64 [pair, 2, 3], loudspeaker and microphone, in the file's unit; both
    are the same where the file has one place for a pair.

  Raises:
    InputError: no such array.
  """
  values = _read(path)
  if values.shape not in _SENSOR_SHAPES:
    known = " or ".join(map(str, _SENSOR_SHAPES))
    raise InputError(
      path, f"has shape {values.shape}, not {known}", "give four pairs"
    )
  if values.shape == (PAIRS, 3):
    return np.repeat(values[:, None], 2, axis=1)
  return values.reshape(PAIRS, 2, 3)


def read_joints(path: Path) -> np.ndarray:
  """Reads a sample's true joints.

  Args:
    path: the file.

  Returns:
    float64 [joint=15, 3], in the file's unit, camera frame.

  Raises:
    InputError: no such array.
  """
  return _as_joints(path, _read(path))[: BODY15.num_joints]


def read_kernels(path: Path) -> np.ndarray:
  """Reads a sample's impulse responses, without the empty room's.

  Args:
    path: the file.

  Returns:
    float32 [pair, tap=KERNEL_TAPS]; longer ones are cut, shorter ones end in
    zeros.

  Raises:
    InputError: no such array.
  """
  values = _read(path)
  check_kernels(path, values.shape)
  kernels = np.zeros((PAIRS, KERNEL_TAPS), np.float32)
  kept = values[:, :KERNEL_TAPS]
  kernels[:, : kept.shape[1]] = kept
  return kernels


def check_kernels(path: Path, shape: tuple[int, ...]) -> None:
  """Refuses another shape than [pair, tap].

  Raises:
    InputError: naming it.
  """
  if len(shape) != 2 or shape[0] != PAIRS or not 0 < shape[1] <= MOST_TAPS:
    raise InputError(
      path,
      f"has shape {shape}, not ({PAIRS}, taps)",
      f"give {PAIRS} rows of 1 to {MOST_TAPS} taps",
    )


def _as_joints(path: Path, values: np.ndarray) -> np.ndarray:
  """[joint, 3], of an array either way round."""
  shape = values.shape
  if len(shape) == 2 and 3 in shape:
    joints = values if shape[1] == 3 else values.T
    if FEWEST_JOINTS <= len(joints) <= MOST_JOINTS:
      return joints
  raise InputError(
    path,
    f"has shape {shape}, not (joints, 3) or (3, joints)",
    f"give {FEWEST_JOINTS} to {MOST_JOINTS} joints",
  )


def _read(path: Path) -> np.ndarray:
  """A finite array of float32 or float64, as float64."""
  values = array_file.read_npy(path, _COPY, max_bytes=_MAX_BYTES)
  if values.dtype.kind != "f" or values.dtype.itemsize not in (4, 8):
    raise InputError(
      path, f"holds {values.dtype.str}, not float32 or float64", _COPY
    )
  wrong = np.argwhere(~np.isfinite(values))
  if len(wrong):
    place = tuple(wrong[0].tolist())
    raise InputError(
      path,
      f"{values[place]} at {place}; {len(wrong)} such values in all",
      "leave the environment out, or copy the file again",
    )
  if np.abs(values).max(initial=0) > _LARGEST:
    raise InputError(path, f"holds values beyond {_LARGEST:.0e}", _COPY)
  return values.astype(np.float64)
