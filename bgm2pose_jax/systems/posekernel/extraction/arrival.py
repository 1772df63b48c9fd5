"""When sounds arrive in a response, to a part of a sample."""

from __future__ import annotations

import numpy as np
import scipy.fft
from scipy import signal

# The first arrival is the first peak at least this high against the highest.
_FIRST = 0.5
# A peak's rise and fall, in samples: none of it is taken for an arrival of its
# own.
_RISE = 32
_FINER = 16


def first_arrival(response: np.ndarray) -> tuple[float, float]:
  """Finds the direct sound.

  Args:
    response: float64 [n].

  Returns:
    Its place in samples, to a part of one: the first high peak of the
    envelope. And how high the envelope's highest peak is over the root mean
    square of the response; noise has 4 to 6.
  """
  height = _envelope(response)
  level = float(np.sqrt(np.mean(response**2)))
  if level == 0:
    return 0.0, 0.0
  begins = int(np.argmax(height >= _FIRST * height.max()))
  place = begins + int(np.argmax(height[begins : begins + _RISE]))
  return _vertex(height, place), float(height.max()) / level


def arrivals(response: np.ndarray) -> tuple[np.ndarray, float]:
  """Finds each time that a sound begins, in a loopback's response.

  Args:
    response: float64 [n].

  Returns:
    float64 [arrival], places in samples; how high the highest is over the
    root mean square, as `first_arrival` has it.
  """
  height = _envelope(response)
  level = float(np.sqrt(np.mean(response**2)))
  if level == 0:
    return np.zeros(0), 0.0
  places, _ = signal.find_peaks(
    np.pad(height, 1), height=_FIRST * height.max(), distance=_RISE
  )
  found = np.array([_vertex(height, int(place) - 1) for place in places])
  return found, float(height.max()) / level


def shift(
  window: np.ndarray, reference: np.ndarray
) -> tuple[float, float, float]:
  """Finds how much later a sound lies in a window than in another.

  Args:
    window: float64 [n].
    reference: float64 [n].

  Returns:
    The shift in samples, to a small part of one; the correlation at that
    shift, -1 to 1; the factor by which the window is louder.
  """
  size = 2 * len(window)
  spectra = np.asarray(scipy.fft.rfft(np.stack([window, reference]), size))
  product = spectra[0] * spectra[1].conj()
  finer = _FINER * np.asarray(scipy.fft.irfft(product, size * _FINER))
  place = int(np.argmax(finer))
  around = np.take(finer, range(place - 1, place + 2), mode="wrap")
  moved = _vertex(around, 1) - 1 + place
  if moved > len(finer) / 2:
    moved -= len(finer)
  power = float((reference**2).sum())
  scale = np.sqrt(power * float((window**2).sum()))
  if scale == 0:
    return 0.0, 0.0, 0.0
  peak = float(finer[place])
  return moved / _FINER, peak / scale, peak / power


def _envelope(response: np.ndarray) -> np.ndarray:
  """Magnitude of the analytic signal, float64 [n]."""
  size = scipy.fft.next_fast_len(len(response))
  return np.abs(signal.hilbert(response, size))[: len(response)]


def _vertex(values: np.ndarray, place: int) -> float:
  """The top of the parabola through a peak and its neighbours."""
  if not 0 < place < len(values) - 1:
    return float(place)
  before, at, after = values[place - 1 : place + 2]
  bend = before - 2 * at + after
  return place + (0.5 * float((before - after) / bend) if bend < 0 else 0.0)
