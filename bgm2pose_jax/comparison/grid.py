"""What every form of a comparison table says, before any mark-up."""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.comparison.finished_run import METRICS
from bgm2pose_jax.comparison.pairing import Difference
from bgm2pose_jax.comparison.seed_tables import (
  BASELINE_LABELS,
  MUSIC_ONLY_LIMIT_PCT,
  Cell,
  Key,
  Row,
  Table,
  music_only_checks,
)
from bgm2pose_jax.comparison.sweep_folder import Sweep
from bgm2pose_jax.systems.bgm2pose import published

METRIC_NAMES = ("RMSE", "MAE", "PCKh@0.5")
_TITLES = {
  "main": "Models compared",
  "cross_genre": "Models compared on a genre never heard",
  "ablation": "What each part contributes",
  "noise": "Models compared under noise",
  "grid": "Settings varied",
}
_LABELS = {
  "simulated": "SIMULATED DATA",
  "ampl": "AMPL",
  "other": "OTHER RECORDINGS, not AMPL",
  "none": "no run has finished",
}


@dataclasses.dataclass(frozen=True)
class CellText:
  """One number as it is printed.

  Attributes:
    value: three decimals, or "-".
    std: three decimals, empty where there is none.
    remark: such as "(7/15 runs)".
    bold: the best of its column.
  """

  value: str
  std: str = ""
  remark: str = ""
  bold: bool = False


@dataclasses.dataclass(frozen=True)
class Line:
  """A row: its label, whether it is a baseline, and its cells."""

  label: str
  is_baseline: bool
  cells: tuple[CellText, ...]


@dataclasses.dataclass(frozen=True)
class Grid:
  """Groups of three columns (`METRIC_NAMES`) and the lines below them."""

  groups: tuple[str, ...]
  lines: tuple[Line, ...]


def kind_of(table: Table) -> str:
  """Returns the kind of data of a table, see `published.data_kind`."""
  return published.data_kind(table.dataset, table.simulated, table.tracks)


def kind_label(table: Table) -> str:
  """The same in words for readers."""
  return _LABELS[kind_of(table)]


def caption(table: Table) -> str:
  """One line that says what is compared, on what kind of data."""
  dataset = f" ({table.dataset})" if table.dataset else ""
  return f"{_TITLES[table.name]}: {kind_label(table)}{dataset}"


def main_grid(table: Table) -> Grid:
  """The table itself; the paper's figures in groups of their own on AMPL."""
  best = {column: table.best(column) for column in table.columns}
  printed = _published(table)
  lines = []
  for row in table.rows:
    cells: list[CellText] = []
    for column in table.columns:
      cells += cell_texts(row.cells.get(column), best[column], row.key)
    for column in printed:
      cells += printed[column].get(row.label, (CellText(""),) * 3)
    lines.append(Line(row.label, row.model == "", tuple(cells)))
  groups = (*table.columns, *(f"published: {column}" for column in printed))
  return Grid(groups, tuple(lines))


def track_grid(table: Table, column: str) -> Grid | None:
  """Figures of each test track of a column; None when there is only one."""
  names = dict.fromkeys(e.track for e in table.entries if e.column == column)
  if len(names) < 2:
    return None
  lines = []
  for row in table.rows:
    tracks = row.tracks.get(column, {})
    cells = [t for name in names for t in cell_texts(tracks.get(name))]
    lines.append(Line(row.label, row.model == "", tuple(cells)))
  return Grid(tuple(names), tuple(lines))


def cell_texts(
  cell: Cell | None, best: list[set[Key]] | None = None, key: Key = ("", "")
) -> tuple[CellText, ...]:
  """The three numbers of a cell as text.

  Args:
    cell: None gives three empty texts.
    best: from `Table.best`.
    key: of the cell's row.
  """
  if cell is None:
    return (CellText(""),) * len(METRICS)
  remark = ""
  if not cell.is_whole:
    remark = f"({cell.done}/{len(cell.asked)} runs)"
  return tuple(
    CellText(
      "-" if cell.mean is None else f"{cell.mean[i]:.3f}",
      "" if cell.std is None else f"{cell.std[i]:.3f}",
      remark,
      best is not None and key in best[i],
    )
    for i in range(len(METRICS))
  )


