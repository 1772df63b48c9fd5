"""A body of 13 points, named as optical markers are, in metres.

Joint order and names are those of Shrestha et al. (arXiv 2203.12829), figure 4,
as chosen in BUILD_NOTES: R and L are the body's own sides. Positions are
right-handed with y up.
"""

from __future__ import annotations

from bgm2pose_jax.poses.skeleton import Skeleton

FRAMES_PER_S = 50

# Joint and its parent, in stored order; the root has none.
_TREE: tuple[tuple[str, str | None], ...] = (
  ("C7", None),
  ("RSHO", "C7"),
  ("LSHO", "C7"),
  ("RMEL", "RSHO"),
  ("LMEL", "LSHO"),
  ("RMWR", "RMEL"),
  ("LMWR", "LMEL"),
  ("RBWT", "C7"),
  ("LBWT", "C7"),
  ("RKNE", "RBWT"),
  ("LKNE", "LBWT"),
  ("RTOE", "RKNE"),
  ("LTOE", "LKNE"),
)
_JOINTS = tuple(name for name, _ in _TREE)

BODY13 = Skeleton(
  name="body13",
  joints=_JOINTS,
  parents=tuple(
    -1 if parent is None else _JOINTS.index(parent) for _, parent in _TREE
  ),
  parts={
    "bow arm": (3, 5),
    "left arm": (4, 6),
    "trunk": (0, 1, 2, 7, 8),
    "leg": (9, 10, 11, 12),
  },
  unit="metres",
  unit_cm=100.0,
)

# (left, right) joints that mirror each other.
SIDES = tuple(
  (_JOINTS.index(name), _JOINTS.index("R" + name[1:]))
  for name in _JOINTS
  if name.startswith("L")
)
