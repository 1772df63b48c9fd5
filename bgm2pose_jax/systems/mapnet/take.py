"""One take of MAPdat: what a simulator makes and a reader reads."""

from __future__ import annotations

import dataclasses

import numpy as np

# Windows of three seconds, one second apart, at the rate of the poses.
WINDOW_FRAMES = 150
HOP_FRAMES = 50


@dataclasses.dataclass(frozen=True, eq=False)
class Take:
  """Poses and sound of one player playing one piece.

  Attributes:
    name: unique within the data set.
    player: who plays.
    technique: what is played, such as `detache`.
    pose_m: float32 [t, joint=13, 3], `poses.body13`, 50 frames per second,
      metres, y up; the origin is the take's median left toe; NaN where motion
      capture lost a joint.
    sound: float32 [n], mono, full scale 1; starts with the first frame and is
      as long as the poses, to a frame.
    sample_rate_hz: rate of `sound`.
  """

  name: str
  player: str
  technique: str
  pose_m: np.ndarray
  sound: np.ndarray
  sample_rate_hz: int
