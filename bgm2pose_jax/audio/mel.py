"""Mel bands: the filter matrix and decibels.

Slaney's scale (linear to 1 kHz, logarithmic above) and area normalisation,
as in the Auditory Toolbox (Slaney, 1998) and librosa's defaults.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.errors import InputError

_LINEAR_HZ_PER_MEL = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0

MIN_POWER = 1e-10  # floor of -100 dB
# Bands are multiplied in groups, each with the bins it needs only: the matrix
# is banded, and this is a quarter of the work of the full product.
_GROUP_BANDS = 32


def hz_to_mel(frequency_hz: np.ndarray | float) -> np.ndarray:
  """Slaney mel of a frequency in hertz (float64)."""
  frequency_hz = np.asarray(frequency_hz, np.float64)
  above = np.maximum(frequency_hz, _BREAK_HZ) / _BREAK_HZ
  return np.where(
    frequency_hz < _BREAK_HZ,
    frequency_hz / _LINEAR_HZ_PER_MEL,
    _BREAK_MEL + np.log(above) / _LOG_STEP,
  )


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
  """Inverse of `hz_to_mel`."""
  mel = np.asarray(mel, np.float64)
  return np.where(
    mel < _BREAK_MEL,
    mel * _LINEAR_HZ_PER_MEL,
    _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL)),
  )


@functools.cache
def mel_matrix(
  sample_rate_hz: float, size: int, bands: int = 128
) -> np.ndarray:
  """Triangular filters of unit area from 0 Hz to half the sample rate.

  Args:
    sample_rate_hz: samples per second.
    size: FFT length in samples.
    bands: number of bands.

  Returns:
    float64 [bands, size // 2 + 1], read-only.

  Raises:
    InputError: a band holds no FFT bin (rate too low for that many bands).
  """
  bins_hz = np.arange(size // 2 + 1) * (sample_rate_hz / size)
  edges_hz = mel_to_hz(np.linspace(0, hz_to_mel(sample_rate_hz / 2), bands + 2))
  low, centre, high = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
  rising = (bins_hz - low[:, None]) / (centre - low)[:, None]
  falling = (high[:, None] - bins_hz) / (high - centre)[:, None]
  matrix = np.maximum(0, np.minimum(rising, falling))
  matrix *= (2 / (high - low))[:, None]
  empty = np.flatnonzero(matrix.max(axis=1) == 0)
  if len(empty):
    raise InputError(
      "sample_rate_hz",
      f"{len(empty)} of {bands} mel bands are empty at {sample_rate_hz} Hz",
      "resample to 48000 Hz",
    )
  matrix.setflags(write=False)
  return matrix


@functools.cache
def groups(
  sample_rate_hz: float, size: int, bands: int = 128
) -> tuple[tuple[int, int, np.ndarray], ...]:
  """Cuts `mel_matrix` into groups of bands with the bins that they need.

  Args:
    sample_rate_hz: samples per second.
    size: FFT length in samples.
    bands: number of bands.

  Returns:
    For each group the first bin, the one behind the last, and float32
    [bins, bands of the group].
  """
  matrix = mel_matrix(sample_rate_hz, size, bands)
  found = []
  for start in range(0, bands, _GROUP_BANDS):
    rows = matrix[start : start + _GROUP_BANDS]
    used = np.flatnonzero(rows.any(axis=0))
    first, end = int(used[0]), int(used[-1]) + 1
    found.append((first, end, rows[:, first:end].T.astype(np.float32)))
  return tuple(found)


def to_mel(
  bins: jax.Array, sample_rate_hz: float, size: int, bands: int = 128
) -> jax.Array:
  """Weighted sums of FFT bins in mel bands.

  Args:
    bins: float32 [..., size // 2 + 1].
    sample_rate_hz: samples per second.
    size: FFT length in samples.
    bands: number of bands.

  Returns:
    float32 [..., bands].
  """
  parts = [
    # Accelerators would otherwise multiply in bfloat16 or tf32.
    jnp.matmul(bins[..., first:end], rows, precision=jax.lax.Precision.HIGHEST)
    for first, end, rows in groups(sample_rate_hz, size, bands)
  ]
  return jnp.concatenate(parts, axis=-1)


def power_to_db(power: jax.Array) -> jax.Array:
  """10 log10(max(power, 1e-10)): reference 1, floor -100 dB, no top_db."""
  return 10 * jnp.log10(jnp.maximum(power, MIN_POWER))
