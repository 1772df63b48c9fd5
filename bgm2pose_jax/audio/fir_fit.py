"""How much of a sound one fixed linear response of another explains.

A response of so many taps is fitted to the first half by least squares, and
judged on the second: gain = power of the sound / power of what is left.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import scipy.linalg
import scipy.signal

_WELCH = 4096


def fit(played: np.ndarray, heard: np.ndarray, taps: int) -> np.ndarray:
  """The response of so many taps that explains most of a sound.

  By the normal equations of the autocorrelation method (a Toeplitz system).

  Args:
    played: [n].
    heard: [n], on the same clock.
    taps: length of the response; lag 0 is its first tap.

  Returns:
    float64 [taps].
  """
  played, heard = (np.asarray(x, np.float64) for x in (played, heard))
  size = 1 << math.ceil(math.log2(2 * len(played)))
  p, h = np.fft.rfft(played, size), np.fft.rfft(heard, size)
  own = np.fft.irfft(p * p.conj(), size)[:taps]
  cross = np.fft.irfft(h * p.conj(), size)[:taps]
  # A trace of white noise keeps bands without sound from dividing by nothing.
  own[0] *= 1 + 1e-9
  return np.asarray(scipy.linalg.solve_toeplitz(own, cross))


def left(
  played: np.ndarray, heard: np.ndarray, taps: int
) -> tuple[np.ndarray, np.ndarray]:
  """The second half of a sound, and what a response of the first leaves of it.

  Args:
    played: [n].
    heard: [n].
    taps: length of the response.

  Returns:
    Two float64 [n - n // 2].
  """
  half = len(played) // 2
  response = fit(played[:half], heard[:half], taps)
  explained = scipy.signal.fftconvolve(played, response)[: len(played)]
  rest = np.asarray(heard, np.float64) - explained
  return np.asarray(heard, np.float64)[half:], rest[half:]


def decibels(sound: np.ndarray, rest: np.ndarray) -> float:
  """Power of a sound over what is left of it, in dB."""
  return 10 * math.log10(float(np.mean(sound**2) / np.mean(rest**2)))


def octave_decibels(
  sound: np.ndarray,
  rest: np.ndarray,
  rate_hz: float,
  edges_hz: tuple[float, ...],
) -> np.ndarray:
  """The same for each band between edges.

  Args:
    sound: [n].
    rest: [n].
    rate_hz: sample rate.
    edges_hz: ends of the bands, rising.

  Returns:
    float64 [edges - 1], in dB.
  """
  freqs, there = scipy.signal.welch(sound, rate_hz, nperseg=_WELCH)
  _, gone = scipy.signal.welch(rest, rate_hz, nperseg=_WELCH)
  out = []
  for low, high in itertools.pairwise(edges_hz):
    band = (freqs >= low) & (freqs < high)
    out.append(there[band].sum() / max(gone[band].sum(), 1e-300))
  return 10 * np.log10(out)
