"""The page of a whole sweep: every table, its figures, and what is missing.

One file that loads nothing, as a run's own page; every name from outside is
escaped.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

from bgm2pose_jax.comparison import figures, notes
from bgm2pose_jax.comparison import grid as grid_lib
from bgm2pose_jax.comparison.entries import SWEEP
from bgm2pose_jax.comparison.grid import CellText, Grid
from bgm2pose_jax.comparison.pairing import Difference
from bgm2pose_jax.comparison.seed_tables import Table
from bgm2pose_jax.comparison.sweep_folder import Sweep
from bgm2pose_jax.report import document, html_table
from bgm2pose_jax.report import page as report_page
from bgm2pose_jax.report.html_table import Cell
from bgm2pose_jax.report.page import Page, Panel

_STATES = ("finished", "failed", "cannot be used", "not there")

_PACKAGE = "bgm2pose_jax.comparison"


def render(
  sweep: Sweep,
  tables: Sequence[Table],
  differences: Mapping[str, Sequence[Difference]],
) -> str:
  """The page as text.

  Args:
    sweep: the runs.
    tables: the runs' tables.
    differences: table name -> differences to its reference.
  """
  names = {e.name for e in sweep.entries}
  simulated = any(t.simulated for t in tables)
  label = _datasets_label(tables)
  return report_page.render(
    Page(
      title=f"Models compared: {label}",
      heading=sweep.system.comparison.heading,
      banners=[
        ("SIMULATED DATA", report_page.SIMULATED) if simulated else (label, "")
      ],
      facts=(
        ("runs", f"{len(sweep.runs)} of {len(names)}"),
        ("datasets", ", ".join(_datasets(tables)) or "none yet"),
      ),
      panels=(
        *_runs_panels(sweep, tables),
        *(_table_panel(sweep, t, differences[t.name]) for t in tables),
      ),
      styles=(document.asset("comparison.css", _PACKAGE),),
    )
  )


def _datasets(tables: Sequence[Table]) -> list[str]:
  return list(dict.fromkeys(t.dataset for t in tables if t.dataset))


def _datasets_label(tables: Sequence[Table]) -> str:
  labels = dict.fromkeys(t.kind for t in tables)
  return ", ".join(labels)


def _runs_panels(sweep: Sweep, tables: Sequence[Table]) -> list[Panel]:
  rows = []
  for table in tables:
    counts: dict[str, int] = dict.fromkeys(_STATES, 0)
    for name in {e.name for e in table.entries}:
      absent = sweep.absent.get(name)
      counts[absent.kind if absent else "finished"] += 1
    rows.append(("", (table.name, *map(str, counts.values()))))
  out = ""
  if rows:
    out = html_table.table([("", *_STATES)], rows, caption="Runs of each table")
  told = [
    (name, absent.kind, absent.reason)
    for name, absent in sorted(sweep.absent.items())
    if absent.reason
  ]
  told += [("", "cannot be read", remark) for remark in sweep.remarks]
  if told:
    items = "".join(
      f"<li><b>{html.escape(name)}</b> {kind}: {html.escape(reason)}</li>"
      for name, kind, reason in told
    )
    out += f'<h3>Failed or unusable</h3><ul class="notes">{items}</ul>'
  waiting = sorted(n for n, a in sweep.absent.items() if not a.reason)
  if waiting:
    listed = html.escape(", ".join(waiting))
    out += (
      f"<details><summary>{len(waiting)} runs of {SWEEP} are not there yet"
      f'</summary><p class="note">{listed}</p></details>'
    )
  return [Panel("Runs", out)] if out else []


def _table_panel(
  sweep: Sweep, table: Table, differences: Sequence[Difference]
) -> Panel:
  parts = [
    f'<p class="warning">{html.escape(text)}</p>'
    for text in notes.warnings(sweep, table)
  ]
  parts.append(_grid_html(grid_lib.main_grid(table), table.reference))
  for column in table.columns:
    places = grid_lib.place_grid(table, column)
    if places is not None:
      parts.append(
        f"<details><summary>{html.escape(column)}, each test "
        f"{html.escape(sweep.place_name)}</summary>"
        f"{_grid_html(places, table.reference)}</details>"
      )
  if differences and table.reference is not None:
    parts.append(_difference_html(table, differences))
  parts.append(figures.figures_html(sweep, table, differences))
  items = "".join(
    f"<li>{html.escape(text)}</li>" for text in notes.below(sweep, table)
  )
  parts.append(f'<ul class="notes">{items}</ul>')
  return Panel(notes.caption(table), "".join(parts), name=table.name)


def _grid_html(grid: Grid, reference: str | None) -> str:
  width = len(grid.names)

  def grouped(cells: Iterable[str]) -> list[Cell]:
    """Cells whose style tells where a group begins."""
    return [
      Cell(html=text, kind="" if number % width else "first")
      for number, text in enumerate(cells)
    ]

  groups = [
    Cell(html=html.escape(group), kind="group", columns=width)
    for group in grid.groups
  ]
  names = map(html.escape, grid.names * len(grid.groups))
  rows = []
  for line in grid.lines:
    kind = "baseline" if line.is_baseline else ""
    if line.label == reference:
      kind = "reference"
    label = Cell(html=html.escape(line.label), hint=line.label)
    rows.append((kind, (label, *grouped(map(_cell_html, line.cells)))))
  heads = (("", *groups), ("", *grouped(names)))
  return html_table.table(heads, rows, caption="Figures of the models")


def _cell_html(cell: CellText) -> str:
  text = html.escape(cell.value)
  if cell.bold:
    text = f"<b>{text}</b>"
  if cell.std:
    text += f" <small>± {html.escape(cell.std)}</small>"
  if cell.remark:
    text += f' <small class="runs">{html.escape(cell.remark)}</small>'
  return text


def _difference_html(table: Table, differences: Sequence[Difference]) -> str:
  titles = [figure.title for figure in table.compared]
  rows = []
  for d in differences:
    if d.refused:
      refused = html.escape(f"not paired: {d.refused}")
      cells = [Cell(html=refused, kind="text", columns=len(titles))]
    else:
      cells = notes.difference_cells(table, d)
    rows.append(("", (f"{d.row}, {d.column}", *cells)))
  title = f"Difference to {table.reference or ''}, 95 % interval"
  drawn = html_table.table([("", *titles)], rows, caption=title)
  return f"<h3>{html.escape(title)}</h3>{drawn}"
