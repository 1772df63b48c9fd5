"""What a prediction is: poses in time, and where they came from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21

# Frames a second of every feature set, and so of every prediction.
RATE_HZ = 20.0


@dataclasses.dataclass(frozen=True, eq=False)
class PoseTrack:
  """Poses of one recording, one every 50 ms, without gaps.

  Attributes:
    pose: float32 [frames, joint=21, 3], hip-spine lengths, right-handed, y up,
      hips at x = z = 0, lowest joint at y = 0; see `body21.normalize_pose`.
    first_s: time of the first frame's middle, seconds after the recording's
      first sample.
    spread: float32 [frames, joint], standard deviation between several models,
      hip-spine lengths (root of the mean over x, y, z); None for one model.
    target: float32 like `pose`, ground truth; None where there is none.
    simulated: the model was trained on simulated recordings.
    unit_cm: centimetres of a hip-spine length: the person's own where true
      poses say it, else AMPL's mean.
    facts: JSON values for the reader: model, data, alignment, how windows were
      blended and inputs standardised.
  """

  pose: np.ndarray
  first_s: float
  simulated: bool
  spread: np.ndarray | None = None
  target: np.ndarray | None = None
  unit_cm: float = BODY21.unit_cm
  facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    joints = (len(self.pose), BODY21.num_joints)
    for name, wanted in (
      ("pose", (*joints, 3)),
      ("spread", joints),
      ("target", (*joints, 3)),
    ):
      array = getattr(self, name)
      if array is None:
        continue
      if array.shape != wanted or not len(array):
        raise InputError(
          name, f"shape {array.shape}", f"give {wanted}, one frame at least"
        )
      if not np.isfinite(array).all():
        raise InputError(name, "is not finite", "predict again")

  def __len__(self) -> int:
    return len(self.pose)

  @property
  def time_s(self) -> np.ndarray:
    """float64 [frames], middle of each frame after the recording's start."""
    return self.first_s + np.arange(len(self.pose)) / RATE_HZ
