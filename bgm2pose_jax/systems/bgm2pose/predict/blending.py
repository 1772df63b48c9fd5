"""Overlapping windows become one sequence of poses.

A window's poses at its ends have seen less sound around them than those in
its middle, so they weigh less. The same object serves files and streams, which
therefore agree.
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.base.errors import InputError

FRAME_MS = 50


def hop_frames(hop_ms: int, window_frames: int) -> int:
  """Frames from one window to the next.

  Args:
    hop_ms: milliseconds.
    window_frames: frames of a window.

  Raises:
    InputError: no whole number of frames, or longer than a window.
  """
  frames, rest = divmod(hop_ms, FRAME_MS)
  if rest or not 1 <= frames <= window_frames:
    raise InputError(
      f"--hop_ms={hop_ms}",
      "is no whole number of frames within a window",
      f"give a multiple of {FRAME_MS} from {FRAME_MS} to "
      f"{FRAME_MS * window_frames}",
    )
  return frames


def windows_per_frame(blend: int, hop: int, window_frames: int) -> int:
  """How many windows make a pose.

  Args:
    blend: as asked for; 0 is all that hold the frame.
    hop: frames between windows.
    window_frames: frames of a window.

  Raises:
    InputError: more than there are.
  """
  most = -(-window_frames // hop)
  if not 0 <= blend <= most:
    raise InputError(
      f"--blend={blend}",
      f"but {most} windows hold a frame",
      f"give 0 (all of them) to {most}, or a smaller --hop_ms",
    )
  return blend or most


def weights(window_frames: int) -> np.ndarray:
  """A triangle over a window, float64 [window_frames]."""
  place = np.arange(window_frames)
  return np.minimum(place + 1, window_frames - place).astype(np.float64)


class Blender:
  """Weighted means over windows, handed out as soon as they are final.

  A frame's value is the mean over the first `blend` windows that hold it: with
  one, the window in which it first came; with more it waits for them.
  """

  def __init__(self, window_frames: int, hop: int, blend: int):
    """Starts before the first window.

    Args:
      window_frames: frames of a window.
      hop: frames from one window to the next; the last step may be shorter.
      blend: windows that make a frame's value.
    """
    self._hop, self._blend = hop, blend
    self._weights = weights(window_frames)
    # Of the frames that are not final, the first being frame `_first`.
    self._first = 0
    self._sums: list[np.ndarray] = []
    self._totals: list[float] = []
    self._counts: list[int] = []

  def push(self, start: int, values: np.ndarray) -> np.ndarray:
    """Adds a window.

    Args:
      start: its first frame; windows come in order.
      values: [window_frames, ...].

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
        self._sums[place] = self._sums[place] + weight * value
        self._totals[place] += weight
        self._counts[place] += 1
    final = 0
    while final < len(self._counts) and (
      self._counts[final] == self._blend
      or self._first + final < start + self._hop
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
    frames: of the recording, a window at least.
    window_frames: frames of a window.
    hop: frames from one to the next.

  Returns:
    Every `hop`; the last window ends with the recording.
  """
  last = frames - window_frames
  found = range(0, last + 1, hop)
  return found if found[-1] == last else [*found, last]
