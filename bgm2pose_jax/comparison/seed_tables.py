"""Tables of a sweep: its rows and columns, and what compares with what."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from bgm2pose_jax.comparison import cells
from bgm2pose_jax.comparison.entries import Entry, tables_of
from bgm2pose_jax.comparison.finished_run import MODEL, reference_of
from bgm2pose_jax.comparison.sweep_folder import Sweep
from bgm2pose_jax.contract.comparison import GroupTable
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.evaluation.metrics import Figure

Key = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Row:
  """A row of a table.

  Attributes:
    label: the sweep's name for it, or the system's of a baseline.
    who: "model", or the baseline whose figures these are.
    model, ablation: those of the row's runs; empty for baselines.
    cells: column -> figures over all its places.
    places: column -> place -> figures of that place alone.
  """

  label: str
  who: str
  model: str
  ablation: str
  cells: Mapping[str, cells.Cell]
  places: Mapping[str, Mapping[str, cells.Cell]]

  @property
  def key(self) -> Key:
    """Differs between rows, even if one is labelled as a baseline is."""
    return (self.who, self.label)


@dataclasses.dataclass(frozen=True)
class Table:
  """A table and what belongs under it.

  Attributes:
    name: one of `entries.tables_of`.
    system: its runs' system.
    columns: labels, in the sweep's order.
    rows: baselines first, then the sweep's rows in their order.
    baselines_of: labels of the rows whose runs the baselines are of.
    inputs_differ: not all runs have the same features of the recordings.
    reference: label of the whole model's row, None where there is none.
    keys: column -> `keys` of its last entry.
    dataset, simulated, sections: those of the finished runs; dataset is None
      when no run has finished.
    uneven: columns whose rows cover different places or folds.
    entries: the lines of `sweep.json` that belong to this table.
  """

  name: str
  system: System
  columns: tuple[str, ...]
  rows: tuple[Row, ...]
  baselines_of: tuple[str, ...]
  inputs_differ: bool
  reference: str | None
  keys: Mapping[str, Mapping[str, str]]
  dataset: str | None
  simulated: bool
  sections: tuple[str, ...]
  uneven: tuple[str, ...]
  entries: tuple[Entry, ...]

  @property
  def figures(self) -> tuple[Figure, ...]:
    """Its figures, in the order of columns: groups' or the headline's."""
    headline = self.system.figures.metrics.figures
    return self.grouped.figures(headline) if self.grouped else headline

  @property
  def grouped(self) -> GroupTable | None:
    """What it has in place of the headline figures, if anything."""
    return self.system.comparison.by_group.get(self.name)

  @property
  def compared(self) -> tuple[Figure, ...]:
    """The figures that differences are given of."""
    improved = self.system.figures.improved
    return tuple(figure for figure in self.figures if figure.key in improved)

  @property
  def kind(self) -> str:
    """The kind of its data, for readers."""
    if self.dataset is None:
      return "no run has finished"
    if self.simulated:
      return "SIMULATED DATA"
    return self.system.comparison.data_label(self.dataset, self.sections)

  def best(self, column: str) -> list[set[Key]]:
    """Keys of a column's best rows, for each figure.

    Equal means equal as printed.
    """
    found: list[set[Key]] = []
    for number, figure in enumerate(self.figures):
      sign = 1 if figure.lowest else -1
      values = {
        row.key: sign * round(mean, figure.digits)
        for row in self.rows
        if (cell := row.cells.get(column))
        and (mean := cell.value(number)[0]) is not None
      }  # fmt: skip
      low = min(values.values(), default=None)
      found.append({key for key, v in values.items() if v == low})
    return found


def build_tables(sweep: Sweep) -> list[Table]:
  """Makes the tables of a sweep, in the system's order.

  Args:
    sweep: the sweep from `read_sweep`.
  """
  entries = {
    name: tuple(e for e in sweep.entries if e.table == name)
    for name in tables_of(sweep.system)
  }
  return [
    _table(sweep, name, those) for name, those in entries.items() if those
  ]


def _table(sweep: Sweep, name: str, entries: tuple[Entry, ...]) -> Table:
  labels = tuple(dict.fromkeys(e.row for e in entries))
  columns = tuple(dict.fromkeys(e.column for e in entries))
  reference = _reference(sweep.system.comparison.whole, entries, labels)
  own = [_row(sweep, entries, label, columns) for label in labels]
  donors = _donors(own, reference, columns)
  runs = [sweep.runs[e.name] for e in entries if e.name in sweep.runs]
  first = next(iter(runs), None)
  sections = {name for run in runs for name in run.sections}
  return Table(
    name=name,
    system=sweep.system,
    columns=columns,
    rows=(*_baseline_rows(sweep, name, donors), *own),
    baselines_of=tuple(dict.fromkeys(row.label for row in donors.values())),
    inputs_differ=len({run.fingerprint for run in runs}) > 1,
    reference=reference,
    keys={e.column: e.keys for e in entries},
    dataset=first.dataset if first else None,
    simulated=bool(first and first.simulated),
    sections=tuple(sorted(sections)),
    uneven=tuple(c for c in columns if _is_uneven(entries, c)),
    entries=entries,
  )


def _reference(
  whole: tuple[str, str], entries: Sequence[Entry], labels: Sequence[str]
) -> str | None:
  """The whole model's row: by its name, else the only row that is one."""
  for label in labels:
    if label.lower() in (whole[0], "full", "full model"):
      return label
  found = {e.row for e in entries if (e.model, e.ablation) == whole}
  return found.pop() if len(found) == 1 else None


def _is_uneven(entries: Sequence[Entry], column: str) -> bool:
  folds: dict[str, set[tuple[str, int]]] = {}
  for e in entries:
    if e.column == column:
      folds.setdefault(e.row, set()).add((e.place, e.fold))
  return len({frozenset(places) for places in folds.values()}) > 1


def _row(
  sweep: Sweep, entries: Sequence[Entry], label: str, columns: Sequence[str]
) -> Row:
  mine = [e for e in entries if e.row == label]
  asked = {c: [e for e in mine if e.column == c] for c in columns}
  first = mine[0]
  return _row_of(
    sweep,
    label,
    MODEL,
    {column: those for column, those in asked.items() if those},
    model=first.model,
    ablation=first.ablation,
  )


def _row_of(
  sweep: Sweep,
  label: str,
  who: str,
  asked: Mapping[str, Sequence[Entry]],
  model: str = "",
  ablation: str = "",
) -> Row:
  """The row of some runs by their columns."""
  return Row(
    label,
    who,
    model,
    ablation,
    {c: cells.make_cell(sweep, those, who) for c, those in asked.items()},
    {c: cells.by_place(sweep, those, who) for c, those in asked.items()},
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


def _baseline_rows(
  sweep: Sweep, table: str, donors: Mapping[str, Row]
) -> list[Row]:
  """Baselines of the runs of one row of each column.

  Groups of windows have the figures of the reference baseline alone.
  """
  is_grouped = table in sweep.system.comparison.by_group
  asked = {column: row.cells[column].asked for column, row in donors.items()}
  return [
    _row_of(sweep, label, who, asked)
    for who, label in sweep.system.figures.baselines.items()
    if not is_grouped or who == reference_of(sweep.system)
  ]
