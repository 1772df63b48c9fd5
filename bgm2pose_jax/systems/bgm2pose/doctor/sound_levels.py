"""Levels of a sound file, gathered block by block."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from bgm2pose_jax.audio import ambisonics, audio_files
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S

# 16-bit full scale is 0.99997; converters stop a little below.
FULL_SCALE = 0.9999


@dataclasses.dataclass(frozen=True)
class Levels:
  """What the samples of a file say, channel by channel.

  Attributes:
    frames: samples per channel that were decoded.
    mean: [c] mean value, of full scale.
    power: [c] mean square.
    peak: [c] largest absolute value.
    full: [c] samples at full scale.
    correlation: [c, c]; 0 where a channel is silent.
    identical: bool [c, c], every sample equal.
    window_power: float32 [windows, c], mean square of each 0.6 s.
  """

  frames: int
  mean: np.ndarray
  power: np.ndarray
  peak: np.ndarray
  full: np.ndarray
  correlation: np.ndarray
  identical: np.ndarray
  window_power: np.ndarray


def measure(path: Path, channels: int, rate_hz: int) -> Levels:
  """Reads a whole file once.

  Args:
    path: its header was checked.
    channels: the number of channels in the file.
    rate_hz: the file's sample rate.

  Returns:
    The levels; zeros for a file without samples.

  Raises:
    InputError: samples that cannot be decoded, NaN or infinite ones.
  """
  size = max(round(WINDOW_S * rate_hz), 1)
  frames = 0
  total = np.zeros(channels)
  products = np.zeros((channels, channels))
  peak = np.zeros(channels)
  full = np.zeros(channels, np.int64)
  identical = np.ones((channels, channels), bool)
  windows = []
  rest = np.zeros((channels, 0), np.float32)
  for part in audio_files.sample_blocks(path):
    # Channels in rows first: along rows this is many times as fast.
    rows = np.ascontiguousarray(part.T)
    height = np.abs(rows)
    peak = np.maximum(peak, height.max(axis=1))
    full += np.count_nonzero(height >= FULL_SCALE, axis=1)
    for one in range(channels):
      for other in range(one):
        if identical[one, other] and not np.array_equal(rows[one], rows[other]):
          identical[one, other] = identical[other, one] = False
    exact = rows.astype(np.float64)
    total += exact.sum(axis=1)
    products += exact @ exact.T
    frames += rows.shape[1]
    rest = np.concatenate([rest, rows], axis=1)
    count = rest.shape[1] // size
    whole = rest[:, : count * size].reshape(channels, count, size)
    windows.append(np.square(whole).mean(axis=2, dtype=np.float64).T)
    rest = rest[:, count * size :]
  power = np.diag(products) / max(frames, 1)
  scale = np.sqrt(np.outer(np.diag(products), np.diag(products)))
  return Levels(
    frames=frames,
    mean=total / max(frames, 1),
    power=power,
    peak=peak,
    full=full,
    correlation=products / np.where(scale > 0, scale, 1.0),
    identical=identical,
    window_power=np.concatenate(windows or [np.zeros((0, channels))]).astype(
      np.float32
    ),
  )


def in_order(levels: Levels, order: str) -> Levels:
  """Levels of W, X, Y and Z.

  Args:
    levels: those of the file's four channels.
    order: their order, one of `ambisonics.ORDERS`.
  """
  if order == ambisonics.DEFAULT_ORDER:
    return levels
  place = list(ambisonics.ORDERS[order])
  both = np.ix_(place, place)
  return Levels(
    frames=levels.frames,
    mean=levels.mean[place],
    power=levels.power[place],
    peak=levels.peak[place],
    full=levels.full[place],
    correlation=levels.correlation[both],
    identical=levels.identical[both],
    window_power=levels.window_power[:, place],
  )


def decibels(power: float) -> float:
  """Power over that of a constant full scale, in dB; -inf for nothing."""
  return float(10 * np.log10(power)) if power > 0 else -float("inf")


def runs(marked: np.ndarray, shortest: int) -> list[tuple[int, int]]:
  """Stretches that are marked throughout.

  Args:
    marked: bool [n].
    shortest: stretches of fewer entries are left out.

  Returns:
    (first, one past the last) of each, ascending.
  """
  edges = np.flatnonzero(np.diff(marked, prepend=False, append=False))
  return [
    (int(first), int(end))
    for first, end in edges.reshape(-1, 2)
    if end - first >= shortest
  ]
