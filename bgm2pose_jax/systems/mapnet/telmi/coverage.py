"""Which frames of the played part have all joints."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.take import HOP_FRAMES, WINDOW_FRAMES
from bgm2pose_jax.systems.mapnet.telmi.marker_tracks import runs


@dataclasses.dataclass(frozen=True)
class Coverage:
  """What can be used of the played part.

  A frame that lacks a joint stays in the take, marked by NaN, and windows that
  touch it are left out. Takes cut at the holes would lose as many windows (to
  one a hole), their sound would be normalised piece by piece, and pieces of
  one performance could fall into training and test.

  Attributes:
    frames: (start, stop) from the first to the last frame with all joints.
    windows: windows of those frames.
    whole: how many of them have all joints throughout.
    unusable_s: (start, stop, joints missing) within the played part.
  """

  frames: tuple[int, int]
  windows: int
  whole: int
  unusable_s: tuple[tuple[float, float, tuple[str, ...]], ...]


def find(pose_m: np.ndarray, played: tuple[int, int]) -> Coverage:
  """Looks for missing joints.

  Args:
    pose_m: [t, 13, 3], NaN where a joint is missing.
    played: frames (start, stop).
  """
  first, last = played
  missing = np.any(np.isnan(pose_m[first:last]), axis=2)
  holes = np.any(missing, axis=1)
  unusable = []
  for a, b in runs(holes):
    joints = np.flatnonzero(np.any(missing[a:b], axis=0))
    names = tuple(BODY13.joints[joint] for joint in joints)
    unusable.append((*in_s((first + a, first + b)), names))
  seen = np.flatnonzero(~holes)
  if not len(seen):
    return Coverage((first, first), 0, 0, tuple(unusable))
  start, stop = int(seen[0]), int(seen[-1]) + 1
  starts = range(start, stop - WINDOW_FRAMES + 1, HOP_FRAMES)
  whole = sum(not holes[at : at + WINDOW_FRAMES].any() for at in starts)
  return Coverage(
    (first + start, first + stop), len(starts), whole, tuple(unusable)
  )


def in_s(frames: tuple[int, int]) -> tuple[float, float]:
  """Returns a stretch of frames in seconds."""
  return frames[0] / FRAMES_PER_S, frames[1] / FRAMES_PER_S
