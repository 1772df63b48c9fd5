"""Which windows train and which test, by names in columns of the table."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Dealt:
  """Folds of names that are dealt into groups, as cards to players.

  The group of the fold's number tests, the others train.

  Attributes:
    column: whose names are dealt, in natural order.
    within: deal anew for each name of this column, so that every group holds
      some of each.
    groups: how many.
  """

  column: str
  within: str
  groups: int


@dataclasses.dataclass(frozen=True)
class Stretches:
  """Folds of neighbouring rows, where nothing has a name to be dealt.

  Rows that follow each other resemble each other, so that only whole stretches
  of them can test what others trained. The stretch of the fold's number tests.

  Attributes:
    within: the usable rows of each name of this column, in the table's order,
      are cut into stretches as equal as can be.
    groups: how many.
  """

  within: str
  groups: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
  """The rows of one run, by name.

  Attributes:
    train: {column: names}; a training window has one of them in each column.
    test: the same of test windows.
    left_out: {column: names}; no training or validation window has one of them
      in that column, whatever `train` names.
    fold: position in the fold order of what is left out.
    fold_by: the key of a window that folds are made by, such as `player`.
    fold_order: what `fold` counts.
    sections: the prepared parts of the data set that the run reads, each once.
    label: the run's kind, for messages, such as `--protocol=people`.
    dealt: how folds part the windows that both `train` and `test` name; None
      leaves them as they are.
    validation_fraction: the last part of every training recording, kept for
      choosing the best weights; never trained on.
    overlap: how many windows before a window share frames with it; that many
      before a validation part are left out of training.
    test_lacks: columns among the table's `usable` that hold in no window of a
      test recording, such as recordings without ground truth.
  """

  train: Mapping[str, tuple[str, ...]]
  test: Mapping[str, tuple[str, ...]]
  fold: int
  fold_by: str
  fold_order: tuple[str, ...]
  sections: tuple[str, ...]
  label: str
  dealt: Dealt | Stretches | None = None
  test_lacks: tuple[str, ...] = ()
  left_out: Mapping[str, tuple[str, ...]] = dataclasses.field(
    default_factory=dict
  )
  validation_fraction: float = 0.1
  overlap: int = 0


def natural_key(name: str) -> tuple:
  """Sort key in which "2" comes before "10"."""
  return tuple(
    (0, int(part), "") if part.isdecimal() else (1, 0, part)
    for part in re.findall(r"\d+|\D+", name)
  )
