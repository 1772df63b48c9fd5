"""The joints of `BODY15` from those that detectors of people in pictures give.

COCO's 17 keypoints and MediaPipe's landmarks have the body's joints under the
same names, and neither a neck nor a middle of the hips: these are the middle
of their neighbours, and as sure as the less sure one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bgm2pose_jax.poses.body15 import BODY15

# In the order of their numbers (cocodataset.org, "Keypoint Evaluation").
COCO17: tuple[str, ...] = (
  "nose",
  "left_eye",
  "right_eye",
  "left_ear",
  "right_ear",
  "left_shoulder",
  "right_shoulder",
  "left_elbow",
  "right_elbow",
  "left_wrist",
  "right_wrist",
  "left_hip",
  "right_hip",
  "left_knee",
  "right_knee",
  "left_ankle",
  "right_ankle",
)
_MIDDLES = {
  "Neck": ("left_shoulder", "right_shoulder"),
  "MidHip": ("left_hip", "right_hip"),
}


def from_names(names: Sequence[str], points: np.ndarray) -> np.ndarray:
  """Takes the joints by their names.

  Args:
    names: names of the points, such as `COCO17`; all that are needed.
    points: [frame, point, 3]: u, v and confidence.

  Returns:
    float64 [frame, joint=15, 3]; a middle is missing where a neighbour is.
  """
  points = np.asarray(points, np.float64)
  out = np.zeros((len(points), BODY15.num_joints, 3))
  for joint, name in enumerate(BODY15.joints):
    sources = _MIDDLES.get(name, (_detected(name),))
    each = np.stack([points[:, names.index(source)] for source in sources])
    sure = each[..., 2].min(axis=0)
    out[:, joint] = each.mean(axis=0)
    out[:, joint, 2] = sure
  return out


def _detected(joint: str) -> str:
  """`RShoulder` is called `right_shoulder`."""
  side = {"R": "right_", "L": "left_"}.get(joint[0], "")
  return side + (joint[1:] if side else joint).lower()
