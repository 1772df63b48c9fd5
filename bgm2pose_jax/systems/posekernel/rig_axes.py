"""Names of axes, such as x_right_y_down_z_forward, and the way to them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError

CAMERA = "x_right_y_down_z_forward"
# Each direction in the camera's frame.
_DIRECTIONS = {
  "right": (1, 0, 0),
  "left": (-1, 0, 0),
  "down": (0, 1, 0),
  "up": (0, -1, 0),
  "forward": (0, 0, 1),
  "backward": (0, 0, -1),
}
_NAME = re.compile(
  "x_({0})_y_({0})_z_({0})".format("|".join(_DIRECTIONS)), re.ASCII
)


def to_camera(axes: Any, path: object) -> tuple[np.ndarray, tuple[str, ...]]:
  """The way from named axes to the camera's.

  Left-handed axes, such as those with x right, y up and z forward, are
  converted as they say, and that is noted: a frame that is called so by
  mistake comes out mirrored.

  Args:
    axes: the name.
    path: the file, for messages.

  Returns:
    float64 [3, 3], a matrix that column vectors are multiplied by, and notes.

  Raises:
    InputError: no such name, or two axes along one line.
  """
  match = _NAME.fullmatch(axes) if isinstance(axes, str) else None
  if match is None:
    raise InputError(
      path,
      f"axes is {axes!r:.60}",
      f"give {CAMERA}, or say so of each axis: {', '.join(_DIRECTIONS)}",
    )
  matrix = np.array([_DIRECTIONS[name] for name in match.groups()], float).T
  turn = round(np.linalg.det(matrix))
  if turn == 0:
    raise InputError(
      path, f"axes is {axes!r}, with two axes along one line", f"give {CAMERA}"
    )
  if axes == CAMERA:
    return matrix, ()
  notes = (f"The rig's axes were converted from {axes} to {CAMERA}.",)
  if turn < 0:
    notes += (
      f"{axes} is left-handed (x right, y up and z forward is Unity's; OpenGL"
      " has z backward): if the frame is right-handed in truth, all pairs are"
      " mirrored now.",
    )
  return matrix, notes
