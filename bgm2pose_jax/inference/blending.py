"""Overlapping windows become one sequence of frames.

The same object serves files and streams, which therefore agree.
"""

from __future__ import annotations

import numpy as np


class Blender:
  """Weighted means over windows, handed out as soon as they are final.

  A frame's value is the mean over the first `blend` windows that hold it: with
  one, the window in which it first came; with more it waits for them.
  """

  def __init__(
    self, weights: np.ndarray, hop: int, blend: int, *, last: bool = False
  ):
    """Starts before the first window.

    Args:
      weights: [window_frames], above zero, of the frames of a window.
      hop: frames from one window to the next; the last step may be shorter.
      blend: windows that make a frame's value.
      last: whether the newest of them makes it alone.
    """
    self._hop, self._blend, self._last = hop, blend, last
    self._weights = weights
    # Of the frames that are not final, the first being frame `_first`.
    self._first = 0
    self._sums: list[np.ndarray] = []
    self._totals: list[float] = []
    self._counts: list[int] = []

  def push(
    self, start: int, values: np.ndarray, following: int | None = None
  ) -> np.ndarray:
    """Adds a window.

    Args:
      start: its first frame; windows come in order.
      values: [window_frames, ...].
      following: first frame of the next window where that is known; otherwise
        it is taken to be a hop further, and what a shorter last step would
        add before that place is left out.

    Returns:
      float32 [m, ...], the frames that became final, in order; m may be 0.
    """
    values = np.asarray(values, np.float64)
    for i, (weight, value) in enumerate(zip(self._weights, values)):
      place = start + i - self._first
      if place < 0:
        continue  # final since an earlier window
      if place == len(self._sums):
        self._sums.append(np.zeros_like(value))
        self._totals.append(0.0)
        self._counts.append(0)
      if self._counts[place] < self._blend:
        if self._last:
          self._sums[place], self._totals[place] = np.zeros_like(value), 0.0
        self._sums[place] = self._sums[place] + weight * value
        self._totals[place] += weight
        self._counts[place] += 1
    final, until = 0, start + self._hop if following is None else following
    while final < len(self._counts) and (
      self._counts[final] == self._blend or self._first + final < until
    ):
      final += 1
    return self._take(final, values.shape[1:])

  def flush(self) -> np.ndarray:
    """The frames that wait for windows which will not come.

    Returns:
      float32 [m, ...].
    """
    shape = self._sums[0].shape if self._sums else ()
    return self._take(len(self._sums), shape)

  def _take(self, count: int, shape: tuple[int, ...]) -> np.ndarray:
    done = [s / t for s, t in zip(self._sums[:count], self._totals[:count])]
    for kept in (self._sums, self._totals, self._counts):
      del kept[:count]
    self._first += count
    return np.asarray(done, np.float32).reshape(count, *shape)


def starts(frames: int, window_frames: int, hop: int) -> range | list[int]:
  """First frames of the windows over a whole recording.

  Args:
    frames: the length of the recording, a window at least.
    window_frames: frames of a window.
    hop: frames from one to the next.

  Returns:
    Every `hop`; the last window ends with the recording.
  """
  last = frames - window_frames
  found = range(0, last + 1, hop)
  return found if found[-1] == last else [*found, last]
