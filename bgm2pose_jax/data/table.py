"""The windows of a data set in memory, recordings in sequence.

A system declares the columns of its windows in a subclass of `WindowTable`.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Self

import numpy as np

_OWN_NAMES = {"recording": "recordings"}
_OWN_NUMBERS = ("window_index",)
_BOUNDS = ("first_row", "last_row")


@dataclasses.dataclass(frozen=True)
class Columns:
  """The columns of a system's windows, by what they hold.

  Every table has `recording` and `window_index` as well.

  Attributes:
    arrays: columns with a float32 array in each window.
    numbers: columns with a number in each window: bool those that `usable`
      names, int32 the others.
    names: {column: attribute with its vocabulary}, such as `{"player":
      "players"}`. A window has a code, int32, the position in the vocabulary.
    sequence: the column among `arrays` whose first axis is time and whose
      neighbouring frames can be gathered with it.
    target: the column among `arrays` that is predicted.
    usable: the columns among `numbers` that hold in every training window.
    section: the column among `names` that names the prepared section.
    groupings: {value of `batch.grouping`: columns}; a batch groups windows that
      are equal in all of them. No column groups nothing.
  """

  arrays: tuple[str, ...]
  numbers: tuple[str, ...]
  names: Mapping[str, str]
  sequence: str
  target: str
  usable: tuple[str, ...]
  section: str
  groupings: Mapping[str, tuple[str, ...]] = dataclasses.field(
    default_factory=lambda: {"random": ()}
  )

  @property
  def all_numbers(self) -> tuple[str, ...]:
    """`numbers` and those of every table."""
    return (*_OWN_NUMBERS, *self.numbers)

  @property
  def all_names(self) -> dict[str, str]:
    """`names` and those of every table."""
    return {**self.names, **_OWN_NAMES}

  @property
  def all(self) -> tuple[str, ...]:
    """Every column of the table."""
    return (*self.arrays, *self.all_names, *self.all_numbers)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class WindowTable(abc.ABC):
  """The windows of some sections; a recording's windows in sequence.

  Windows of a recording may be missing: neighbouring rows are neighbours in
  time only where `window_index` says so.

  Attributes:
    columns: what the columns of the class are.
    recording: int32 [n], position in `recordings`.
    window_index: int32 [n], position of the window in its recording.
    recordings: names of the recordings.
    spec: description of the sequence column.
    simulated: the recordings were made by a simulator.
    fingerprint: digest of the source of the windows and of how they were made.
    recordings_digest: digest of recordings and targets alone, the same whatever
      the sequence column holds; empty where nothing is known.
  """

  columns: ClassVar[Columns]

  recording: np.ndarray
  window_index: np.ndarray
  recordings: tuple[str, ...]
  spec: Any
  simulated: bool
  fingerprint: str
  recordings_digest: str = ""

  def __len__(self) -> int:
    return len(self.recording)

  @classmethod
  @abc.abstractmethod
  def shapes(cls, fields: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Returns {array column: shape of one window}.

    Args:
      fields: what a section's manifest says.
    """

  @classmethod
  def described(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the attributes that are no columns and no vocabularies.

    Args:
      fields: what a section's manifest says.
    """
    return {
      "spec": fields["spec"],
      "simulated": bool(fields["simulated"]),
      "fingerprint": str(fields["fingerprint"]),
    }

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
      name: one of `columns.all`, `first_row` or `last_row`.

    Raises:
      KeyError: no such column.
    """
    known = self.columns.all
    if name not in known and name not in _BOUNDS:
      raise KeyError(f"no column {name!r}; columns are {', '.join(known)}")
    return getattr(self, name)

  def vocabulary(self, column: str) -> tuple[str, ...]:
    """Returns the names that a column's codes are positions of.

    Args:
      column: one of `columns.all_names`.

    Raises:
      KeyError: no such column.
    """
    known = self.columns.all_names
    if column not in known:
      raise KeyError(f"{column!r} holds no names; {', '.join(known)} do")
    return getattr(self, known[column])

  def named(self, column: str, rows: np.ndarray | None = None) -> np.ndarray:
    """Returns the names behind a column's codes, text [rows].

    Args:
      column: one of `columns.all_names`.
      rows: int or bool index of rows; None takes all.

    Raises:
      KeyError: no such column.
    """
    names = np.asarray(self.vocabulary(column), np.str_)
    codes = self.column(column)
    return names[codes if rows is None else codes[rows]]

  def only(self, names: Collection[str]) -> Self:
    """Returns the table with the other columns emptied, to be sent away.

    Args:
      names: columns to keep; `recording` and `window_index` always stay.
    """
    kept = {*names, *_OWN_NAMES, *_OWN_NUMBERS}
    emptied = {
      name: self.column(name)[:0]
      for name in self.columns.all
      if name not in kept
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
    float32 [m, before + t + after, ...] of the sequence column; beyond the
    ends of a recording, or of an unbroken stretch of it, the first and last
    frame are repeated.
  """
  rows = np.asarray(rows)
  sequence = table.column(table.columns.sequence)
  frames = sequence.shape[1]
  offsets = np.arange(-frames_before, frames + frames_after)
  place = rows[:, None].astype(np.int64) * frames + offsets
  low = table.first_row[rows][:, None].astype(np.int64) * frames
  high = (table.last_row[rows][:, None].astype(np.int64) + 1) * frames - 1
  place = np.clip(place, low, high)
  return sequence[place // frames, place % frames]
