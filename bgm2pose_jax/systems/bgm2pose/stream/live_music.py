"""The music on the clock of the sound that comes in."""

from __future__ import annotations

import math
import mmap
from typing import NamedTuple

import numpy as np

from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.predict import sound_pair

_RELEASE_SAMPLES = 10 * SAMPLE_RATE_HZ


class Line(NamedTuple):
  """Where the music lies.

  Sample n of the stream holds the music at position
  (n - offset_samples) * (1 + drift_ppm / 1e6).

  Attributes:
    offset_samples: where the music begins in the stream.
    drift_ppm: how much faster the player's clock runs than the recorder's.
  """

  offset_samples: float
  drift_ppm: float

  def position(self, sample: float) -> float:
    """The music's sample at one of the stream."""
    return (sample - self.offset_samples) * (1 + self.drift_ppm * 1e-6)

  def sample(self, position: float) -> float:
    """The stream's sample at one of the music."""
    return self.offset_samples + position / (1 + self.drift_ppm * 1e-6)


class LiveMusic:
  """Hands out the music; where it lies may change on the way."""

  def __init__(self, music: np.ndarray, line: Line):
    """Keeps the music where it is.

    Args:
      music: float32 [2, samples] at 48 kHz, an array or a mapped file.
      line: where it lies.
    """
    self.line = line
    self._music = music
    self._map = _mapping(music)
    self._released = 0

  @property
  def end(self) -> int:
    """Sample of the stream at which the music ends."""
    return math.floor(self.line.sample(self._music.shape[1]))

  def read(self, first: int, count: int) -> np.ndarray:
    """The music of a stretch of the stream, float32 [2, count]."""
    if self._map is not None and first - self._released > _RELEASE_SAMPLES:
      # What was read of a mapped file counts as this process's memory.
      self._map.madvise(mmap.MADV_DONTNEED)
      self._released = first
    found = sound_pair.played(self._music, *self.line, first, count)
    # A line that has just moved may end some samples sooner.
    missing = count - found.shape[1]
    found = np.ascontiguousarray(found)
    return np.pad(found, ((0, 0), (0, missing))) if missing else found


def _mapping(array: np.ndarray) -> mmap.mmap | None:
  """The mapped file that an array lies in, if it is one only to be read."""
  if not isinstance(array, np.memmap) or array.mode != "r":
    return None
  base: object = array
  while isinstance(base, np.ndarray):
    base = base.base
  return base if isinstance(base, mmap.mmap) else None
