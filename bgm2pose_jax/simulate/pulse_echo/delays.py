"""Impulses at fractions of a sample, many at once.

`room` has the same with 128 taps, flat to 0.45 of the sample rate. Here the
rate is three times the highest frequency, so 32 taps do, and they are looked
up: thousands of echoes take a millisecond.
"""

from __future__ import annotations

import functools

import numpy as np

HALF_TAPS = 16
# Up to a third of the sample rate this window errs by less than -80 dB.
_KAISER_BETA = 9.0
# Fractions of a sample in the table; linear in between, which errs by less
# than (pi / 256)^2 / 24, -104 dB.
_FRACTIONS = 256


@functools.cache
def _table() -> np.ndarray:
  """Windowed sincs, float64 [fraction, 2 HALF_TAPS], one more than needed."""
  offset = np.arange(-HALF_TAPS + 1, HALF_TAPS + 1)
  t = offset - (np.arange(_FRACTIONS + 2) / _FRACTIONS)[:, None]
  inside = np.sqrt(np.clip(1 - (t / HALF_TAPS) ** 2, 0, 1))
  return np.sinc(t) * np.i0(_KAISER_BETA * inside) / np.i0(_KAISER_BETA)


def impulse_trains(
  rows: np.ndarray,
  delays: np.ndarray,
  gains: np.ndarray,
  shape: tuple[int, int],
) -> np.ndarray:
  """Adds band-limited impulses up, row by row.

  What falls outside the taps is left out; an impulse within `HALF_TAPS` of
  either end loses a part.

  Args:
    rows: int [n], the row that an impulse belongs to.
    delays: [n], its place in samples.
    gains: [n], its size.
    shape: number of rows and taps.

  Returns:
    float64 [rows, taps].
  """
  count, taps = shape
  delays = np.clip(delays, -2 * HALF_TAPS, taps + 2 * HALF_TAPS)
  whole = np.floor(delays).astype(np.int64)
  place = (delays - whole) * _FRACTIONS
  cell = place.astype(np.int64)
  part = (place - cell) * gains
  # A margin on both sides of each row takes what falls outside.
  margin = 4 * HALF_TAPS
  width = taps + 2 * margin
  first = rows * width + margin + whole - HALF_TAPS + 1
  where = first[:, None] + np.arange(2 * HALF_TAPS)
  values = _table()[cell] * (gains - part)[:, None]
  values += _table()[cell + 1] * part[:, None]
  out = np.bincount(where.ravel(), values.ravel(), count * width)
  return out.reshape(count, width)[:, margin : margin + taps]
