"""Keypoints in any format that is read: told by what a file begins with."""

from __future__ import annotations

import os
import pathlib

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file, text_file
from bgm2pose_jax.poses import (
  coco_results,
  detected_joints,
  image_points,
  image_points_table,
  mediapipe,
  mediapipe_json,
  openpose,
  position_csv,
)
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.poses.image_points import ImagePoints

_FIX = (
  "give OpenPose's folder of JSON files, COCO results, MediaPipe's image"
  " landmarks, or a table with <Joint>_u,_v,_c"
)
# World landmarks have the middle of the hips at the origin.
_WORLD = 0.02


def read(
  path: str | os.PathLike[str],
  image_px: tuple[int, int],
  *,
  person: int | None = None,
) -> ImagePoints:
  """Reads the joints of one person in pictures.

  Args:
    path: a file, or OpenPose's folder.
    image_px: width and height of the pictures.
    person: see `image_points.one_person`; MediaPipe and tables have one.

  Returns:
    The points, checked; see `image_points.in_image`.

  Raises:
    InputError: a file that cannot be used; see the readers.
  """
  if person is not None and person < 0:
    raise InputError(f"--person={person}", "is negative", "give 0, 1, ..")
  path = pathlib.Path(path)
  return image_points.in_image(_read(path, image_px, person), image_px, path)


def _read(
  path: pathlib.Path, image_px: tuple[int, int], person: int | None
) -> ImagePoints:
  if path.is_dir():
    return openpose.read(path, person=person)
  with plain_file.opened(path, _FIX) as file:
    magic = file.read(2)
  if magic == b"PK":
    return image_points_table.read_npz(path)
  head = text_file.read_head(path).lstrip()
  if head[:1] not in (b"[", b"{"):
    if b"_u" in head.split(b"\n", 1)[0]:
      return image_points_table.read_csv(path)
    points = position_csv.read_position_points(
      path, renamed=mediapipe.csv_names, with_rest=True
    )
    if not mediapipe.is_landmarks(points.names):
      raise InputError(path, "has columns of no format that is read", _FIX)
    points = mediapipe.in_order(points, path)
    return _of_landmarks(points, image_px, path)
  if b'"people"' in head:
    return openpose.read(path, person=person)
  if b'"image_id"' in head:
    return coco_results.read(path, person=person)
  return _of_landmarks(mediapipe_json.read(path, image=True), image_px, path)


def _of_landmarks(
  points: CapturedPoints, image_px: tuple[int, int], path: pathlib.Path
) -> ImagePoints:
  """MediaPipe's image landmarks: shares of width and height, to pixels."""
  place = points.positions[..., :2]
  there = np.array(np.isfinite(place).all(axis=2))
  hips = [mediapipe.NAMES.index(f"{side}_hip") for side in ("left", "right")]
  shown = np.array(there[:, hips].all(axis=1))
  if shown.any():
    middle = place[shown][:, hips].mean(axis=1)
    if np.abs(np.median(middle, axis=0)).max() < _WORLD:
      raise InputError(
        path,
        "has the middle of the hips at the origin: world landmarks",
        "give image landmarks (pose_landmarks)",
      )
  if there.any() and np.abs(np.median(place[there], axis=0)).max() > 2:
    raise InputError(
      path,
      "has landmarks far outside the picture:"
      f" {np.median(place[there], axis=0).round(1).tolist()} is the median,"
      " pixels perhaps",
      "give MediaPipe's own shares of the picture, 0 to 1",
    )
  # A model that says nothing of a landmark has placed it all the same.
  sure = np.where(there, 1.0, 0.0)
  if points.visibility is not None:
    known = np.isfinite(points.visibility) & there
    sure = np.where(known, points.visibility, sure)
  pixels = np.where(there[..., None], place, 0.0) * image_px
  table = np.concatenate([pixels, sure[..., None]], axis=2)
  return ImagePoints(
    image_points.numbered(len(table)),
    False,
    detected_joints.from_names(mediapipe.NAMES, table),
    (
      "The joints are MediaPipe's image landmarks; neck and middle of the hips"
      " lie between their neighbours.",
    ),
  )
