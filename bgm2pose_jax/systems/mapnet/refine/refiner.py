"""What makes poses precise: a callable, and what it expects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.poses.body13 import FRAMES_PER_S

# Poses in [b, T_in, joint=13, 3] and audio [b, frame, 35] -> poses out
# [b, frame, joint=13, 3], metres in the frame of the training.
Refine = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Refiner:
  """A trained network as this command uses it.

  Attributes:
    refine: see `Refine`; frames are those of `take.WINDOW_FRAMES`.
    input_place: float64 [T_in], ascending, where in a window the input poses
      stand, in frames of the output.
    mean_pose_m: float [joint=13, 3], mean pose of the training.
    simulated: whether it was trained on simulated takes.
    facts: what a reader should know of it, plain values.
  """

  refine: Refine
  input_place: np.ndarray
  mean_pose_m: np.ndarray
  simulated: bool
  facts: Mapping[str, Any]

  @property
  def input_hz(self) -> float:
    """Input poses a second."""
    return FRAMES_PER_S / float(np.median(np.diff(self.input_place)))
