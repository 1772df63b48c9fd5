"""SciPy's real FFT along the last axis, of which NumPy arrays come back."""

from __future__ import annotations

import numpy as np
import scipy.fft


def spectra(signals: np.ndarray, size: int) -> np.ndarray:
  """Spectra [..., size // 2 + 1] of signals [..., n], n at most `size`."""
  return np.asarray(scipy.fft.rfft(signals, size, axis=-1))


def signals(spectra: np.ndarray, size: int) -> np.ndarray:
  """Signals [..., size] of spectra [..., size // 2 + 1]."""
  return np.asarray(scipy.fft.irfft(spectra, size, axis=-1))


def frequencies_hz(size: int, rate_hz: float) -> np.ndarray:
  """Frequencies of a spectrum's bins, float64 [size // 2 + 1]."""
  return np.fft.rfftfreq(size, 1 / rate_hz)


def good_size(least: int) -> int:
  """An even size of at least `least` that transforms fast."""
  # Of half the size, so that twice it is even.
  return 2 * int(scipy.fft.next_fast_len(-(-least // 2), real=True) or 0)
