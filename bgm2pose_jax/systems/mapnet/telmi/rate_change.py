"""Marker tracks of any frame rate at 50 frames per second."""

from __future__ import annotations

import numpy as np
from scipy import signal

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import cleaning
from bgm2pose_jax.poses.body13 import FRAMES_PER_S

# Slower captures know nothing of a bow arm.
SLOWEST_HZ = 20.0
# Half of 50 Hz is kept out; fast bowing (12 strokes a second) passes. With the
# taps below the filter goes from one to nothing between 15 and 25 Hz.
_CUTOFF_HZ = 20.0
_HALF_WIDTH_S = 0.2
_KAISER_BETA = 6.0


def to_50_hz(
  positions: np.ndarray, rate_hz: float, where: object
) -> np.ndarray:
  """Changes the frame rate; frames that are missing stay so.

  Faster captures go through a low-pass filter of 20 Hz without delay, then
  a cubic spline; slower ones through the spline.

  Args:
    positions: [t, 3], NaN where missing, in some frames at most.
    rate_hz: its frames per second.
    where: the file, for the message.

  Returns:
    float64 [t', 3] at 50 frames per second, starting with the same moment.

  Raises:
    InputError: slower than 20 Hz.
  """
  if rate_hz < SLOWEST_HZ:
    raise InputError(
      where,
      f"has {rate_hz:g} frames per second",
      f"give markers at {SLOWEST_HZ:g} Hz or more",
    )
  missing = np.any(np.isnan(positions), axis=1)
  if abs(rate_hz - FRAMES_PER_S) < 1e-6:
    return positions
  filled = _filled(positions, missing)
  if rate_hz > FRAMES_PER_S:
    filled = _low_pass(filled, rate_hz)
  # Around its middle, float32 holds a micrometre of any room.
  middle = filled.mean(axis=0)
  out = middle + cleaning.resample(filled - middle, rate_hz, FRAMES_PER_S)
  at = np.minimum(
    np.arange(len(out)) * (rate_hz / FRAMES_PER_S), len(positions) - 1
  )
  gone = missing[np.floor(at + 1e-6).astype(int)]
  gone |= missing[np.ceil(at - 1e-6).astype(int)]
  out[gone] = np.nan
  return out


def _filled(positions: np.ndarray, missing: np.ndarray) -> np.ndarray:
  frames = np.arange(len(positions))
  return np.stack(
    [
      np.interp(frames, frames[~missing], axis[~missing])
      for axis in positions.T
    ],
    axis=1,
  )


def _low_pass(positions: np.ndarray, rate_hz: float) -> np.ndarray:
  half = max(1, round(_HALF_WIDTH_S * rate_hz))
  taps = signal.firwin(
    2 * half + 1,
    _CUTOFF_HZ,
    fs=rate_hz,
    window=("kaiser", _KAISER_BETA),  # pyright: ignore[reportArgumentType]
  )
  # Turned about the end points, so that a motion goes on as it was.
  reach = min(half, len(positions) - 1)
  padded = np.pad(
    positions, ((reach, reach), (0, 0)), "reflect", reflect_type="odd"
  )
  padded = np.pad(padded, ((half - reach, half - reach), (0, 0)), mode="edge")
  return signal.fftconvolve(
    padded, np.reshape(taps, (-1, 1)), mode="valid", axes=0
  )
