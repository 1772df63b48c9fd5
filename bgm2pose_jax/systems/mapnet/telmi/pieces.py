"""Which stretches of a take can be used."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES
from bgm2pose_jax.systems.mapnet.telmi.marker_tracks import runs


@dataclasses.dataclass(frozen=True)
class Pieces:
  """The played part, cut where a joint is missing.

  A window needs three seconds without a hole, so a cut loses no more windows
  than a mark would, and every piece is a plain take.

  Attributes:
    frames: (start, stop) of stretches of at least a window.
    short_frames: number of frames in shorter stretches.
    unusable_s: (start, stop, joints missing) of the stretches between.
  """

  frames: tuple[tuple[int, int], ...]
  short_frames: int
  unusable_s: tuple[tuple[float, float, tuple[str, ...]], ...]


def cut(pose_m: np.ndarray, played: tuple[int, int]) -> Pieces:
  """Cuts the played part of a take.

  Args:
    pose_m: [t, 13, 3], NaN where a joint is missing.
    played: frames (start, stop).
  """
  start, stop = played
  missing = np.any(np.isnan(pose_m[start:stop]), axis=2)
  holes = np.any(missing, axis=1)
  found = [(start + a, start + b) for a, b in runs(~holes)]
  unusable = []
  for a, b in runs(holes):
    joints = np.flatnonzero(np.any(missing[a:b], axis=0))
    names = tuple(BODY13.joints[joint] for joint in joints)
    unusable.append((*in_s((start + a, start + b)), names))
  return Pieces(
    tuple(p for p in found if p[1] - p[0] >= WINDOW_FRAMES),
    sum(b - a for a, b in found if b - a < WINDOW_FRAMES),
    tuple(unusable),
  )


def in_s(frames: tuple[int, int]) -> tuple[float, float]:
  """Returns a stretch of frames in seconds."""
  return frames[0] / FRAMES_PER_S, frames[1] / FRAMES_PER_S
