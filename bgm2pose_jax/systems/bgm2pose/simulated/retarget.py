"""Captured skeletons brought to the unit that poses are measured in.

Poses are measured in hip-spine lengths, so where a capture system puts the
first spine joint decides the size of everything. CMU's own skeleton has it
0.12 m above the hips, the figure of its other conversion 0.21 m, AMPL 0.092 m;
left alone, one person would count half as many units as another.
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.body21 import BODY21

# AMPL's mean hip-spine length, 9.21 cm (BGM2Pose's project page), over the
# stature of the procedural adult, 1.70 m; AMPL states no statures.
SPINE_OF_STATURE = 0.0921 / 1.70


def place_spine(positions_m: np.ndarray, height_m: float) -> np.ndarray:
  """Moves Spine along its own line from the hips to AMPL's share of stature.

  Args:
    positions_m: [time, joint=21, 3], metres.
    height_m: stature of the person.

  Returns:
    A copy, same dtype, in which Spine lies `SPINE_OF_STATURE * height_m` from
    Hips in its old direction; frames where the two coincide stay as they are.
  """
  hips, spine = BODY21.index("Hips"), BODY21.index("Spine")
  out = positions_m.copy()
  offset = positions_m[:, spine] - positions_m[:, hips]
  length = np.linalg.norm(offset, axis=-1, keepdims=True)
  scale = np.where(
    length > 0, SPINE_OF_STATURE * height_m / np.maximum(length, 1e-9), 1.0
  )
  out[:, spine] = positions_m[:, hips] + scale * offset
  return out
