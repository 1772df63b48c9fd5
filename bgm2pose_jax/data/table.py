"""The windows of a dataset in memory, recordings in sequence."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection
from typing import Any

import numpy as np

_COLUMNS = (
  "features",
  "pose",
  "subject",
  "track",
  "genre",
  "recording",
  "label",
  "window_index",
  "valid",
  "has_pose",
)


@dataclasses.dataclass(frozen=True, eq=False)
class WindowTable:
  """The 0.6 s windows of some tracks; a recording's windows in sequence.

  Windows of a recording may be missing (released data hold those alone that an
  annotation keeps): neighbouring rows are neighbours in time only where
  `window_index` says so.

  Attributes:
    features: float32 [n, t, f, c], not normalised.
    pose: float32 [n, t, joint, 3], normalised; zeros where `has_pose` is False.
    subject, track, genre, recording, label: int32 [n], positions in `subjects`,
      `tracks`, `genres`, `recordings`, `labels`.
    window_index: int32 [n], position of the window in its track: equal numbers
      of one track are the same music.
    valid: bool [n], kept by an annotation.
    has_pose: bool [n].
    subjects, tracks, genres, recordings, labels: the vocabularies. Label ''
      means that no annotation covers the window.
    spec: `features.spec.FeatureSpec` of `features`.
    simulated: the recordings were made by the simulator.
    fingerprint: of the source the windows were made from, and how.
    recordings_digest: of recordings and poses alone, the same for all features
      of them; empty where nothing is known.
  """

  features: np.ndarray
  pose: np.ndarray
  subject: np.ndarray
  track: np.ndarray
  genre: np.ndarray
  recording: np.ndarray
  label: np.ndarray
  window_index: np.ndarray
  valid: np.ndarray
  has_pose: np.ndarray
  subjects: tuple[str, ...]
  tracks: tuple[str, ...]
  genres: tuple[str, ...]
  recordings: tuple[str, ...]
  labels: tuple[str, ...]
  spec: Any
  simulated: bool
  fingerprint: str
  recordings_digest: str = ""

  def __len__(self) -> int:
    return len(self.recording)

  @functools.cached_property
  def first_row(self) -> np.ndarray:
    """int32 [n], first row of each row's unbroken stretch of recording."""
    return self._bounds[0]

  @functools.cached_property
  def last_row(self) -> np.ndarray:
    """int32 [n], last row of each row's unbroken stretch of recording."""
    return self._bounds[1]

  @functools.cached_property
  def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
    n = len(self)
    broken = (np.diff(self.recording) != 0) | (np.diff(self.window_index) != 1)
    edges = np.flatnonzero(broken) + 1
    starts = np.concatenate([[0], edges]).astype(np.int32)
    ends = np.concatenate([edges, [n]]).astype(np.int32)
    if not n:
      starts = ends = np.zeros(0, np.int32)
    counts = ends - starts
    return np.repeat(starts, counts), np.repeat(ends - 1, counts)

  def column(self, name: str) -> np.ndarray:
    """Returns one column by name.

    Args:
      name: a per-window attribute, `first_row` or `last_row`.

    Raises:
      KeyError: no such column.
    """
    if name not in _COLUMNS and name not in ("first_row", "last_row"):
      raise KeyError(f"no column {name!r}; columns are {', '.join(_COLUMNS)}")
    return getattr(self, name)

  def only(self, names: Collection[str]) -> WindowTable:
    """Returns the table with the other columns emptied, to be sent away.

    Args:
      names: columns to keep; `recording` and `window_index` always stay.
    """
    emptied = {
      name: getattr(self, name)[:0]
      for name in _COLUMNS
      if name not in names and name not in ("recording", "window_index")
    }
    return dataclasses.replace(self, **emptied)


def context(
  table: WindowTable,
  rows: np.ndarray,
  frames_before: int,
  frames_after: int,
) -> np.ndarray:
  """Gathers windows with the frames of their recording around them.

  Args:
    table: the windows.
    rows: int [m] rows of the table.
    frames_before: frames to add before each window's first; may exceed a
      window.
    frames_after: frames to add after each window's last.

  Returns:
    float32 [m, before + t + after, f, c]; beyond the ends of a recording, or
    of an unbroken stretch of it, the first and last frame are repeated.
  """
  rows = np.asarray(rows)
  frames = table.features.shape[1]
  offsets = np.arange(-frames_before, frames + frames_after)
  place = rows[:, None].astype(np.int64) * frames + offsets
  low = table.first_row[rows][:, None].astype(np.int64) * frames
  high = (table.last_row[rows][:, None].astype(np.int64) + 1) * frames - 1
  place = np.clip(place, low, high)
  return table.features[place // frames, place % frames]
