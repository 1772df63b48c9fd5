"""Drift from the phase of the cross-spectrum, without knowing the room.

While the clocks are not yet right, the cross-spectrum of recording and music
turns from block to block, at every frequency in proportion to it. The drift is
the one that, turned back, lets the blocks of each frequency add up best; what
the room does to a frequency is the same in all blocks and drops out.
"""

from __future__ import annotations

import math

import numpy as np

from bgm2pose_jax.systems.bgm2pose.align import spectra
from bgm2pose_jax.systems.bgm2pose.align.spectra import Clocks

# Band by band, Hz, so that the phase never turns past the next maximum.
_BANDS_HZ = ((100.0, 1000.0), (150.0, 3000.0), (200.0, 8000.0))
_REACH_PPM = 30.0
# A maximum is about 1 / (frequency x duration) wide; look at this many widths
# after the first band.
_WIDTHS = 2.0
_BINS_AT_ONCE = 1024


def refine_drift(
  sound: np.ndarray, music: np.ndarray, clocks: Clocks
) -> Clocks:
  """Turns the line until the blocks add up; its middle stays where it is.

  Args:
    sound: float32 [1, samples], W at `spectra.RATE_HZ`.
    music: float32 [2, samples] at the same rate.
    clocks: right to `_REACH_PPM` and some ms.

  Returns:
    The better clocks.
  """
  samples = sound.shape[1]
  placed = spectra.place_music(music, clocks, samples)
  top = int(np.searchsorted(spectra.FREQS_HZ, _BANDS_HZ[-1][1]))
  cross, middles = [], []
  for block in spectra.blocks(sound, placed[:1]):
    if not block.music.any():
      continue
    product = block.sound[0, :top] * np.conj(block.music[0, :top])
    # Loud passages may not decide alone.
    size = np.abs(product)
    level = float(np.sqrt(np.mean(np.square(size))))
    if level > 0:
      cross.append(
        (product / np.sqrt(size * level + 1e-30)).astype(np.complex64)
      )
      middles.append(block.middle_s)
  if len(cross) < 2:
    return clocks
  table = np.stack(cross)
  del cross
  table /= np.sqrt(np.mean(np.square(np.abs(table)), axis=0)) + 1e-30
  middle = float(np.mean(middles))
  times = np.asarray(middles) - middle
  span = max(float(np.ptp(times)), 1.0)
  slope, reach = 0.0, _REACH_PPM * 1e-6
  for low, high in _BANDS_HZ:
    band = slice(*np.searchsorted(spectra.FREQS_HZ, (low, high)))
    freqs = spectra.FREQS_HZ[band]
    step = min(reach / 30, 0.2 / (high * span))
    side = math.ceil(reach / step)
    grid = slope + np.arange(-side, side + 1) * step
    power = _added_up(table[:, band], freqs, times, grid)
    slope = _top(grid, power)
    reach = _WIDTHS / (high * span)
  # The delay grows by `slope` a second around the middle.
  return clocks.later_by(-slope * middle, slope)


def _added_up(
  table: np.ndarray, freqs: np.ndarray, times: np.ndarray, grid: np.ndarray
) -> np.ndarray:
  """Power of the sum over blocks after turning back, per slope of the grid."""
  power = np.zeros(len(grid))
  for low in range(0, len(freqs), _BINS_AT_ONCE):
    some = slice(low, low + _BINS_AT_ONCE)
    angle = 2j * np.pi * np.outer(times, freqs[some])
    turned = table[:, some] * np.exp(angle * grid[0]).astype(np.complex64)
    step = np.exp(angle * (grid[1] - grid[0])).astype(np.complex64)
    for i in range(len(grid)):
      power[i] += float(np.square(np.abs(turned.sum(axis=0))).sum())
      # From slope to slope a product is enough; it need not be exact.
      turned *= step
  return power


def _top(grid: np.ndarray, values: np.ndarray) -> float:
  """Place of the maximum, by a parabola through three values."""
  i = int(np.argmax(values))
  if i in (0, len(grid) - 1):
    return float(grid[i])
  before, here, after = values[i - 1 : i + 2]
  bend = before - 2 * here + after
  shift = 0.5 * (before - after) / bend if bend else 0.0
  return float(grid[i] + shift * (grid[1] - grid[0]))
