"""What every form of a comparison table says in words, before any mark-up."""

from __future__ import annotations

from bgm2pose_jax.comparison import cells, grid
from bgm2pose_jax.comparison.entries import GRID
from bgm2pose_jax.comparison.pairing import Difference, Interval
from bgm2pose_jax.comparison.seed_tables import Table
from bgm2pose_jax.comparison.sweep_folder import Sweep
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.contract.comparison import Control
from bgm2pose_jax.evaluation.metrics import Figure


def caption(table: Table) -> str:
  """One line that says what is compared, on what kind of data."""
  dataset = f" ({table.dataset})" if table.dataset else ""
  titles = {**table.system.comparison.titles, GRID: "Settings varied"}
  title = titles[table.name]
  if grouped := table.grouped:
    title += f", {grouped.of(table.system.figures.metrics.figures).title}"
  return f"{title}: {table.kind}{dataset}"


def difference_text(table: Table, difference: Difference) -> str:
  """One line: a row against the reference."""
  start = (
    f"{difference.row}, {difference.column}: difference to {table.reference}:"
  )
  if difference.refused:
    return f"{start} not paired: {difference.refused}"
  texts = zip(table.compared, difference_cells(table, difference))
  return f"{start} {', '.join(f'{f.title} {text}' for f, text in texts)}"


def difference_cells(table: Table, difference: Difference) -> list[str]:
  """'+0.050 [+0.020, +0.080]' of each figure of a pair."""
  return [
    _signed(table, figure, *difference.figures[figure.key])
    for figure in table.compared
  ]


def _signed(
  table: Table, figure: Figure, value: float, interval: Interval | None
) -> str:
  form = f"+.{figure.digits}f"
  if interval is None:
    stretch = table.system.figures.blocks.stretch
    return f"{value:{form}} [too few stretches of {stretch}]"
  return f"{value:{form}} [{interval[0]:{form}}, {interval[1]:{form}}]"


def warnings(sweep: Sweep, table: Table) -> list[str]:
  """What a reader must not overlook, one line each."""
  out = [
    f"WARNING: {label}, {column}: {control.lacking}, yet its {first} is "
    f"{gain:.1f} % below the {_baseline(table)} (limit {control.limit_pct:g} "
    f"%): {control.meaning}"
    for control, label, column, first, gain in _controls(sweep, table)
    if gain > control.limit_pct
  ]
  out += [
    f"WARNING: {column}: the rows were asked for different {sweep.place_name}s "
    "or folds; their figures do not compare"
    for column in table.uneven
  ]
  return out


def _controls(
  sweep: Sweep, table: Table
) -> list[tuple[Control, str, str, str, float]]:
  """(control, row, column, figure, reduction in percent) of controls."""
  return [
    (control, row.label, column, found[0].title, found[1])
    for row in table.rows
    for column, cell in row.cells.items()
    for control in table.system.comparison.controls
    if row.ablation == control.ablation
    and (found := cells.reduction(sweep, cell, table.figures)) is not None
  ]


def _baseline(table: Table) -> str:
  """Label of the reference baseline."""
  return next(iter(table.system.figures.baselines.values()), "")


def notes(sweep: Sweep, table: Table) -> list[str]:
  """What belongs under a table, one line each."""
  places = f"{sweep.place_name}s"
  stretch = table.system.figures.blocks.stretch
  whose = "the model rows"
  if table.inputs_differ:
    # Other features of the same recordings, with baselines of their own.
    whose = f"{'; '.join(table.baselines_of)} (other rows have other features)"
  out = [
    f"Mean over folds (and over test {places} where there are several) for "
    "each seed, then mean ± sample deviation (n - 1) over seeds; only seeds "
    "with all folds enter. Bold: best of a column."
  ]
  if labels := "; ".join(r.label for r in table.rows if r.model == ""):
    out.append(
      f"The first rows ({labels}) have the recordings, training and test "
      f"windows of {whose}; they are fitted in closed form, without a seed."
    )
  if grouped := table.grouped:
    of = grouped.of(table.system.figures.metrics.figures)
    out.append(
      f"{', '.join(grouped.names.values())}: {of.title} over the test windows "
      f"of that group ({grouped.block} in {run_folder.RESULTS}); - where a run "
      "has no such window."
    )
  literature = table.system.comparison.literature
  if literature is not None and grid.published(table):
    out.append(f"Published: {literature.source}.")
  if table.reference is not None and table.compared:
    out.append(
      "Differences: row minus reference on the same test windows, averaged "
      f"over seeds, with 95 % bootstrap intervals over stretches of about "
      f"{stretch} drawn within each fold. They cover the choice of stretches, "
      "not of people or seeds."
    )
  for _, label, column, first, gain in _controls(sweep, table):
    side = "below" if gain >= 0 else "above"
    out.append(
      f"Check of {label}, {column}: {first} {abs(gain):.1f} % {side} the "
      f"{_baseline(table)}."
    )
  return out + absent_lines(sweep, table)


def below(sweep: Sweep, table: Table) -> list[str]:
  """The notes, then what each figure means."""
  defined = table.system.figures.definitions
  named = [f"{name}: {text}" for name, text in defined.items()]
  return [*notes(sweep, table), *named]


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
