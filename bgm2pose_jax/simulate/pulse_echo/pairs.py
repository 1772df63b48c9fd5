"""Loudspeakers with a microphone of their own beside them."""

from __future__ import annotations

import dataclasses

import numpy as np

# Distance between loudspeaker and microphone. It counts for the direct sound
# alone: the path of an echo at 1 m would change by under 1 mm.
COUPLING_M = 0.05
# Nearly a cardioid: -20 dB to the back, -5 dB to the side.
_ROUND, _AHEAD = 0.55, 0.45


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
  """Places and directions of pairs.

  The microphones hear all directions alike. The loudspeakers radiate with
  0.55 + 0.45 cos(angle off their axis) at all frequencies; a real one is
  rounder below 1 kHz and narrower above 10 kHz.

  Attributes:
    positions_m: float64 [pair, 3].
    axes: float64 [pair, 3], where the loudspeakers look, of any length but 0.
  """

  positions_m: np.ndarray
  axes: np.ndarray

  def radiation(self, directions: np.ndarray) -> np.ndarray:
    """Amplitude that the loudspeakers radiate, 1 straight ahead.

    Args:
      directions: [..., pair, part, 3], away from each loudspeaker.

    Returns:
      float64 [..., pair, part].
    """
    axes = self.axes / np.linalg.norm(self.axes, axis=-1, keepdims=True)
    length = np.maximum(np.linalg.norm(directions, axis=-1), 1e-9)
    ahead = (directions @ axes[..., None])[..., 0] / length
    return _ROUND + _AHEAD * ahead

  def moved(self, offset_m: np.ndarray) -> Pairs:
    """Returns the pairs elsewhere, with the same axes."""
    return Pairs(self.positions_m + offset_m, self.axes)
