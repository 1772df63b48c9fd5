"""Cells of a table: means over folds and places, deviations over seeds.

For each seed the mean over folds within a place, then over places; then mean
and sample deviation over seeds. Only seeds whose folds are all there enter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from bgm2pose_jax.comparison.entries import Entry
from bgm2pose_jax.comparison.finished_run import reference_of
from bgm2pose_jax.comparison.sweep_folder import Sweep
from bgm2pose_jax.evaluation.metrics import Figure


@dataclasses.dataclass(frozen=True)
class Cell:
  """One row and column.

  Attributes:
    mean: [figure] the table's figures; None when no seed has all its folds.
      NaN for a group of windows that one of the runs lacks.
    std: [figure] sample deviation over seeds; None with one seed, or where
      every seed gives the same. NaN where the mean is.
    used: the runs behind the mean.
    asked: all of its runs.
    done: how many of them are there.
  """

  mean: np.ndarray | None
  std: np.ndarray | None
  used: tuple[Entry, ...]
  asked: tuple[Entry, ...]
  done: int

  @property
  def seeds(self) -> tuple[int, ...]:
    """Those that enter, in order."""
    return tuple(sorted({e.seed for e in self.used}))

  def value(self, number: int) -> tuple[float | None, float | None]:
    """Mean and deviation of a figure; None for what there is not."""
    mean, std = (
      None if found is None or np.isnan(found[number]) else float(found[number])
      for found in (self.mean, self.std)
    )
    return mean, std

  @property
  def is_whole(self) -> bool:
    """Every run asked for is there."""
    return self.mean is not None and self.done == len(self.asked)


def per_seed(
  entries: Sequence[Entry], value: Callable[[Entry], np.ndarray]
) -> dict[int, np.ndarray]:
  """Mean over folds within each place, then over places, for each seed.

  Args:
    entries: the entries of one row and column.
    value: what to average, of one run.
  """
  groups: dict[int, dict[str, list[np.ndarray]]] = {}
  for e in entries:
    groups.setdefault(e.seed, {}).setdefault(e.place, []).append(value(e))
  return {
    seed: np.mean([np.mean(folds, axis=0) for folds in places.values()], axis=0)
    for seed, places in sorted(groups.items())
  }


def make_cell(sweep: Sweep, asked: Sequence[Entry], who: str) -> Cell:
  """The cell of some runs.

  Args:
    sweep: the runs.
    asked: the entries of one row and column.
    who: "model", or the baseline whose figures these are.
  """
  places = {(e.place, e.fold) for e in asked}
  there = [e for e in asked if e.name in sweep.runs]
  used = [
    e
    for e in there
    if {(o.place, o.fold) for o in there if o.seed == e.seed} == places
  ]
  seeds = per_seed(used, lambda e: sweep.runs[e.name].figures_of(e.table)[who])
  mean = std = None
  if seeds:
    values = np.stack(list(seeds.values()))
    mean = values.mean(axis=0)
    if any(not np.array_equal(v, values[0], equal_nan=True) for v in values):
      std = values.std(axis=0, ddof=1)
  return Cell(mean, std, tuple(used), tuple(asked), len(there))


def by_place(sweep: Sweep, asked: Sequence[Entry], who: str) -> dict[str, Cell]:
  """A cell for each place of some runs; arguments as of `make_cell`."""
  names = dict.fromkeys(e.place for e in asked)
  return {
    name: make_cell(sweep, [e for e in asked if e.place == name], who)
    for name in names
  }


def reduction(
  sweep: Sweep, cell: Cell, figures: Sequence[Figure]
) -> tuple[Figure, float] | None:
  """How far the first figure lies below the reference baseline's.

  A later figure that runs of before lack gives way to the next.

  Args:
    sweep: the runs.
    cell: the figures' cell; the baseline is that of its runs.
    figures: the table's figures.

  Returns:
    The figure and percent of the baseline; None without the figure, or where
    it is zero.
  """
  reference = make_cell(sweep, cell.used, reference_of(sweep.system))
  for number, figure in enumerate(figures):
    own, _ = cell.value(number)
    still, _ = reference.value(number)
    if figure.is_later and (own is None or still is None):
      continue
    if own is None or still is None or not still > 0:
      return None
    return figure, 100.0 * (1.0 - own / still)
  return None
