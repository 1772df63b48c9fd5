"""Octave bands of a spectrum: weights, and signals cut into bands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bgm2pose_jax.simulate.scene_parts import BAND_EDGES_HZ, OCTAVES_HZ, Octaves


def octave_weights(
  freqs_hz: np.ndarray, octaves_hz: Sequence[float] = OCTAVES_HZ
) -> np.ndarray:
  """Zero-phase octave weights, [band, frequencies], that sum to one.

  Triangles over log frequency around `octaves_hz`, one after the other; flat
  beyond the outer two.

  Args:
    freqs_hz: frequencies, not negative.
    octaves_hz: centres, each twice the one before.
  """
  place = np.log2(np.maximum(freqs_hz, 1e-3) / octaves_hz[0])
  place = np.clip(place, 0, len(octaves_hz) - 1)
  bands = np.arange(len(octaves_hz))[:, None]
  return np.maximum(0.0, 1 - np.abs(place - bands))


def band_of(freqs_hz: np.ndarray) -> np.ndarray:
  """Which band between `BAND_EDGES_HZ` a frequency lies in, int [frequencies].

  The first and last band hold what lies beyond them too.

  Args:
    freqs_hz: frequencies, not negative.
  """
  inner = np.asarray(BAND_EDGES_HZ[1:-1])
  return np.searchsorted(inner, freqs_hz, side="right")


def per_octave(value: Octaves, count: int) -> np.ndarray:
  """One number or one an octave as float64 [count].

  Args:
    value: a field of a scene.
    count: number of octaves.
  """
  return np.broadcast_to(np.asarray(value, np.float64), (count,))
