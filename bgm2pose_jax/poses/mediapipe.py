"""MediaPipe's 33 body landmarks: their names, their axes, and `BODY13` of them.

World landmarks are metres with the middle of the hips as origin, x to the
right of the picture, y down, z away from the camera (MediaPipe documentation,
"Pose landmark detection"). A half turn about x makes them right-handed with y
up and keeps left and right. Image landmarks are shares of the picture's width
and height: no lengths can be had from them, so they are refused.
"""

from __future__ import annotations

import re

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.poses.captured_points import CapturedPoints

# In the order of their numbers, 0 to 32.
NAMES: tuple[str, ...] = (
  "nose",
  "left_eye_inner",
  "left_eye",
  "left_eye_outer",
  "right_eye_inner",
  "right_eye",
  "right_eye_outer",
  "left_ear",
  "right_ear",
  "mouth_left",
  "mouth_right",
  "left_shoulder",
  "right_shoulder",
  "left_elbow",
  "right_elbow",
  "left_wrist",
  "right_wrist",
  "left_pinky",
  "right_pinky",
  "left_index",
  "right_index",
  "left_thumb",
  "right_thumb",
  "left_hip",
  "right_hip",
  "left_knee",
  "right_knee",
  "left_ankle",
  "right_ankle",
  "left_heel",
  "right_heel",
  "left_foot_index",
  "right_foot_index",
)
_AXES = np.array([1.0, -1.0, -1.0])
_SHOULDERS = (NAMES.index("left_shoulder"), NAMES.index("right_shoulder"))
_HIPS = (NAMES.index("left_hip"), NAMES.index("right_hip"))
_TOES = (NAMES.index("left_foot_index"), NAMES.index("right_foot_index"))
_HEELS = (NAMES.index("left_heel"), NAMES.index("right_heel"))
# The seventh cervical vertebra above the middle of the shoulders.
_C7_RAISED_M = 0.03
_LANDMARK_OF = {
  "SHO": "shoulder",
  "MEL": "elbow",
  "MWR": "wrist",
  "BWT": "hip",
  "KNE": "knee",
  "TOE": "foot_index",
}
# World landmarks have their hips at the origin by construction.
_FAR_M = 0.05
# A foot is three times as long.
_CLEAR_M = 0.08
_WORLD = (
  "give world landmarks (pose_world_landmarks), as MediaPipe writes them:"
  " metres, hips at the origin, y down"
)
_COORDINATE = re.compile(r"(?P<axis>[xyzv])_?(?P<n>\d{1,2})")


def csv_names(cells: list[str]) -> list[str]:
  """Brings the headers of landmark tables to `<landmark>_<axis>`.

  Args:
    cells: names such as `LEFT_HIP_x`, or numbered ones such as `x0`, `v0`
      counted from 0 or from 1.

  Returns:
    One name per cell; others are left as they are.
  """
  found = [_COORDINATE.fullmatch(cell.lower()) for cell in cells]
  numbers = [int(match["n"]) for match in found if match]
  first = 1 if numbers and min(numbers) == 1 and max(numbers) == 33 else 0
  out = []
  for cell, match in zip(cells, found):
    lower = cell.lower()
    if match and 0 <= int(match["n"]) - first < len(NAMES):
      axis = {"v": "visibility"}.get(match["axis"], match["axis"])
      lower = f"{NAMES[int(match['n']) - first]}_{axis}"
    name, _, axis = lower.rpartition("_")
    out.append(lower if name in NAMES and axis else cell)
  return out


def is_landmarks(names: tuple[str, ...]) -> bool:
  """Whether names of points are those of landmarks, at least the body's."""
  return set(_LANDMARK_OF.values()) <= {
    name.removeprefix("left_") for name in names if name in NAMES
  }


