"""Tables of a sweep: means over folds and tracks, deviations over seeds.

For each seed the mean over folds within a track, then over tracks; then mean
and sample deviation over seeds. Only seeds whose folds are all there enter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bgm2pose_jax.comparison.finished_run import METRICS, MODEL
from bgm2pose_jax.comparison.sweep_folder import TABLES, Entry, Sweep

BASELINE_LABELS = {
  "mean_pose": "mean pose",
  "music_only": "music only, ridge",
  "ridge": "ridge, 5 frames",
}
# A model that hears the music alone and beats the mean pose by more than this
# has been told the pose by the music, or by a leak.
MUSIC_ONLY_LIMIT_PCT = 2.0


Key = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Cell:
  """One row and column.

  Attributes:
    mean: [3] of `METRICS`; None when no seed has all its folds.
    std: [3] sample deviation over seeds; None with one seed, or where every
      seed gives the same.
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

  @property
  def is_whole(self) -> bool:
    """Every run asked for is there."""
    return self.mean is not None and self.done == len(self.asked)


@dataclasses.dataclass(frozen=True)
class Row:
  """A row of a table.

  Attributes:
    label: as the sweep names it, or one of `BASELINE_LABELS`.
    who: "model", or the baseline whose figures these are.
    model, ablation: of the row's runs; empty for baselines.
    cells: column -> figures over all its tracks.
    tracks: column -> track -> figures of that track alone.
  """

  label: str
  who: str
  model: str
  ablation: str
  cells: Mapping[str, Cell]
  tracks: Mapping[str, Mapping[str, Cell]]

  @property
  def key(self) -> Key:
    """Differs between rows, even if one is labelled as a baseline is."""
    return (self.who, self.label)


@dataclasses.dataclass(frozen=True)
class Table:
  """A table and what belongs under it.

  Attributes:
    name: one of `TABLES`.
    columns: labels, in the sweep's order.
    rows: baselines first, then the sweep's rows in their order.
    baselines_of: labels of the rows whose runs the baselines are of.
    inputs_differ: not all runs have the same features of the recordings.
    reference: label of the whole model's row, None where there is none.
    settings: column -> setting.
    dataset, simulated, tracks: of the finished runs; dataset is None when no
      run has finished.
    uneven: columns whose rows cover different tracks or folds.
    entries: the lines of `sweep.json` that belong to this table.
  """

  name: str
  columns: tuple[str, ...]
  rows: tuple[Row, ...]
  baselines_of: tuple[str, ...]
  inputs_differ: bool
  reference: str | None
  settings: Mapping[str, str]
  dataset: str | None
  simulated: bool
  tracks: tuple[str, ...]
  uneven: tuple[str, ...]
  entries: tuple[Entry, ...]

  def best(self, column: str) -> list[set[Key]]:
    """Keys of a column's best rows, for each of `METRICS`.

    Equal means equal as printed, to three decimals.
    """
    found: list[set[Key]] = []
    for number, metric in enumerate(METRICS):
      sign = -1 if metric == "pckh50" else 1
      values = {
        row.key: sign * round(float(cell.mean[number]), 3)
        for row in self.rows
        if (cell := row.cells.get(column)) and cell.mean is not None
      }  # fmt: skip
      low = min(values.values(), default=None)
      found.append({key for key, v in values.items() if v == low})
    return found


def build_tables(sweep: Sweep) -> list[Table]:
  """Makes the tables of a sweep, in the order of `TABLES`.

  Args:
    sweep: from `read_sweep`.
  """
  out = []
  for name in TABLES:
    entries = tuple(e for e in sweep.entries if e.table == name)
    if entries:
      out.append(_table(sweep, name, entries))
  return out


def per_seed(
  entries: Sequence[Entry], value: Callable[[Entry], np.ndarray]
) -> dict[int, np.ndarray]:
  """Mean over folds within each track, then over tracks, for each seed.

  Args:
    entries: of one row and column.
    value: what to average, of one run.
  """
  groups: dict[int, dict[str, list[np.ndarray]]] = {}
  for e in entries:
    groups.setdefault(e.seed, {}).setdefault(e.track, []).append(value(e))
  return {
    seed: np.mean([np.mean(folds, axis=0) for folds in tracks.values()], axis=0)
    for seed, tracks in sorted(groups.items())
  }


def music_only_checks(
  sweep: Sweep, table: Table
) -> list[tuple[str, str, float]]:
  """How rows that hear the music alone stand against the mean pose.

  Args:
    sweep: the runs.
    table: with rows of the ablation `music_only`.

  Returns:
    (row, column, reduction of RMSE in percent of the mean pose of the same
    runs); above `MUSIC_ONLY_LIMIT_PCT` something is wrong.
  """
  out = []
  for row in table.rows:
    for column, cell in row.cells.items():
      if row.ablation != "music_only" or cell.mean is None:
        continue
      still = _cell(sweep, cell.used, "mean_pose").mean
      if still is not None and still[0] > 0:
        gain = 100.0 * (1.0 - float(cell.mean[0] / still[0]))
        out.append((row.label, column, gain))
  return out


