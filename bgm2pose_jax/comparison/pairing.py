"""Differences between the whole model and every other row of a table.

Both are looked at on the same test windows, so that what makes a window hard
cancels; that tells apart models whose own deviations overlap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from bgm2pose_jax.comparison.cells import Cell
from bgm2pose_jax.comparison.entries import Entry
from bgm2pose_jax.comparison.seed_tables import Table
from bgm2pose_jax.comparison.sweep_folder import Sweep
from bgm2pose_jax.evaluation import bootstrap

_SEED = 0

Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Difference:
  """A row minus the reference, in one column.

  Attributes:
    row, column: where it stands.
    figures: {key of a figure: (difference, 95 % (low, high))}, the interval
      None where a fold is too short for one; empty when the two cannot be
      paired.
    seeds: those that both have.
    blocks: stretches of recordings that were drawn from.
    refused: why the two cannot be paired; empty when they can.
  """

  row: str
  column: str
  figures: Mapping[str, tuple[float, Interval | None]] = dataclasses.field(
    default_factory=dict
  )
  seeds: tuple[int, ...] = ()
  blocks: int = 0
  refused: str = ""


def differences(sweep: Sweep, table: Table) -> list[Difference]:
  """Compares each row with the reference, column by column.

  Args:
    sweep: the runs.
    table: the runs' table.

  Returns:
    One for each row and column that has figures beside the reference's;
    none without a reference, or without a figure to compare.
  """
  whole = next((r for r in table.rows if r.label == table.reference), None)
  if whole is None or not table.compared:
    return []
  out = []
  for column in table.columns:
    ours = whole.cells.get(column)
    for row in table.rows:
      other = row.cells.get(column)
      if row is whole or row.model == "" or ours is None or other is None:
        continue
      if ours.mean is not None and other.mean is not None:
        out.append(_difference(sweep, row.label, column, ours, other))
  return out


def _difference(
  sweep: Sweep, row: str, column: str, ours: Cell, other: Cell
) -> Difference:
  seeds = tuple(sorted(set(ours.seeds) & set(other.seeds)))
  if not seeds:
    return Difference(row, column, refused="no seed is whole in both")
  left, right = _by_place(ours.used, seeds), _by_place(other.used, seeds)
  if set(left) != set(right):
    return Difference(
      row, column, refused=f"they cover other folds or {sweep.place_name}s"
    )
  parts = []
  places = [place for place, _ in left]
  for where, reference in left.items():
    runs = [
      [sweep.runs[entry.name] for entry in entries]
      for entries in (reference, right[where])
    ]
    first = runs[0][0]
    for run in (*runs[0], *runs[1]):
      if run.digest != first.digest:
        return Difference(
          row,
          column,
          refused=f"{run.path.name} and {first.path.name} have other targets",
        )
    weight = 1 / (len(set(places)) * places.count(where[0]))
    parts.append(
      bootstrap.PairedWindows(
        reference=np.stack([run.sums for run in runs[0]]),
        other=np.stack([run.sums for run in runs[1]]),
        recording=first.recording,
        window_index=first.window_index,
        weight=weight,
      )
    )
  found = bootstrap.paired_differences(
    sweep.system.figures.metrics,
    parts,
    seed=_SEED,
    block_windows=sweep.system.figures.blocks.windows,
  )
  return Difference(
    row,
    column,
    {
      key: (found[key]["difference"], _pair(found[key]["interval"]))
      for key in sweep.system.figures.improved
    },
    seeds,
    found["blocks"],
  )


def _by_place(
  entries: Sequence[Entry], seeds: Sequence[int]
) -> dict[tuple[str, int], list[Entry]]:
  """(place, fold) -> the runs of each seed, in order of the seeds."""
  out: dict[tuple[str, int], list[Entry]] = {}
  for seed in seeds:
    for entry in entries:
      if entry.seed == seed:
        out.setdefault((entry.place, entry.fold), []).append(entry)
  return out


def _pair(interval: Sequence[float] | None) -> Interval | None:
  return None if interval is None else (interval[0], interval[1])
