"""MediaPipe's landmarks as people save them in JSON.

There is no format of MediaPipe's own. Read here: a list of frames, or an
object with `frames`; a frame is a list of 33 landmarks, an object that holds
one (`pose_world_landmarks`, `worldLandmarks`, `landmarks`, ...), or null
where nobody was found; a landmark is an object with x, y, z and maybe
visibility, or a list of these numbers.
"""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file, text_file
from bgm2pose_jax.poses import frame_times
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.poses.mediapipe import NAMES

# Half an hour at 30 frames a second; in memory about five times as much.
MAX_BYTES = 256 << 20
MAX_FRAMES = 1_000_000
_FIX = "give a list of frames, each 33 landmarks with x, y, z and visibility"
# Where landmarks stand; world landmarks win.
_PLACES = (
  "pose_world_landmarks",
  "poseworldlandmarks",
  "world_landmarks",
  "worldlandmarks",
  "landmarks",
  "keypoints3d",
  "keypoints_3d",
  "pose_landmarks",
  "poselandmarks",
  "pose",
  "landmark",
)
# Where image landmarks stand. JavaScript's `landmarks` are those of the image.
_IMAGE_PLACES = (
  "pose_landmarks",
  "poselandmarks",
  "image_landmarks",
  "imagelandmarks",
  "normalized_landmarks",
  "normalizedlandmarks",
  "landmarks",
  "pose",
  "landmark",
)
_NUMBERS = ("frame", "frame_index", "frame_number", "frame_id", "index")
_RATES = ("fps", "frame_rate", "framerate", "rate_hz", "video_fps")
_MISSING = (math.nan,) * 4
_NOBODY = (_MISSING,) * len(NAMES)


def read(
  path: str | os.PathLike[str], *, image: bool = False
) -> CapturedPoints:
  """Reads landmarks.

  Args:
    path: the file, plain or gzip.
    image: whether to take image landmarks; else world landmarks are taken
      where there are both.

  Returns:
    The 33 landmarks in their order as MediaPipe gives them (y down), NaN
    where nobody was found; frames that were left out are put in by the
    frames' numbers.

  Raises:
    InputError: no such JSON, or frames that fit no time.
  """
  places = _IMAGE_PLACES if image else _PLACES
  data = text_file.read_bytes(pathlib.Path(path), max_bytes=MAX_BYTES)
  found = json_file.parse(data, path, _FIX, hook=_shrunk)
  rate_hz = math.nan
  if isinstance(found, Mapping):
    rate_hz = _rate(found, path)
    found = found.get("frames", _landmarks(found, places))
  if not isinstance(found, Sequence) or isinstance(found, str):
    raise InputError(path, "holds no list of frames", _FIX)
  if not 0 < len(found) <= MAX_FRAMES:
    raise InputError(path, f"holds {len(found)} frames", _FIX)
  table = np.empty((len(found), len(NAMES), 4))
  for number, frame in enumerate(found):
    table[number] = _frame(frame, path, number, places)
  if not np.isfinite(table[..., :3]).any():
    fix = "give another video"
    if image:
      fix = "give image landmarks (pose_landmarks) of a video with a person"
    raise InputError(path, "shows nobody in any frame", fix)
  times = _column(found, frame_times.NAMES, path)
  numbers = _column(found, _NUMBERS, path)
  time_s = None
  if times is not None:
    time_s = frame_times.seconds(times[1], times[0], path)
  elif numbers is not None:
    table = _spread(table, numbers[1], path)
  seen = table[..., 3]
  return CapturedPoints(
    NAMES,
    table[..., :3],
    rate_hz,
    1.0,
    seen if np.isfinite(seen).any() else None,
    time_s,
  )


def _shrunk(value: dict[str, Any]) -> Any:
  """A landmark as a tuple; keys of other objects in lower case."""
  if {"x", "y", "z"} <= value.keys():
    return value["x"], value["y"], value["z"], value.get("visibility")
  return {key.lower(): each for key, each in value.items()}


def _landmarks(frame: Mapping[str, Any], places: Sequence[str]) -> Any:
  return next((frame[name] for name in places if name in frame), None)


def _frame(frame: Any, path: object, number: int, places: Sequence[str]) -> Any:
  """33 x (x, y, z, visibility) of one frame."""
  where = f"{path} frame {number}"
  for _ in range(4):  # {"pose": {"landmarks": [..]}} and lists of one person
    if isinstance(frame, Mapping):
      frame = _landmarks(frame, places)
    elif _is_list(frame) and len(frame) == 1:
      frame = frame[0]
  if frame is None or (_is_list(frame) and not frame):
    return _NOBODY
  if not _is_list(frame) or len(frame) != len(NAMES):
    several = _is_list(frame) and all(
      _is_list(each) and len(each) == len(NAMES) for each in frame
    )
    count = f"{len(frame)} " if _is_list(frame) else "no "
    raise InputError(
      where,
      f"holds {count}{'people' if several else 'landmarks instead of 33'}",
      "film one person" if several else _FIX,
    )
  return [_landmark(each, where) for each in frame]


def _landmark(value: Any, where: str) -> Sequence[float]:
  if value is None:
    return _MISSING
  if _is_list(value) and len(value) in (3, 4):
    numbers = [math.nan if each is None else each for each in value]
    numbers += [math.nan] * (4 - len(numbers))
    if all(_is_number(each) for each in numbers):
      return numbers
  raise InputError(where, "holds a landmark without x, y, z", _FIX)


def _rate(found: Mapping[str, Any], path: object) -> float:
  for name in _RATES:
    if name in found:
      value = found[name]
      if not _is_number(value) or not 0 < value < math.inf:
        raise InputError(path, f"{name} is {value!r:.40}", "give a frame rate")
      return float(value)
  return math.nan


def _column(
  frames: Sequence[Any], names: Sequence[str], path: object
) -> tuple[str, np.ndarray] | None:
  """The first field of these names, if every frame has it."""
  for name in names:
    values = [f.get(name) for f in frames if isinstance(f, Mapping)]
    if len(values) == len(frames) and None not in values:
      if not all(_is_number(value) for value in values):
        raise InputError(path, f"{name} is no number in every frame", _FIX)
      return name, np.array(values, np.float64)
  return None


def _spread(table: np.ndarray, numbers: np.ndarray, path: object) -> np.ndarray:
  """Puts frames at their numbers, counted from the first one."""
  place = numbers - numbers[0]
  whole = (place == np.round(place)).all() and (np.diff(place) > 0).all()
  if not whole or not place[-1] < MAX_FRAMES:
    raise InputError(
      path, "has frames whose numbers do not ascend", "sort the frames"
    )
  out = np.full((int(place[-1]) + 1, *table.shape[1:]), np.nan)
  out[place.astype(np.int64)] = table
  return out


def _is_list(value: Any) -> bool:
  return isinstance(value, (list, tuple))


def _is_number(value: Any) -> bool:
  if isinstance(value, bool) or not isinstance(value, (int, float)):
    return False
  return isinstance(value, float) or abs(value) < 1 << 63