def _table(sweep: Sweep, name: str, entries: tuple[Entry, ...]) -> Table:
  labels = tuple(dict.fromkeys(e.row for e in entries))
  columns = tuple(dict.fromkeys(e.column for e in entries))
  reference = _reference(entries, labels)
  own = [_row(sweep, entries, label, columns) for label in labels]
  donors = _donors(own, reference, columns)
  runs = [sweep.runs[e.name] for e in entries if e.name in sweep.runs]
  first = next(iter(runs), None)
  tracks = {track for run in runs for track in run.tracks}
  return Table(
    name=name,
    columns=columns,
    rows=(*_baseline_rows(sweep, donors), *own),
    baselines_of=tuple(dict.fromkeys(row.label for row in donors.values())),
    inputs_differ=len({run.fingerprint for run in runs}) > 1,
    reference=reference,
    settings={e.column: e.setting for e in entries},
    dataset=first.dataset if first else None,
    simulated=bool(first and first.simulated),
    tracks=tuple(sorted(tracks)),
    uneven=tuple(c for c in columns if _is_uneven(entries, c)),
    entries=entries,
  )


def _reference(entries: Sequence[Entry], labels: Sequence[str]) -> str | None:
  """The whole model's row: by its name, else the only row that is one."""
  for label in labels:
    if label.lower() in ("bgm2pose", "full", "full model"):
      return label
  whole = {
    e.row for e in entries if (e.model, e.ablation) == ("bgm2pose", "none")
  }
  return whole.pop() if len(whole) == 1 else None


def _is_uneven(entries: Sequence[Entry], column: str) -> bool:
  folds: dict[str, set[tuple[str, int]]] = {}
  for e in entries:
    if e.column == column:
      folds.setdefault(e.row, set()).add((e.track, e.fold))
  return len({frozenset(places) for places in folds.values()}) > 1


def _row(
  sweep: Sweep, entries: Sequence[Entry], label: str, columns: Sequence[str]
) -> Row:
  mine = [e for e in entries if e.row == label]
  by_column = {c: [e for e in mine if e.column == c] for c in columns}
  by_column = {c: es for c, es in by_column.items() if es}
  return Row(
    label,
    MODEL,
    mine[0].model,
    mine[0].ablation,
    {c: _cell(sweep, es, MODEL) for c, es in by_column.items()},
    {c: _by_track(sweep, es, MODEL) for c, es in by_column.items()},
  )


def _donors(
  own: Sequence[Row], reference: str | None, columns: Sequence[str]
) -> dict[str, Row]:
  """The row of each column whose runs' baselines stand for all.

  Every run carries them. The whole model's are taken where they are there,
  since an ablation may hide inputs from its baselines too.
  """
  order = sorted(
    own, key=lambda r: (r.label != reference, r.ablation != "none")
  )
  out = {}
  for column in columns:
    there = [r for r in order if column in r.cells]
    found = [r for r in there if r.cells[column].mean is not None]
    out[column] = (found or there)[0]
  return out


def _baseline_rows(sweep: Sweep, donors: Mapping[str, Row]) -> list[Row]:
  """Baselines of the runs of one row of each column."""
  out = []
  for who, label in BASELINE_LABELS.items():
    cells, tracks = {}, {}
    for column, row in donors.items():
      asked = row.cells[column].asked
      cells[column] = _cell(sweep, asked, who)
      tracks[column] = _by_track(sweep, asked, who)
    out.append(Row(label, who, "", "", cells, tracks))
  return out


def _by_track(
  sweep: Sweep, asked: Sequence[Entry], who: str
) -> dict[str, Cell]:
  names = dict.fromkeys(e.track for e in asked)
  return {
    name: _cell(sweep, [e for e in asked if e.track == name], who)
    for name in names
  }


def _cell(sweep: Sweep, asked: Sequence[Entry], who: str) -> Cell:
  places = {(e.track, e.fold) for e in asked}
  there = [e for e in asked if e.name in sweep.runs]
  used = [
    e
    for e in there
    if {(o.track, o.fold) for o in there if o.seed == e.seed} == places
  ]
  seeds = per_seed(used, lambda e: sweep.runs[e.name].figures[who])
  mean = std = None
  if seeds:
    values = np.stack(list(seeds.values()))
    mean = values.mean(axis=0)
    if len(values) > 1 and (values != values[0]).any():
      std = values.std(axis=0, ddof=1)
  return Cell(mean, std, tuple(used), tuple(asked), len(there))
