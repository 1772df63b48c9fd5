"""COCO's result files: 17 keypoints a person, pixels.

A file is a list of people, each with `image_id` and `keypoints`, 51 numbers: x,
y and confidence (cocodataset.org, "Results Format").
"""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import json_file, plain_file
from bgm2pose_jax.poses import detected_joints, image_points
from bgm2pose_jax.poses.detected_joints import COCO17
from bgm2pose_jax.poses.image_points import ImagePoints
from bgm2pose_jax.poses.openpose import numbers

_MAX_BYTES = 128 << 20
_FIX = (
  "give a list of results with image_id and keypoints, 17 times x, y and"
  " confidence"
)
_PICTURE = re.compile(r"(.+)\.(?:jpe?g|png|bmp|webp|tiff?)", re.IGNORECASE)


def read(
  path: str | os.PathLike[str], *, person: int | None = None
) -> ImagePoints:
  """Reads results; a picture is a frame.

  Args:
    path: the file.
    person: see `image_points.one_person`.

  Returns:
    The points of `BODY15`. Pictures whose ids are numbers come in their order,
    others in the file's; the ids name them.

  Raises:
    InputError: no such JSON, several people in a picture, or another number of
      keypoints.
  """
  found = json_file.parse(plain_file.read(path, _MAX_BYTES, _FIX), path, _FIX)
  if isinstance(found, Mapping):
    found = found.get("annotations")
  if not isinstance(found, list) or not found:
    raise InputError(path, "holds no list of results", _FIX)
  people: dict[Any, list[np.ndarray]] = {}
  for number, each in enumerate(found):
    name, keypoints = _result(each, f"{path} result {number}")
    people.setdefault(name, []).append(keypoints)
  kinds = {type(name) for name in people}
  if len(kinds) > 1:
    raise InputError(path, "has numbers and texts as image_id", _FIX)
  order = sorted(people) if int in kinds else list(people)
  table = np.zeros((len(order), len(COCO17), 3))
  for row, name in enumerate(order):
    where = f"{path} image_id {name}"
    chosen = image_points.one_person(people[name], person, where)
    if chosen is not None:
      table[row] = chosen
  notes = [
    "The joints are COCO's 17 keypoints; neck and middle of the hips lie"
    " between their neighbours."
  ]
  if _are_flags(table):
    table[..., 2] = table[..., 2] > 0
    notes.append("Their visibility is 0, 1 or 2: 1 and 2 count as found.")
  if person is not None:
    notes.append(
      f"Person {person} of each picture, in the file's order, counts."
    )
  return ImagePoints(
    tuple(map(str, order)),
    True,
    detected_joints.from_names(COCO17, table),
    tuple(notes),
  )


def _result(value: Any, where: str) -> tuple[int | str, np.ndarray]:
  """The picture's id and [keypoint=17, 3]."""
  if not isinstance(value, dict) or "image_id" not in value:
    raise InputError(where, "has no image_id", _FIX)
  name, keypoints = value["image_id"], value.get("keypoints")
  if isinstance(name, bool) or not isinstance(name, (int, str)):
    raise InputError(where, f"has the image_id {name!r:.40}", _FIX)
  if not isinstance(keypoints, list) or len(keypoints) != 3 * len(COCO17):
    count = len(keypoints) if isinstance(keypoints, list) else "no"
    raise InputError(where, f"has {count} numbers of keypoints, not 51", _FIX)
  if isinstance(name, str):
    name = pathlib.PurePosixPath(name).name
    match = _PICTURE.fullmatch(name)
    name = match[1] if match else name
  return name, numbers(keypoints, where, _FIX).reshape(len(COCO17), 3)


def _are_flags(table: np.ndarray) -> bool:
  """Whether the confidences are the visibility of annotations: 0, 1 and 2."""
  sure = table[..., 2]
  return bool(np.isin(sure, (0, 1, 2)).all() and (sure == 2).any())
