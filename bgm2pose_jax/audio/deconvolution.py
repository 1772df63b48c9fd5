"""Impulse responses from recordings of a known sound, in float64.

With the spectra R of a recording and S of the sound that was played,
K = R conj(S) / (|S|^2 + eps max|S|^2), limited to the band of the sound.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft

from bgm2pose_jax.base.array_typing import ArrayLike
from bgm2pose_jax.base.errors import InputError

# An edge of the band is as wide as this part of the band, or an octave.
_EDGE = 0.1
# The inverse of the sound rings for a few periods of the narrowest edge.
_RINGING_PERIODS = 6
_MOST_RINGING_S = 1.0


def impulse_responses(
  recordings: ArrayLike,
  sweep: ArrayLike,
  rate_hz: float,
  *,
  band_hz: tuple[float, float],
  taps: int,
  eps: float = 1e-3,
  first_tap: ArrayLike = 0.0,
) -> np.ndarray:
  """Divides recordings by the sound that was played.

  A loopback channel, recorded together with the microphone, may stand for the
  sound: the converters' latency and colour then cancel.

  Nothing of the recording's end or of the time before its start wraps into the
  taps that are returned.

  Args:
    recordings: [..., n].
    sweep: [m], or [..., m] with a sound of its own for each recording; its
      first sample is when the sound leaves.
    rate_hz: sample rate of both.
    band_hz: lowest and highest frequency of the sound; outside the result is
      zero, towards the inside it rises smoothly over a tenth of the band, at
      the lower end over an octave at most.
    taps: how many are returned.
    eps: regularisation, a part of the sound's strongest power. A sound with a
      flat spectrum comes out smaller by 1 / (1 + eps).
    first_tap: where tap 0 lies in the recordings, in samples from their start;
      a fraction shifts by a fraction of a sample. One number, or [...].

  Returns:
    float64 [..., taps].

  Raises:
    InputError: an empty array, a silent sound, a band that is none.
  """
  recordings = np.asarray(recordings, np.float64)
  sweep = np.asarray(sweep, np.float64)
  first_tap = np.asarray(first_tap, np.float64)
  _check(recordings, sweep, rate_hz, band_hz, taps, eps)
  band_hz = (float(band_hz[0]), float(band_hz[1]))
  earliest = max(0, int(np.ceil(-first_tap.min())))
  latest = max(0, int(np.ceil(first_tap.max())))
  size = scipy.fft.next_fast_len(
    earliest
    + max(recordings.shape[-1], latest + taps)
    + sweep.shape[-1]
    + _ringing_samples(rate_hz, band_hz),
    real=True,
  )
  assert size is not None
  frequency_hz = scipy.fft.rfftfreq(size, 1 / rate_hz)
  if sweep.ndim == 1:
    inverse = _known_inverse(sweep.tobytes(), size, rate_hz, band_hz, eps)
  else:
    inverse = _inverse(sweep, size, rate_hz, band_hz, eps)
  spectra = np.asarray(scipy.fft.rfft(recordings, size, axis=-1)) * inverse
  if first_tap.any():
    turns = first_tap[..., None] * (frequency_hz / rate_hz)
    spectra *= np.exp(2j * np.pi * turns)
  return np.asarray(scipy.fft.irfft(spectra, size, axis=-1))[..., :taps]


def _inverse(
  sweep: np.ndarray,
  size: int,
  rate_hz: float,
  band_hz: tuple[float, float],
  eps: float,
) -> np.ndarray:
  """What spectra are multiplied with, complex128 [..., frequency]."""
  played = np.asarray(scipy.fft.rfft(sweep, size, axis=-1))
  power = np.abs(played) ** 2
  frequency_hz = scipy.fft.rfftfreq(size, 1 / rate_hz)
  inverse = played.conj() * band_weights(frequency_hz, band_hz)
  return inverse / (power + eps * power.max(axis=-1, keepdims=True))


@functools.lru_cache(maxsize=4)
def _known_inverse(
  sweep: bytes,
  size: int,
  rate_hz: float,
  band_hz: tuple[float, float],
  eps: float,
) -> np.ndarray:
  """The same for one sweep: thousands of recordings are divided by it."""
  return _inverse(np.frombuffer(sweep), size, rate_hz, band_hz, eps)


def band_weights(
  frequency_hz: np.ndarray, band_hz: tuple[float, float]
) -> np.ndarray:
  """Weighs frequencies: 1 in a band, 0 outside, raised cosines between.

  Args:
    frequency_hz: [frequency], Hz.
    band_hz: lowest and highest frequency; a lowest of 0 has no edge.

  Returns:
    float64 [frequency].
  """
  (low_hz, high_hz), (rise_hz, fall_hz) = band_hz, _edges_hz(band_hz)
  into_hz, left_hz = frequency_hz - low_hz, high_hz - frequency_hz
  rise = np.clip(into_hz / rise_hz, 0, 1) if rise_hz else into_hz >= 0
  return np.prod(
    [
      0.5 - 0.5 * np.cos(np.pi * part)
      for part in (rise, np.clip(left_hz / fall_hz, 0, 1))
    ],
    axis=0,
  )


def _edges_hz(band_hz: tuple[float, float]) -> tuple[float, float]:
  """Widths of the lower and the upper edge, Hz."""
  low_hz, high_hz = band_hz
  width_hz = _EDGE * (high_hz - low_hz)
  return min(low_hz, width_hz), width_hz


def _ringing_samples(rate_hz: float, band_hz: tuple[float, float]) -> int:
  narrowest_hz = min(width for width in _edges_hz(band_hz) if width > 0)
  seconds = min(_RINGING_PERIODS / narrowest_hz, _MOST_RINGING_S)
  return int(np.ceil(seconds * rate_hz))


def _check(recordings, sweep, rate_hz, band_hz, taps, eps) -> None:
  for name, array in {"recording": recordings, "sweep": sweep}.items():
    if array.ndim < 1 or not array.size:
      raise InputError(name, f"shape {array.shape}", "pass samples")
    if not np.isfinite(array).all():
      raise InputError(name, "holds NaN or infinite samples", "record it again")
  if not sweep.any(axis=-1).all():
    raise InputError("sweep", "is silent", "pass the sound that was played")
  if not 0 <= band_hz[0] < band_hz[1] <= rate_hz / 2:
    raise InputError(
      "band_hz",
      f"is {band_hz[0]} to {band_hz[1]} Hz at {rate_hz} Hz",
      "rise from 0 Hz or more to at most half the sample rate",
    )
  if taps < 1:
    raise InputError("taps", f"is {taps}", "give 1 or more")
  if not eps > 0:
    raise InputError("eps", f"is {eps}", "give a number above 0")
