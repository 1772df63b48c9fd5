"""Which windows of a table train, validate and test."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import Dealt, Split, Stretches, natural_key
from bgm2pose_jax.data.table import WindowTable


@dataclasses.dataclass(frozen=True)
class Rows:
  """Row numbers of a window table, each int64 and rising.

  Attributes:
    train: trained on.
    validation: the last part of every training recording.
    test: looked at once, at the end.
  """

  train: np.ndarray
  validation: np.ndarray
  test: np.ndarray


def split_rows(table: WindowTable, split: Split) -> Rows:
  """Applies a split to a window table.

  Args:
    table: windows in sequence per recording.
    split: which names train and which test.

  Returns:
    Disjoint rows.

  Raises:
    InputError: when one of the parts is empty.
    KeyError: the table has no such column.
  """
  in_train, in_test = _among(table, split.train), _among(table, split.test)
  for column, names in split.left_out.items():
    in_train &= ~_among(table, {column: names})
  for name in table.columns.usable:
    holds = table.column(name)
    in_train &= holds
    if name in split.test_lacks:
      # Whole recordings without, not those that lost it for a while.
      having = np.unique(table.recording[holds])
      in_test &= ~np.isin(table.recording, having)
    else:
      in_test &= holds
  if split.dealt is not None:
    if isinstance(split.dealt, Dealt):
      group = _groups(table, split.dealt)
    else:
      group = _stretches(table, split.dealt, in_train | in_test)
    in_test &= group == split.fold
    in_train &= group != split.fold
  train, validation = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
  for recording in np.unique(table.recording[in_train]):
    rows = np.flatnonzero(in_train & (table.recording == recording))
    # At least one window each; the last in time.
    held = max(1, round(split.validation_fraction * len(rows)))
    train.append(rows[: max(0, len(rows) - held - split.overlap)])
    validation.append(rows[-held:])
  parts = {
    "train": (np.concatenate(train), split.train),
    "validate": (np.concatenate(validation), split.train),
    "test": (np.flatnonzero(in_test), split.test),
  }
  for verb, (rows, wanted) in parts.items():
    if not len(rows):
      named = "; ".join(
        f"{column} {', '.join(names)}" for column, names in wanted.items()
      )
      raise InputError(
        split.label,
        f"no window left to {verb} on ({named})",
        "check the annotations, or choose other names or another fold",
      )
  return Rows(*(rows for rows, _ in parts.values()))


def _among(
  table: WindowTable, wanted: Mapping[str, tuple[str, ...]]
) -> np.ndarray:
  """Says which windows have one of the names in each column, bool [n]."""
  found = np.ones(len(table), bool)
  for column, names in wanted.items():
    known = table.vocabulary(column)
    codes = [code for code, name in enumerate(known) if name in set(names)]
    found &= np.isin(table.column(column), codes)
  return found


def _groups(table: WindowTable, dealt: Dealt) -> np.ndarray:
  """Returns the group of each window, int64 [n]."""
  names, places = table.vocabulary(dealt.column), table.column(dealt.column)
  within = table.column(dealt.within)
  group = np.full(len(table), -1, np.int64)
  for one in np.unique(within):
    own = within == one
    ordered = sorted(
      np.unique(places[own]), key=lambda code: natural_key(names[code])
    )
    for place, code in enumerate(ordered):
      group[own & (places == code)] = place % dealt.groups
  return group


def _stretches(
  table: WindowTable, cut: Stretches, usable: np.ndarray
) -> np.ndarray:
  """Returns the stretch of each window, int64 [n]; -1 for unusable ones."""
  within = table.column(cut.within)
  group = np.full(len(table), -1, np.int64)
  for one in np.unique(within):
    rows = np.flatnonzero((within == one) & usable)
    for number, part in enumerate(np.array_split(rows, cut.groups)):
      group[part] = number
  return group
