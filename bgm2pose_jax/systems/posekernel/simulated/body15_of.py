"""The first 15 joints of BODY_25 from the simulator's body of 21 points."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate.body import BodyModel

_SAME = {
  "Neck": "Neck",
  **{
    f"{side[0]}{joint}": f"{side}{name}"
    for side in ("Right", "Left")
    for joint, name in {
      "Shoulder": "Arm",
      "Elbow": "ForeArm",
      "Wrist": "Hand",
      "Hip": "UpLeg",
      "Knee": "Leg",
      "Ankle": "Foot",
    }.items()
  },
}


def body15_of(positions_m: np.ndarray, body: BodyModel) -> np.ndarray:
  """Takes BODY15's joints from a body of 21 points.

  The nose is the foremost point of the head that the body model has: from the
  middle of the head half its depth forward. Forward is at right angles to the
  neck and to the line between the shoulders. The middle of the hips is the
  middle between the two hip joints.

  Args:
    positions_m: [..., joint=21, 3], y up.
    body: gives the size of the head.

  Returns:
    float64 [..., joint=15, 3], same frame.
  """
  joints = np.asarray(positions_m, np.float64)
  out = np.empty((*joints.shape[:-2], BODY15.num_joints, 3))
  for name, source in _SAME.items():
    out[..., BODY15.index(name), :] = joints[..., BODY21.index(source), :]
  hips = [BODY21.index("LeftUpLeg"), BODY21.index("RightUpLeg")]
  out[..., BODY15.index("MidHip"), :] = joints[..., hips, :].mean(axis=-2)
  centres, half_axes = body.rectangles(joints)
  # Second part: the head. Third axis: forward.
  out[..., BODY15.index("Nose"), :] = (
    centres[..., 1, :] + half_axes[..., 1, 2, :]
  )
  return out
