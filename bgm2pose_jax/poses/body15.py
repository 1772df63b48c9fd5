"""A body of 15 joints, the first of OpenPose's BODY_25, in metres.

Joint order and names are those of OpenPose's output format BODY_25, 0 to 14;
R and L are the body's own sides. Positions are in a camera's frame: x right, y
down, z forward, right-handed.
"""

from __future__ import annotations

from bgm2pose_jax.poses.skeleton import Skeleton

# Joint and its parent, in stored order; the root has none.
_TREE: tuple[tuple[str, str | None], ...] = (
  ("Nose", None),
  ("Neck", "Nose"),
  ("RShoulder", "Neck"),
  ("RElbow", "RShoulder"),
  ("RWrist", "RElbow"),
  ("LShoulder", "Neck"),
  ("LElbow", "LShoulder"),
  ("LWrist", "LElbow"),
  ("MidHip", "Neck"),
  ("RHip", "MidHip"),
  ("RKnee", "RHip"),
  ("RAnkle", "RKnee"),
  ("LHip", "MidHip"),
  ("LKnee", "LHip"),
  ("LAnkle", "LKnee"),
)
_JOINTS = tuple(name for name, _ in _TREE)

BODY15 = Skeleton(
  name="body15",
  joints=_JOINTS,
  parents=tuple(
    -1 if parent is None else _JOINTS.index(parent) for _, parent in _TREE
  ),
  parts={
    "trunk": (0, 1, 2, 5, 8, 9, 12),
    "arm": (3, 4, 6, 7),
    "leg": (10, 11, 13, 14),
  },
  unit="metres",
  unit_cm=100.0,
)
