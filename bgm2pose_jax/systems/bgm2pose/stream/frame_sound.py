"""Samples in pieces of any length become units of whole frames, with times."""

from __future__ import annotations

import collections

import numpy as np

from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import FRAME_SAMPLES
from bgm2pose_jax.systems.bgm2pose.stream.sound_queue import CHANNELS


class FrameSound:
  """Cuts the stream into units and knows when each sample came."""

  def __init__(self, first_sample: int, unit_frames: int):
    """Starts before any sound.

    Args:
      first_sample: the stream's sample at which the first frame begins.
      unit_frames: frames of a unit.
    """
    self._unit = unit_frames * FRAME_SAMPLES
    self._sound = np.zeros((CHANNELS, 0), np.float32)
    self._first = first_sample  # of the stream, at the head of `_sound`
    self._begin = first_sample
    # (one past the last sample, arrived, due) of the pieces, oldest first.
    self._times: collections.deque[tuple[int, float, float]] = (
      collections.deque()
    )

  @property
  def first(self) -> int:
    """Sample of the stream at which the next unit begins."""
    return self._first

  @property
  def frames(self) -> int:
    """Whole frames that are there."""
    return self._sound.shape[1] // FRAME_SAMPLES

  def add(
    self, samples: np.ndarray, end: int, arrived_s: float, due_s: float
  ) -> None:
    """Takes samples [4, n] that end before sample `end` of the stream."""
    self._times.append((end, arrived_s, due_s))
    early = self._first + self._sound.shape[1] - (end - samples.shape[1])
    if early > 0:
      samples = samples[:, early:]
    self._sound = np.concatenate([self._sound, samples], axis=1)

  def next_unit(self) -> np.ndarray | None:
    """The next unit [4, s], or None while it is not whole."""
    if self._sound.shape[1] < self._unit:
      return None
    return self._cut(self._unit)

  def rest(self, frames: int) -> np.ndarray:
    """So many frames of what is left, or as many as there are."""
    return self._cut(max(0, min(frames, self.frames)) * FRAME_SAMPLES)

  def _cut(self, count: int) -> np.ndarray:
    found = np.ascontiguousarray(self._sound[:, :count])
    self._sound = self._sound[:, count:]
    self._first += count
    return found

  def times(self, frame: int) -> tuple[float, float]:
    """When the last sample of a frame arrived and was due."""
    end = self._begin + (frame + 1) * FRAME_SAMPLES
    for last, arrived_s, due_s in self._times:
      if last >= end:
        return arrived_s, due_s
    return self._times[-1][1:]

  def forget(self, frame: int) -> None:
    """Times of this frame and those before it are asked for no more."""
    end = self._begin + (frame + 1) * FRAME_SAMPLES
    while len(self._times) > 1 and self._times[0][0] <= end:
      self._times.popleft()
