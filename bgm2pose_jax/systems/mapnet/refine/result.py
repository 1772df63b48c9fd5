"""A refined take: poses out, poses in, and truth where there is one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.poses.body13 import FRAMES_PER_S


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RefinedTake:
  """All at 50 frames a second, metres, y up, in the input's own frame.

  Attributes:
    pose_m: float32 [frames, joint=13, 3], the result.
    input_m: float32 [frames, joint=13, 3], the input at the same times.
    bridged: bool [frames, joint=13], where the nearest input pose lacks the
      joint.
    first_s: time of the first frame on the poses' clock.
    simulated: whether the network was trained on simulated takes.
    truth_m: float32 [frames, joint=13, 3], NaN where it does not reach; None
      where there is none.
    facts: what a reader should know, plain values.
    notes: the same in words, sentences.
  """

  pose_m: np.ndarray
  input_m: np.ndarray
  bridged: np.ndarray
  first_s: float
  simulated: bool
  truth_m: np.ndarray | None = None
  facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  notes: tuple[str, ...] = ()

  def __len__(self) -> int:
    """How many frames there are."""
    return len(self.pose_m)

  @property
  def time_s(self) -> np.ndarray:
    """float64 [frames] on the poses' clock."""
    return self.first_s + np.arange(len(self)) / FRAMES_PER_S
