"""Windows of the published preprocessed layout, checked while they are read."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file, plain_file
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose.ampl.released_layout import ReleasedRecording
from bgm2pose_jax.systems.bgm2pose.ampl.released_table import ReleasedWindow
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_FRAMES

# Channels as stored: log-mel dB of the microphone and of the music, intensity,
# then six of mel-summed phase, which the official loader drops too.
CHANNELS = ("W", "X", "Y", "Z", "m0", "m1", "Ix", "Iy", "Iz")
SOUND_SHAPE = (15, 128, WINDOW_FRAMES)
POSE_SHAPE = (WINDOW_FRAMES, 3 * BODY21.num_joints)

_DTYPE = np.dtype("<f4")
_COPY = "copy the file again"


def examples(
  root: Path,
  recording: ReleasedRecording,
  on_windows: Callable[[int], object] = lambda windows: None,
) -> Iterator[dict[str, Any]]:
  """Reads a recording's windows one by one, in sequence.

  Args:
    root: folder that file names are relative to.
    recording: the recording from `scan_released`.
    on_windows: called with the number of windows made since the last call.

  Yields:
    The fields of the dataset: `features` [t, f, c], `pose` [t, joint, 3] and
    what the window is.

  Raises:
    InputError: a file that is not what the layout says.
  """
  for window in recording.windows:
    yield {
      "features": read_features(root, window),
      "pose": read_pose(root, window),
      "subject": recording.subject,
      "track": recording.track,
      "genre": recording.genre,
      "recording": recording.name,
      "label": window.label,
      "window_index": window.index,
      "valid": True,
      "has_pose": recording.has_pose,
    }
    on_windows(1)


def read_features(root: Path, window: ReleasedWindow) -> np.ndarray:
  """Reads one window's features.

  Args:
    root: the root of the index.
    window: which one.

  Returns:
    float32 [t=12, f=128, c=9], channels W X Y Z m0 m1 in dB, Ix Iy Iz.

  Raises:
    InputError: another dtype or shape, a damaged file, or a value that is not
      finite in a channel that is used.
  """
  path = root / window.sound
  stored = read_array(path, SOUND_SHAPE)[: len(CHANNELS)]
  check_finite(path, stored, CHANNELS, ("channel", "band", "frame"))
  return np.ascontiguousarray(stored.transpose(2, 1, 0))


def read_pose(root: Path, window: ReleasedWindow) -> np.ndarray:
  """Reads one window's poses.

  Args:
    root: the root of the index.
    window: which one.

  Returns:
    float32 [t=12, joint=21, 3] in hip-spine units, y up; zeros where there was
    no motion capture.

  Raises:
    InputError: as `read_features`.
  """
  shape = (WINDOW_FRAMES, BODY21.num_joints, 3)
  if window.joint is None:
    return np.zeros(shape, np.float32)
  path = root / window.joint
  pose = np.ascontiguousarray(read_array(path, POSE_SHAPE)).reshape(shape)
  axes = ("joint", "frame", "axis")
  check_finite(path, pose.transpose(1, 0, 2), BODY21.joints, axes)
  return pose


def read_array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
  """Reads a .npy file of a known shape; nothing in it is executed.

  Args:
    path: the file.
    shape: what it must hold, as little-endian float32 in either order.

  Returns:
    float32 array of that shape.

  Raises:
    InputError: no .npy file of that dtype, shape and size.
  """
  wanted = math.prod(shape) * _DTYPE.itemsize
  with plain_file.opened(path, _COPY) as file:
    size = os.fstat(file.fileno()).st_size
    # Before anything is read: a length in the header may claim gigabytes.
    if size > wanted + array_file.MAX_HEADER_BYTES:
      raise InputError(
        path, f"has {size} bytes, more than float32 {shape} takes", _COPY
      )
    found, fortran, dtype = array_file.read_header(path, file, _COPY)
    if dtype.str != _DTYPE.str:
      raise InputError(
        path, f"holds {dtype.str}, not {_DTYPE.str}", "save it as float32"
      )
    if found != shape:
      raise InputError(
        path, f"has shape {found} instead of {shape}", "give published files"
      )
    data = file.read(wanted)
    if len(data) != wanted or file.read(1):
      raise InputError(
        path,
        f"has {size} bytes, which does not fit its header",
        _COPY,
      )
  return np.frombuffer(data, _DTYPE).reshape(
    shape, order="F" if fortran else "C"
  )


def check_finite(
  path: Path, values: np.ndarray, names: Sequence[str], axes: Sequence[str]
) -> None:
  """Refuses NaN and infinity.

  Args:
    path: named in the error.
    values: first axis as `names`.
    names: the names of the entries of the first axis.
    axes: what each axis counts, in words.

  Raises:
    InputError: naming the first such value's place.
  """
  wrong = np.argwhere(~np.isfinite(values))
  if len(wrong):
    first, *rest = wrong[0].tolist()
    place = [names[first], *map(str, rest)]
    text = ", ".join(map(" ".join, zip(axes, place, strict=True)))
    raise InputError(
      path,
      f"{values[tuple(wrong[0])]} at {text}; {len(wrong)} such values in all",
      "remove the window from the table, or copy the file again",
    )
