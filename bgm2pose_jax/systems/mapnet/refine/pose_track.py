"""Poses of one person as a file has them, in the system's joints and unit."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import interpolate

# Slopes of the curve depend on the neighbours of both ends of a piece.
_MARGIN = 3


@dataclasses.dataclass(frozen=True, eq=False)
class PoseTrack:
  """Poses at ascending times.

  Attributes:
    where: the file, for messages.
    time_s: float64 [t], seconds, two or more, on the poses' own clock.
    position_m: float64 [t, joint=13, 3], `poses.body13`, metres, y up, finite.
    missing: bool [t, joint=13], joints that were not seen and are bridged.
    hip_centred: whether the origin goes along with the hips.
    notes: what a reader should know of how the file was read, sentences.
  """

  where: str
  time_s: np.ndarray
  position_m: np.ndarray
  missing: np.ndarray
  hip_centred: bool
  notes: tuple[str, ...]

  @property
  def rate_hz(self) -> float:
    """Poses a second: the inverse of the median step."""
    return 1.0 / float(np.median(np.diff(self.time_s)))

  @property
  def end_s(self) -> float:
    """When the last pose ends: it stands for one step."""
    return float(self.time_s[-1]) + 1.0 / self.rate_hz

  def shifted(self, seconds: float) -> PoseTrack:
    """The same poses at later times.

    Args:
      seconds: how much later.
    """
    return dataclasses.replace(self, time_s=self.time_s + seconds)

  def at(self, time_s: np.ndarray) -> np.ndarray:
    """Poses at any times, on a curve through those of the file.

    The curve is cubic and goes beyond no two neighbours (PCHIP; Fritsch and
    Butland, SIAM J. Sci. Stat. Comput. 5, 1984), so that noise and uneven
    times cannot throw a joint away. Before the first and after the last pose
    it stands still.

    Args:
      time_s: [n].

    Returns:
      float64 [n, joint=13, 3] metres.
    """
    within = np.clip(time_s, self.time_s[0], self.time_s[-1])
    first = np.searchsorted(self.time_s, within.min(), "right") - 1 - _MARGIN
    end = np.searchsorted(self.time_s, within.max(), "left") + 1 + _MARGIN
    part = slice(max(int(first), 0), int(end))
    start_s = self.time_s[part][0]
    curve = interpolate.PchipInterpolator(
      self.time_s[part] - start_s, self.position_m[part], axis=0
    )
    return curve(within - start_s)

  def bridged_at(self, time_s: np.ndarray) -> np.ndarray:
    """Which joints were not seen in the pose nearest to each time.

    Args:
      time_s: [n].

    Returns:
      bool [n, joint=13].
    """
    after = np.clip(
      np.searchsorted(self.time_s, time_s), 1, len(self.time_s) - 1
    )
    before_is_nearer = (
      time_s - self.time_s[after - 1] <= self.time_s[after] - time_s
    )
    return self.missing[after - before_is_nearer]
