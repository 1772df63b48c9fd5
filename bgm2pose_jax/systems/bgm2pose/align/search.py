"""Where in the recording the music lies: correlation peaks that vote.

Blocks of the recording are correlated with the whole music. Both are whitened
by their own smoothed spectra first, so the correlation is weighted by something
like the coherence (Knapp and Carter's smoothed coherence transform): all
frequencies at which the music stands above the noise count alike. A single
block of slow music often peaks at a wrong place, and a looped piece has many
right ones; so each block names its twenty best lags, and the line
"lag against time" on which most blocks agree wins (a Hough transform over
offset and drift).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.special

SEARCH_RATE_HZ = 12000
BLOCK_S = 2.73
LARGEST_DRIFT_PPM = 120.0

_BLOCK = 1 << 15
_SIZE = 1 << 17
_HOP = _SIZE - _BLOCK
_LOW_HZ, _HIGH_HZ = 60.0, 5500.0
# Bins of 0.09 Hz that the spectra are smoothed over: narrower than the lines
# of held notes are apart, so a line counts no more than noise between lines.
_SMOOTH_BINS = 16
_PEAKS = 20
# Peaks of one block are at least this far apart, s.
_APART_S = 0.01
_MOST_BLOCKS = 32
# Half the width of the stripe around a line within which peaks agree, s:
# direct sound and first reflections.
_TOLERANCE_S = 0.003
# Blocks this far below the loudest are silent.
_SILENT_DB = 50.0
_CANDIDATES = 5


@dataclasses.dataclass(frozen=True)
class Candidate:
  """A line that blocks agree on.

  Attributes:
    offset_s: time in the recording at which the music begins.
    drift_ppm: the drift of the player over the recorder.
    votes: blocks that agree.
    strength: sum of their peaks, in standard deviations of the correlation.
  """

  offset_s: float
  drift_ppm: float
  votes: int
  strength: float


@dataclasses.dataclass(frozen=True)
class Search:
  """What the vote gave.

  Attributes:
    candidates: best first; empty when nothing could be compared.
    blocks: blocks that voted.
    silent: blocks left out because nothing is heard in them.
    log10_chance: logarithm of the probability that so many blocks agree by
      chance on any line, an upper bound.
  """

  candidates: tuple[Candidate, ...]
  blocks: int
  silent: int
  log10_chance: float


def _whitened(spectrum: np.ndarray) -> np.ndarray:
  """Spectra over their own smoothed magnitude, complex64, band-limited."""
  power = np.square(np.abs(spectrum)).astype(np.float64)
  smooth = scipy.ndimage.uniform_filter1d(
    power, _SMOOTH_BINS, axis=-1, mode="nearest"
  )
  # A moving sum that was large leaves rounding errors of either sign.
  floor = 1e-9 * power.mean(axis=-1, keepdims=True) + 1e-30
  out = spectrum / np.sqrt(np.maximum(smooth, floor))
  freqs = np.fft.rfftfreq(_SIZE, 1 / SEARCH_RATE_HZ)
  out[..., (freqs < _LOW_HZ) | (freqs > _HIGH_HZ)] = 0
  return out.astype(np.complex64)


def _block_starts(sound: np.ndarray) -> tuple[np.ndarray, int]:
  """Starts of the blocks that are heard, spread evenly, and how many are not.

  Args:
    sound: [samples] at the search rate.
  """
  starts = np.arange(0, max(len(sound) - _BLOCK, 0) + 1, _BLOCK)
  if len(sound) < _BLOCK:
    return starts[:0], 0
  level = np.array([np.square(sound[s : s + _BLOCK]).mean() for s in starts])
  heard = level > level.max(initial=0.0) * 10 ** (-_SILENT_DB / 10)
  silent = int((~heard).sum())
  starts = starts[heard]
  if len(starts) > _MOST_BLOCKS:
    pick = np.linspace(0, len(starts) - 1, _MOST_BLOCKS).round().astype(int)
    starts = starts[pick]
  return starts, silent


def _peaks(
  sound: np.ndarray, music: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """The best lags of each block.

  Returns:
    Positions of the block's start in the music, samples [block, peak], and
    heights [block, peak] in standard deviations; NaN where a block has fewer.
  """
  padded = np.zeros(len(music) + _BLOCK + _SIZE, np.float32)
  padded[_BLOCK : _BLOCK + len(music)] = music
  window = np.hanning(_BLOCK).astype(np.float32)
  segments = np.stack([sound[s : s + _BLOCK] for s in starts]) * window
  blocks = np.conj(
    np.stack(
      [_whitened(np.asarray(scipy.fft.rfft(b, _SIZE))) for b in segments]
    )
  )
  apart = round(_APART_S * SEARCH_RATE_HZ)
  cells = _HOP // apart
  tops: list[np.ndarray] = []
  places: list[np.ndarray] = []
  power = np.zeros(len(blocks))
  parts = 0
  # Music on the outside: each of its spectra is needed once, and only the
  # best of every 10 ms is kept.
  for begin in range(0, len(music) + _BLOCK, _HOP):
    segment = padded[begin : begin + _SIZE]
    if not segment.any():
      continue
    part = _whitened(np.asarray(scipy.fft.rfft(segment)))
    parts += 1
    top = np.empty((len(blocks), cells), np.float32)
    place = np.empty((len(blocks), cells), np.int64)
    for i, block in enumerate(blocks):
      row = np.asarray(scipy.fft.irfft(part * block, _SIZE))[:_HOP]
      power[i] += float(np.square(row).mean())
      grid = np.abs(row[: cells * apart]).reshape(cells, apart)
      inside = grid.argmax(1)
      top[i] = grid[np.arange(cells), inside]
      place[i] = begin - _BLOCK + np.arange(cells) * apart + inside
    tops.append(top)
    places.append(place)
  if not tops:
    empty = np.zeros((len(blocks), 0))
    return empty, empty
  top, place = np.concatenate(tops, 1), np.concatenate(places, 1)
  count = min(_PEAKS, top.shape[1])
  best = np.argsort(-top, axis=1, kind="stable")[:, :count]
  deviation = np.sqrt(power / parts)[:, None] + 1e-30
  return (
    np.take_along_axis(place, best, 1).astype(np.float64),
    np.take_along_axis(top, best, 1) / deviation,
  )


def search(sound: np.ndarray, music: np.ndarray) -> Search:
  """Lets blocks vote on offset and drift.

  Args:
    sound: float32 [samples], the recording's W at `SEARCH_RATE_HZ`.
    music: float32 [samples], the music's mono mix at the same rate.

  Returns:
    Candidates and how likely the first one is by chance.
  """
  starts, silent = _block_starts(sound)
  if not len(starts) or not music.any():
    return Search((), len(starts), silent, 0.0)
  place, height = _peaks(sound, music, starts)
  # Middles of the blocks, s, in the recording and in the music.
  middle = (starts[:, None] + _BLOCK / 2) / SEARCH_RATE_HZ
  position = (place + _BLOCK / 2) / SEARCH_RATE_HZ
  span = float(middle.max() - middle.min()) + BLOCK_S
  step = min(_TOLERANCE_S / span * 1e6, 2 * LARGEST_DRIFT_PPM)
  half = math.ceil(LARGEST_DRIFT_PPM / step)
  drifts = np.arange(-half, half + 1) * step
  found: list[Candidate] = []
  for drift in drifts:
    offset = middle - position / (1 + drift * 1e-6)
    found += _stripes(offset, height, float(drift))
  found.sort(key=lambda c: (-c.strength, abs(c.drift_ppm), c.offset_s))
  kept: list[Candidate] = []
  for candidate in found:
    # The same line with a slightly other drift is no second candidate.
    near = 2 * (_TOLERANCE_S + span * 2 * step * 1e-6)
    if all(abs(candidate.offset_s - k.offset_s) > near for k in kept):
      kept.append(candidate)
    if len(kept) == _CANDIDATES:
      break
  lags = (len(music) + _BLOCK) / SEARCH_RATE_HZ
  chance = _log10_chance(
    kept[0].votes if kept else 0,
    len(starts),
    min(1.0, place.shape[1] * 2 * _TOLERANCE_S / lags),
    len(drifts) * lags / _TOLERANCE_S,
  )
  sharp = tuple(_sharpened(c, middle, position, height) for c in kept)
  return Search(sharp, len(starts), silent, chance)


def _sharpened(
  candidate: Candidate,
  middle: np.ndarray,
  position: np.ndarray,
  height: np.ndarray,
) -> Candidate:
  """Fits the line to the peaks near it, with soft limits that narrow.

  Args:
    candidate: the candidate from the stripes; right to a few ms.
    middle: the middles of the blocks in the recording, s, [block, 1].
    position: the positions of their peaks in the music, s, [block, peak].
    height: the heights of the peaks.
  """
  offset, drift = candidate.offset_s, candidate.drift_ppm * 1e-6
  ends = float(middle.min()), float(middle.max())
  for width in (2e-3, 1e-3, 5e-4):
    # Lines are named by their delays at both ends of the recording.
    grid = np.arange(-4, 5) * width / 2
    delay = [offset + drift * (offset - end) for end in ends]
    residual = middle - position - np.interp(middle, ends, delay)
    near = np.abs(residual) < 6 * width
    best = -1.0, 0.0, 0.0
    share = (middle - ends[0]) / max(ends[1] - ends[0], 1e-9)
    block = np.broadcast_to(np.arange(len(middle))[:, None], near.shape)[near]
    at, away, weight = (
      np.broadcast_to(share, near.shape)[near],
      residual[near],
      height[near],
    )
    for low in grid:
      for high in grid:
        miss = (away - low - (high - low) * at) / width
        score = np.zeros(len(middle))
        np.maximum.at(score, block, weight * np.exp(-0.5 * miss**2))
        if score.sum() > best[0]:
          best = float(score.sum()), float(low), float(high)
    early, late = delay[0] + best[1], delay[1] + best[2]
    slope = (late - early) / max(ends[1] - ends[0], 1e-9)
    drift = -slope
    offset = (early - slope * ends[0]) / (1 + drift)
  return dataclasses.replace(candidate, offset_s=offset, drift_ppm=drift * 1e6)


def _stripes(
  offset: np.ndarray, height: np.ndarray, drift: float
) -> list[Candidate]:
  """The best stripes of one drift, each block counted once in a stripe."""
  width = 2 * _TOLERANCE_S
  found = []
  # Two sets of cells, half a cell apart: a cluster is whole in one of them.
  for shift in (0.0, 0.5):
    cell = np.floor(offset / width + shift).astype(np.int64)
    low = cell.min()
    size = int(cell.max() - low) + 1
    strength = np.zeros(size)
    votes = np.zeros(size, np.int64)
    for row, high in zip(cell - low, height):
      best = np.zeros(size)
      np.maximum.at(best, row, high)
      strength += best
      votes += best > 0
    top = np.argsort(-strength, kind="stable")[:_CANDIDATES]
    for i in top:
      inside = cell == i + low
      middle = np.average(offset[inside], weights=height[inside])
      found.append(
        Candidate(float(middle), drift, int(votes[i]), float(strength[i]))
      )
  return found


def _log10_chance(votes: int, blocks: int, share: float, lines: float) -> float:
  """Bound on the chance that `votes` of `blocks` agree on one of `lines`."""
  if not votes:
    return 0.0
  # Binomial tail by the incomplete beta function.
  tail = float(scipy.special.betainc(votes, blocks - votes + 1, share))
  return min(0.0, math.log10(max(tail, 1e-300)) + math.log10(max(lines, 1.0)))
