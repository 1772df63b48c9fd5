"""OpenPose's JSON: one file a frame, BODY_25, pixels.

A file holds `people`, each with `pose_keypoints_2d`: x, y and confidence of 25
joints, zeros where a joint was not found (OpenPose documentation, "Output
format"). The joints of `BODY15` are the first 15.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file, plain_file
from bgm2pose_jax.poses import image_points
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.poses.image_points import ImagePoints

_JOINTS = 25
# A crowd of a hundred with hands and faces.
_MAX_FRAME_BYTES = 4 << 20
_MAX_BYTES = 64 << 20
_ENDING = "_keypoints"
_FIX = (
  "give OpenPose's --write_json with --model_pose BODY_25: people, each with"
  " 75 numbers in pose_keypoints_2d"
)
# Numbers that other models write.
_OTHERS = {54: "COCO's 18 joints", 45: "MPI's 15 joints"}


def read(
  path: str | os.PathLike[str], *, person: int | None = None
) -> ImagePoints:
  """Reads a folder of files, a frame each, or one file.

  Args:
    path: the folder, whose files `*.json` are taken in the order of their
      names; or a file with one frame, or with a list of them.
    person: see `image_points.one_person`.

  Returns:
    The points as they are; nobody in a frame makes all its joints missing.

  Raises:
    InputError: no such JSON, several people, or another model's joints.
  """
  path = pathlib.Path(path)
  if path.is_dir():
    files = _files(path)
    frames = [json_file.read(each, _FIX, max_bytes=_MAX_FRAME_BYTES)
              for each in files]  # fmt: skip
    names = tuple(each.stem.removesuffix(_ENDING) for each in files)
    where: list[object] = list(files)
  else:
    data = plain_file.read(path, _MAX_BYTES, _FIX)
    found = json_file.parse(data, path, _FIX)
    frames = found if isinstance(found, list) else [found]
    names = image_points.numbered(len(frames))
    where = [f"{path} frame {name}" for name in names]
    if not isinstance(found, list):
      names = (path.stem.removesuffix(_ENDING),)
  table = np.zeros((len(frames), BODY15.num_joints, 3))
  empty = 0
  for number, frame in enumerate(frames):
    joints = _joints(frame, person, where[number])
    empty += joints is None
    if joints is not None:
      table[number] = joints
  notes = ["The joints are OpenPose's BODY_25."]
  if empty:
    notes.append(f"{empty} of {len(frames)} frames show nobody.")
  if person is not None:
    notes.append(f"Person {person} of each frame, in the file's order, counts.")
  named = path.is_dir() or len(frames) == 1
  return ImagePoints(names, named, table, tuple(notes))


def _files(folder: pathlib.Path) -> list[pathlib.Path]:
  try:
    with os.scandir(folder) as entries:
      found = [each.name for each in entries if each.name.endswith(".json")]
  except OSError as error:
    raise InputError(
      folder, f"cannot be read ({error.strerror})", "check its permissions"
    ) from None
  if not 0 < len(found) <= image_points.MAX_FRAMES:
    raise InputError(folder, f"holds {len(found)} files *.json", _FIX)
  return [folder / name for name in sorted(found)]


def _joints(frame: Any, person: int | None, where: object) -> np.ndarray | None:
  """[joint=15, 3] of the person, None where there is none."""
  people = frame.get("people") if isinstance(frame, Mapping) else None
  if not isinstance(people, list):
    raise InputError(where, "holds no list 'people'", _FIX)
  chosen = image_points.one_person(people, person, where)
  if chosen is None:
    return None
  values = chosen.get("pose_keypoints_2d") if isinstance(chosen, dict) else None
  if not isinstance(values, list):
    raise InputError(where, "has a person without pose_keypoints_2d", _FIX)
  if len(values) != 3 * _JOINTS:
    of = f", as {_OTHERS[len(values)]}" if len(values) in _OTHERS else ""
    raise InputError(
      where, f"has {len(values)} numbers of a person instead of 75{of}", _FIX
    )
  return numbers(values, where, _FIX).reshape(_JOINTS, 3)[: BODY15.num_joints]


def numbers(values: Sequence[Any], where: object, fix: str) -> np.ndarray:
  """Numbers of a JSON list as float64 [n]; NaN where one is null.

  Args:
    values: the list.
    where: the file, for messages.
    fix: what to do if it holds anything else.

  Raises:
    InputError: a value that is no number.
  """
  for value in values:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is not None and not is_number:
      raise InputError(where, f"holds {value!r:.40} among the numbers", fix)
    if isinstance(value, int) and abs(value) > 1 << 53:
      raise InputError(where, f"holds the number {str(value)[:20]}..", fix)
  return np.array(values, np.float64)
