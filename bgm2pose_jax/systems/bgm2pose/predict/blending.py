"""How windows overlap, and what their frames weigh.

A window's poses at its ends have seen less sound around them than those in
its middle, so they weigh less.
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
    blend: the number asked for; 0 is all that hold the frame.
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
