"""Which windows train and which test, by names in columns of the table."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
  """The rows of one run, by name.

  Attributes:
    train: {column: names}; a training window has one of them in each column.
    test: the same of test windows.
    fold: position in the fold order of what is left out.
    fold_by: the key of a window that folds are made by, such as `subject`.
    fold_order: what `fold` counts.
    sections: the prepared parts of the data set that the run reads, each once.
    label: the run's kind, for messages, such as `--setting=single`.
  """

  train: Mapping[str, tuple[str, ...]]
  test: Mapping[str, tuple[str, ...]]
  fold: int
  fold_by: str
  fold_order: tuple[str, ...]
  sections: tuple[str, ...]
  label: str


def natural_key(name: str) -> tuple:
  """Sort key in which "2" comes before "10"."""
  return tuple(
    (0, int(part), "") if part.isdecimal() else (1, 0, part)
    for part in re.findall(r"\d+|\D+", name)
  )
