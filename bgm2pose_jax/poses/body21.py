"""A body of 21 points, named as MotionBuilder names them, and its unit.

Joint order and normalisation are those of Shibata et al. (CVPR 2023) and of
arXiv 2503.00389, section 4. Positions are right-handed with y up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.poses.skeleton import Skeleton

# Joint and its parent, in stored order; the root has none.
_TREE: tuple[tuple[str, str | None], ...] = (
  ("Hips", None),
  ("Spine", "Hips"),
  ("Spine1", "Spine"),
  ("Neck", "Spine1"),
  ("Head", "Neck"),
  ("LeftShoulder", "Spine1"),
  ("LeftArm", "LeftShoulder"),
  ("LeftForeArm", "LeftArm"),
  ("LeftHand", "LeftForeArm"),
  ("RightShoulder", "Spine1"),
  ("RightArm", "RightShoulder"),
  ("RightForeArm", "RightArm"),
  ("RightHand", "RightForeArm"),
  ("LeftUpLeg", "Hips"),
  ("LeftLeg", "LeftUpLeg"),
  ("LeftFoot", "LeftLeg"),
  ("LeftToeBase", "LeftFoot"),
  ("RightUpLeg", "Hips"),
  ("RightLeg", "RightUpLeg"),
  ("RightFoot", "RightLeg"),
  ("RightToeBase", "RightFoot"),
)
_JOINTS = tuple(name for name, _ in _TREE)

BODY21 = Skeleton(
  name="body21",
  joints=_JOINTS,
  parents=tuple(
    -1 if parent is None else _JOINTS.index(parent) for _, parent in _TREE
  ),
  parts={
    "arm": (5, 6, 7, 8, 9, 10, 11, 12),
    "leg": (13, 14, 15, 16, 17, 18, 19, 20),
    "body": (0, 1, 2, 3, 4),
  },
  unit="hip-spine lengths",
  unit_cm=9.21,
)

_LEFT_HIP = _JOINTS.index("LeftUpLeg")
_RIGHT_HIP = _JOINTS.index("RightUpLeg")
# Each joint's counterpart on the other side of the body.
_OTHER_SIDE = [
  _JOINTS.index(
    name.replace("Left", "Right")
    if name.startswith("Left")
    else name.replace("Right", "Left")
  )
  for name in _JOINTS
]


def normalize_pose(positions_m: Any) -> Any:
  """Expresses each frame in hip-spine lengths, hips at x = z = 0, floor at 0.

  Per frame: subtract Hips, divide all axes by the length Hips-Spine, then
  subtract the lowest joint's y, so that min y = 0 and x, z stay relative to
  the hips. Serves dataset builders (NumPy only) and compiled code.

  Args:
    positions_m: [..., joint=21, 3] metres (any unit gives the same answer),
      y up; NumPy or JAX array.

  Returns:
    Array of the same shape, kind and dtype, in units of `BODY21`. A frame
    whose Hips and Spine coincide (recordings without poses store zeros) is
    not scaled, so that it stays finite.

  Raises:
    InputError: the last two axes are not [21, 3].
  """
  if not hasattr(positions_m, "__array_namespace__"):
    positions_m = np.asarray(positions_m, np.float32)
  BODY21.check_axes(positions_m, "normalize_pose(positions_m)")
  xp = positions_m.__array_namespace__()
  relative = positions_m - positions_m[..., :1, :]
  square = xp.sum(relative[..., 1:2, :] ** 2, axis=-1, keepdims=True)
  # Choosing before the root keeps the gradient finite at zero length.
  length = xp.sqrt(xp.where(square > 0, square, xp.ones_like(square)))
  scaled = relative / length
  lowest = xp.min(scaled[..., 1:2], axis=-2, keepdims=True)
  return xp.concat(
    [scaled[..., :1], scaled[..., 1:2] - lowest, scaled[..., 2:]], axis=-1
  )


def mirrored(positions: Any) -> Any:
  """Exchanges left and right: the movement as a mirror at x = 0 shows it.

  Args:
    positions: [..., joint=21, 3], any unit, y up; NumPy or JAX array.

  Returns:
    Array of the same shape, kind and dtype. Twice mirrored is the original,
    bit for bit.

  Raises:
    InputError: the last two axes are not [21, 3].
  """
  BODY21.check_axes(positions, "mirrored(positions)")
  swapped = positions[..., _OTHER_SIDE, :]
  xp = positions.__array_namespace__()
  return xp.concat([-swapped[..., :1], swapped[..., 1:]], axis=-1)


def in_own_heading(positions: Any) -> Any:
  """Turns each frame about the vertical until the hips face +z.

  The person's left is then towards +x. Only the hips decide: a turned head or
  trunk stays turned.

  Args:
    positions: [..., joint=21, 3], any unit, y up, hips at x = z = 0; NumPy or
      JAX array.

  Returns:
    Array of the same shape, kind and dtype. A frame whose hip joints lie
    above each other has no heading and stays as it is.

  Raises:
    InputError: the last two axes are not [21, 3].
  """
  BODY21.check_axes(positions, "in_own_heading(positions)")
  xp = positions.__array_namespace__()
  left = positions[..., _LEFT_HIP, :] - positions[..., _RIGHT_HIP, :]
  length = xp.sqrt(left[..., 0] ** 2 + left[..., 2] ** 2)
  known = length > 0
  safe = xp.where(known, length, xp.ones_like(length))
  cos = xp.where(known, left[..., 0] / safe, xp.ones_like(length))[..., None]
  sin = xp.where(known, left[..., 2] / safe, xp.zeros_like(length))[..., None]
  x, y, z = (positions[..., axis] for axis in range(3))
  return xp.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)
