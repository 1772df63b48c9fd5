"""From the first to the last contact of bow and string.

The paper (Shrestha et al., arXiv 2203.12829) uses the distance of bow and
violin and the sound, and prints no thresholds; these are our choice
(datasets/mapdat/README.md).
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.body13 import FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.telmi.marker_tracks import runs

CONTACT_M = 0.030
SHORTEST_CONTACT_S = 0.3
# Of the loudest frame.
QUIET = 0.05
MARGIN_S = 0.5


def by_contact(
  frog_m: np.ndarray, tip_m: np.ndarray, bridge_m: np.ndarray
) -> tuple[int, int] | None:
  """Frames from the first to the last contact of the bow with the violin.

  Contact: the line from frog to tip comes within 30 mm of the bridge for
  0.3 s. A frame without one of the three has none.

  Args:
    frog_m: [t, 3] metres, NaN where missing.
    tip_m: likewise.
    bridge_m: likewise.

  Returns:
    (start, stop), stop exclusive; None where there is no contact.
  """
  with np.errstate(invalid="ignore"):
    near = segment_distance(frog_m, tip_m, bridge_m) <= CONTACT_M
  shortest = round(SHORTEST_CONTACT_S * FRAMES_PER_S)
  held = [(a, b) for a, b in runs(near) if b - a >= shortest]
  return (held[0][0], held[-1][1]) if held else None


def segment_distance(
  start: np.ndarray, end: np.ndarray, point: np.ndarray
) -> np.ndarray:
  """Returns the distances [...] of points [..., 3] from line segments."""
  along = end - start
  squared = np.maximum((along**2).sum(axis=-1), 1e-12)
  share = ((point - start) * along).sum(axis=-1) / squared
  nearest = start + np.clip(share, 0.0, 1.0)[..., None] * along
  return np.linalg.norm(point - nearest, axis=-1)


def by_sound(
  sound: np.ndarray, sample_rate_hz: int, frames: int
) -> tuple[int, int]:
  """Frames in which something sounds, with half a second on either side.

  A frame sounds when its root mean square is above 5 % of the loudest one's.

  Args:
    sound: float32 [n], not all zero.
    sample_rate_hz: its rate.
    frames: length of the poses, no longer than the sound.

  Returns:
    (start, stop), stop exclusive.
  """
  edges = frame_edges(sample_rate_hz, 0, frames)
  squares = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=float))])
  energy = np.diff(squares[np.minimum(edges, len(sound))])
  level = np.sqrt(np.maximum(energy, 0.0) / np.maximum(np.diff(edges), 1))
  loud = np.flatnonzero(level > QUIET * level.max(initial=0.0))
  if not len(loud):
    return 0, frames
  margin = round(MARGIN_S * FRAMES_PER_S)
  return (
    max(0, int(loud[0]) - margin),
    min(frames, int(loud[-1]) + 1 + margin),
  )


def frame_edges(sample_rate_hz: int, start: int, stop: int) -> np.ndarray:
  """Returns the samples at which frames begin, int [stop - start + 1].

  Args:
    sample_rate_hz: the sample rate of the sound.
    start: first frame.
    stop: last frame.
  """
  frames = np.arange(start, stop + 1)
  return np.rint(frames * (sample_rate_hz / FRAMES_PER_S)).astype(np.int64)