def in_order(points: CapturedPoints, where: object) -> CapturedPoints:
  """All landmarks in their order; those that the file lacks are missing.

  Args:
    points: points with the names of landmarks, and others.
    where: the file, for messages.

  Raises:
    InputError: no landmark of a shoulder, hip or foot to judge them by.
  """
  frames = len(points.positions)
  positions = np.full((frames, len(NAMES), 3), np.nan)
  visibility = np.full((frames, len(NAMES)), np.nan)
  for column, name in enumerate(points.names):
    if name in NAMES:
      positions[:, NAMES.index(name)] = points.positions[:, column]
      if points.visibility is not None:
        visibility[:, NAMES.index(name)] = points.visibility[:, column]
  for index in (*_SHOULDERS, *_HIPS, *_TOES):
    if NAMES[index] not in points.names:
      raise InputError(where, f"has no landmark {NAMES[index]}", _WORLD)
  return CapturedPoints(
    NAMES,
    positions,
    points.rate_hz,
    points.unit_m,
    None if points.visibility is None else visibility,
    points.time_s,
  )


def upright_m(landmarks: np.ndarray, where: object) -> np.ndarray:
  """Turns world landmarks so that y is up.

  Args:
    landmarks: [time, landmark=33, 3] as MediaPipe gives them.
    where: the file, for messages.

  Returns:
    float64 [time, landmark=33, 3] metres, y up, right-handed.

  Raises:
    InputError: nobody in any frame, image landmarks, or landmarks that
      somebody has turned or mirrored.
  """
  if not np.isfinite(landmarks[:, _SHOULDERS + _HIPS]).any():
    raise InputError(where, "shows nobody in any frame", "give another video")
  hips = _middle(landmarks, _HIPS)
  away_m = float(np.nanmedian(np.linalg.norm(hips, axis=1)))
  if not away_m < _FAR_M:
    raise InputError(
      where,
      f"has the middle of the hips at {_text(np.nanmedian(hips, axis=0))}, as"
      " image landmarks have: shares of the picture, no metres",
      _WORLD,
    )
  found = landmarks * _AXES
  up = _middle(found, _SHOULDERS) - _middle(found, _TOES)
  if float(np.nanmedian(up[:, 1])) < 0:
    raise InputError(
      where, "has the feet above the shoulders: y is up already", _WORLD
    )
  if _is_mirrored(found):
    raise InputError(
      where,
      "has the toes behind the heels: left and right are mirrored",
      _WORLD,
    )
  return found


def to_body13(
  landmarks_m: np.ndarray, visibility: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
  """Takes the joints of `BODY13` from landmarks.

  C7 is the middle of the shoulders raised by 3 cm; wrists, hips and toes are
  MediaPipe's wrist, hip and foot index.

  Args:
    landmarks_m: [time, landmark=33, 3] of `upright_m`.
    visibility: [time, landmark=33], or None.

  Returns:
    Positions [time, joint=13, 3] in metres and their visibility [time,
    joint=13], or None; that of C7 is the lesser of both shoulders'.
  """
  columns = []
  for joint in BODY13.joints[1:]:
    side = "left" if joint.startswith("L") else "right"
    columns.append(NAMES.index(f"{side}_{_LANDMARK_OF[joint[1:]]}"))
  middle = landmarks_m[:, _SHOULDERS].mean(axis=1)
  top = middle + np.array([0.0, _C7_RAISED_M, 0.0])
  positions = np.concatenate([top[:, None], landmarks_m[:, columns]], axis=1)
  if visibility is None:
    return positions, None
  least = visibility[:, _SHOULDERS].min(axis=1)
  return positions, np.column_stack([least, visibility[:, columns]])


def _middle(points: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
  """[time, 3]; NaN where one of the two is missing."""
  return points[:, pair].mean(axis=1)


def _is_mirrored(points: np.ndarray) -> bool:
  """Whether the feet point backwards by the person's left and right.

  By medians over time, and only where they are clear: noisy feet say nothing.
  """
  across = points[:, _HIPS[0]] - points[:, _HIPS[1]]  # towards the left
  forward = np.cross(across, np.array([0.0, 1.0, 0.0]))
  feet = _middle(points, _TOES) - _middle(points, _HEELS)
  feet[:, 1] = 0.0
  sure = np.isfinite(feet).all(axis=1) & np.isfinite(forward).all(axis=1)
  if not sure.any():
    return False
  foot, ahead = (np.median(each[sure], axis=0) for each in (feet, forward))
  length_m = float(np.linalg.norm(foot))
  size = float(np.linalg.norm(ahead))
  backward = float(foot @ ahead) < -0.5 * length_m * size
  return length_m > _CLEAR_M and backward


def _text(point: np.ndarray) -> str:
  return "(" + ", ".join(f"{value:.3g}" for value in point) + ")"
