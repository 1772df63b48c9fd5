"""Tables that a sweep can fill with runs of a system."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# {flag of the main command: value}, in the order of the command line.
Cell = Mapping[str, str]
# {place: its folds}.
Places = Mapping[str, Sequence[int]]


def plain_labels(cell: Cell) -> tuple[str, str]:
  """Labels a cell by its model and ablation, in one column."""
  return ", ".join(v for v in cell.values() if v != "none"), "all runs"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
  """What a sweep asks of a system.

  A cell is one row in one column of a table. Places, folds and seeds are
  averaged over within it.

  Attributes:
    tables: {name that `--table` takes: its cells}.
    axes: {flag: its values where neither a table nor `--FLAGs` names some};
      `--FLAGs` narrows a table. `model` is one of them.
    varied: {flag: what stands before its value in a run's name}; flags beside
      `axes` that `labels` knows. `ablation` is one of them.
    labels: cell -> labels of its row and its column.
    keys: what `sweep.json` says of a run besides model, ablation, fold and
      seed. The last is the place, which figures are averaged over after folds;
      a value of the others is that of the flag of the same name.
    place_flag: flag of the main command that takes a place; `--FLAGs` keeps
      some. Empty where a system has no places.
    places: (configurations, places to keep, folds to keep) -> the places and
      folds of each, where None for a list keeps all. Without it there are the
      folds of the split alone.
    owned: {flag that the sweep sets itself: what to write instead}, beside
      those that every sweep sets.
  """

  axes: Mapping[str, tuple[str, ...]]
  tables: Mapping[str, Sequence[Cell]] = dataclasses.field(default_factory=dict)
  varied: Mapping[str, str] = dataclasses.field(
    default_factory=lambda: {"ablation": ""}
  )
  labels: Callable[[Cell], tuple[str, str]] = plain_labels
  keys: tuple[str, ...] = ()
  place_flag: str = ""
  places: (
    Callable[
      [Sequence[Any], Sequence[str] | None, Sequence[int] | None],
      Sequence[Places],
    ]
    | None
  ) = None
  owned: Mapping[str, str] = dataclasses.field(default_factory=dict)
