"""Kernels as SoundCam has them: the ratio of envelopes."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

# 10 samples at 48 kHz.
_WINDOW_S = 10 / 48_000
_LEAST_SUM = 0.01


def envelope_ratio(
  responses: np.ndarray, empty: np.ndarray, mask: int, rate_hz: int
) -> np.ndarray:
  """2 (e - e0) / max(0.01, |e + e0|) of envelopes.

  They are taken in parts of the empty room's largest behind the direct sound:
  0.01 then means the same at any gain. That is our choice.

  Args:
    responses: float64 [pair, tap], with a person.
    empty: float64 [pair, tap], of the empty room.
    mask: taps that hold the direct sound.
    rate_hz: sample rate.

  Returns:
    float64 [pair, tap], -2 to 2.
  """
  heard, without = envelope(responses, rate_hz), envelope(empty, rate_hz)
  scale = without[:, mask:].max(axis=1, keepdims=True)
  least = np.maximum(_LEAST_SUM * scale, np.finfo(np.float64).tiny)
  return 2 * (heard - without) / np.maximum(least, heard + without)


def envelope(responses: np.ndarray, rate_hz: int) -> np.ndarray:
  """Root of the moving sum of squares over 0.21 ms, centred.

  Args:
    responses: float64 [..., tap].
    rate_hz: sample rate.

  Returns:
    float64 of the same shape.
  """
  count = max(1, round(_WINDOW_S * rate_hz))
  mean = ndimage.uniform_filter1d(responses**2, count, axis=-1, mode="constant")
  # Its running sum may end a little below zero.
  return np.sqrt(count * np.maximum(mean, 0))