def difference_text(difference: Difference, reference: str) -> str:
  """One line: a row against the reference."""
  start = f"{difference.row}, {difference.column}: difference to {reference}:"
  if difference.rmse is None or difference.mae is None:
    return f"{start} not paired: {difference.refused}"
  rmse = signed(difference.rmse, difference.rmse_interval)
  mae = signed(difference.mae, difference.mae_interval)
  return f"{start} RMSE {rmse}, MAE {mae}"


def signed(value: float, interval: tuple[float, float] | None) -> str:
  """'+0.050 [+0.020, +0.080]'."""
  if interval is None:
    return f"{value:+.3f} [too few stretches of 30 s]"
  return f"{value:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}]"


def warnings(sweep: Sweep, table: Table) -> list[str]:
  """What a reader must not overlook, one line each."""
  out = []
  for label, column, gain in music_only_checks(sweep, table):
    if gain > MUSIC_ONLY_LIMIT_PCT:
      out.append(
        f"WARNING: {label}, {column}: hears the music alone, yet its RMSE is "
        f"{gain:.1f} % below the mean pose (limit {MUSIC_ONLY_LIMIT_PCT:g} %): "
        "the music or a leak tells the pose"
      )
  for column in table.uneven:
    out.append(
      f"WARNING: {column}: the rows were asked for different tracks or folds; "
      "their figures do not compare"
    )
  return out


def notes(sweep: Sweep, table: Table) -> list[str]:
  """What belongs under a table, one line each."""
  labels = "; ".join(BASELINE_LABELS.values())
  whose = "the model rows"
  if table.inputs_differ:
    # Other features of the same recordings, with baselines of their own.
    whose = f"{'; '.join(table.baselines_of)} (other rows have other features)"
  out = [
    "Mean over folds (and over test tracks where there are several) for each "
    "seed, then mean ± sample deviation (n - 1) over seeds; only seeds with "
    "all folds enter. Bold: best of a column.",
    f"The first rows ({labels}) see the same inputs, training and test windows "
    f"as {whose}; they are fitted in closed form, without a seed.",
  ]
  if _published(table):
    out.append(
      f"Published: {published.SOURCE}; ± over three seeds where printed."
    )
  if table.reference is not None:
    out.append(
      "Differences: row minus reference on the same test windows, averaged "
      "over seeds, with 95 % bootstrap intervals over stretches of about 30 s "
      "drawn within each fold. They cover the choice of stretches, not of "
      "people or seeds."
    )
  for label, column, gain in music_only_checks(sweep, table):
    side = "below" if gain >= 0 else "above"
    out.append(
      f"Check of {label}, {column}: RMSE {abs(gain):.1f} % {side} the mean "
      "pose."
    )
  return out + absent_lines(sweep, table)


def absent_lines(sweep: Sweep, table: Table) -> list[str]:
  """Failed and unusable runs by name, the others by number."""
  out, waiting = [], 0
  for name in dict.fromkeys(e.name for e in table.entries):
    absent = sweep.absent.get(name)
    if absent is None:
      continue
    if absent.reason:
      out.append(f"{name} {absent.kind}: {absent.reason}")
    else:
      waiting += 1
  if waiting:
    out.append(f"{waiting} runs are not there yet.")
  return out


def published_lines(table: Table) -> list[dict[str, object]]:
  """The paper's figures one by one, where the data is AMPL."""
  return [
    {
      "row": row.label,
      "column": column,
      "metric": metric,
      "mean": mean,
      "std": std,
    }
    for row in table.rows
    for column in table.columns
    if (found := _figures(table, row, column)) is not None
    for metric, (mean, std) in zip(METRICS, found)
  ]


def _published(table: Table) -> dict[str, dict[str, tuple[CellText, ...]]]:
  """Column -> row -> the paper's figures as text; empty columns left out."""
  out: dict[str, dict[str, tuple[CellText, ...]]] = {}
  for column in table.columns:
    for row in table.rows:
      found = _figures(table, row, column)
      if found is not None:
        out.setdefault(column, {})[row.label] = tuple(
          CellText(f"{mean:.3f}", "" if std is None else f"{std:.3f}")
          for mean, std in found
        )
  return out


def _figures(table: Table, row: Row, column: str) -> published.Figures | None:
  if kind_of(table) != "ampl":
    return None
  return published.figures(
    table.name, table.settings[column], column, row.model, row.ablation
  )
