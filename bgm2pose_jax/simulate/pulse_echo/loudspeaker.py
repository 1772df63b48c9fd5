"""A loudspeaker's frequency response, drawn from a seed."""

from __future__ import annotations

import numpy as np
from scipy import interpolate

from bgm2pose_jax.simulate.pulse_echo.fourier import (
  frequencies_hz,
  signals,
  spectra,
)

# Second-order edges; a small wide-band driver.
_LOW_HZ, _HIGH_HZ = 150.0, 30_000.0
_RIPPLE_DB = 1.5
_KNOTS_PER_OCTAVE = 2
_MIN_HZ = 20.0


def loudspeaker_spectrum(
  size: int, rate_hz: float, rng: np.random.Generator
) -> np.ndarray:
  """Response of a band-pass with mild ripple, minimum phase.

  Butterworth edges of order 2 at 150 Hz and 30 kHz; between them the level
  wanders smoothly by 1.5 dB (standard deviation at knots half an octave
  apart).

  Args:
    size: length of the FFT, even.
    rate_hz: sample rate.
    rng: draws the ripple.

  Returns:
    complex128 [size // 2 + 1]; its impulse response begins at tap 0.
  """
  freqs = frequencies_hz(size, rate_hz)
  f = np.maximum(freqs, _MIN_HZ)
  octaves = np.log2(rate_hz / 2 / _MIN_HZ)
  knots = np.arange(int(np.ceil(octaves * _KNOTS_PER_OCTAVE)) + 2)
  level_db = np.clip(rng.standard_normal(len(knots)), -2, 2) * _RIPPLE_DB
  place = np.log2(f / _MIN_HZ) * _KNOTS_PER_OCTAVE
  ripple = 10 ** (interpolate.CubicSpline(knots, level_db)(place) / 20)
  low = 1 / np.sqrt(1 + (_LOW_HZ / f) ** 4)
  high = 1 / np.sqrt(1 + (f / _HIGH_HZ) ** 4)
  return _minimum_phase(ripple * low * high, size)


def _minimum_phase(magnitude: np.ndarray, size: int) -> np.ndarray:
  """Folds the cepstrum (A. V. Oppenheim, R. W. Schafer, section 13.5)."""
  cepstrum = signals(np.log(magnitude), size)
  fold = np.zeros(size)
  fold[0] = fold[size // 2] = 1.0
  fold[1 : size // 2] = 2.0
  return np.exp(spectra(cepstrum * fold, size))
