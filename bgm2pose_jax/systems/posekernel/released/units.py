"""The unit of coordinates, which the release does not state."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body15 import BODY15

# No room is 20 m wide, and nothing in one is within 20 mm of everything.
_MOST_M = 20.0
_TORSO_M = (0.2, 1.0)
_NECK, _HIP = BODY15.index("Neck"), BODY15.index("MidHip")


def scale_of(values: np.ndarray) -> tuple[float, str]:
  """Finds the unit by the median size of coordinates.

  Args:
    values: coordinates of one environment, any shape.

  Returns:
    Metres in one unit, and the unit's name.
  """
  if np.median(np.abs(values)) > _MOST_M:
    return 0.001, "millimetres"
  return 1.0, "metres"


def check_poses(where: object, pose_m: np.ndarray) -> None:
  """Refuses poses that cannot be metres in a camera's frame, in this order.

  Args:
    where: names the environment.
    pose_m: [n, joint, 3].

  Raises:
    InputError: the median distance from neck to mid-hip, or the median mid-hip,
      is not that of a person before a camera.
  """
  torso = np.linalg.norm(pose_m[:, _NECK] - pose_m[:, _HIP], axis=-1)
  length = float(np.median(torso))
  if not _TORSO_M[0] <= length <= _TORSO_M[1]:
    raise InputError(
      where,
      f"joints 1 and 8, neck and mid-hip, are {length:.3g} m apart",
      "give metres or millimetres, and joints in FrankMocap's order",
    )
  depth = float(np.median(pose_m[:, _HIP, 2]))
  if not depth > 0:
    raise InputError(
      where,
      f"the median mid-hip lies at z = {depth:.3g} m, behind the camera",
      "give positions in the camera's frame, z forward",
    )
