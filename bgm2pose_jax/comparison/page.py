"""The page of a whole sweep: every table, its figures, and what is missing.

One file that loads nothing, as a run's own page; every name from outside is
escaped.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from bgm2pose_jax.comparison import figures, notes
from bgm2pose_jax.comparison import grid as grid_lib
from bgm2pose_jax.comparison.entries import SWEEP
from bgm2pose_jax.comparison.grid import CellText, Grid
from bgm2pose_jax.comparison.pairing import Difference
from bgm2pose_jax.comparison.seed_tables import Table
from bgm2pose_jax.comparison.sweep_folder import Sweep
from bgm2pose_jax.report import document
from bgm2pose_jax.report import page as report_page

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
    tables: of these runs.
    differences: table name -> differences to its reference.
  """
  names = {e.name for e in sweep.entries}
  facts = (
    ("runs", f"{len(sweep.runs)} of {len(names)}"),
    ("datasets", ", ".join(_datasets(tables)) or "none yet"),
  )
  fields = {
    "title": f"Models compared: {_datasets_label(tables)}",
    "heading": html.escape(sweep.system.comparison.heading),
    "css": document.asset("document.css")
    + document.asset("page.css", report_page.PACKAGE)
    + document.asset("comparison.css", _PACKAGE),
    "banner": _banner(tables),
    "facts": document.facts_line(facts),
    "body": _runs_section(sweep, tables)
    + "".join(_table_section(sweep, t, differences[t.name]) for t in tables),
  }
  fields["title"] = html.escape(fields["title"])
  return document.fill(document.asset("comparison.html", _PACKAGE), fields)


def _datasets(tables: Sequence[Table]) -> list[str]:
  return list(dict.fromkeys(t.dataset for t in tables if t.dataset))


def _datasets_label(tables: Sequence[Table]) -> str:
  labels = dict.fromkeys(t.kind for t in tables)
  return ", ".join(labels)


def _banner(tables: Sequence[Table]) -> str:
  if not any(t.simulated for t in tables):
    return document.banner(_datasets_label(tables))
  return document.banner("SIMULATED DATA", report_page.SIMULATED)


def _runs_section(sweep: Sweep, tables: Sequence[Table]) -> str:
  rows = []
  for table in tables:
    counts: dict[str, int] = dict.fromkeys(_STATES, 0)
    for name in {e.name for e in table.entries}:
      absent = sweep.absent.get(name)
      counts[absent.kind if absent else "finished"] += 1
    cells = "".join(f"<td>{count}</td>" for count in counts.values())
    rows.append(f"<tr><td>{html.escape(table.name)}</td>{cells}</tr>")
  head = "".join(f"<th>{state}</th>" for state in _STATES)
  out = (
    f'<section><h2>Runs</h2><div class="scroll"><table><thead><tr><th></th>'
    f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
  )
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
  return out + "</section>"


def _table_section(
  sweep: Sweep, table: Table, differences: Sequence[Difference]
) -> str:
  parts = [f"<h2>{html.escape(notes.caption(table))}</h2>"]
  parts += [
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
  return f'<section id="{table.name}">{"".join(parts)}</section>'


def _grid_html(grid: Grid, reference: str | None) -> str:
  width = len(grid.names)
  groups = "".join(
    f'<th class="group" colspan="{width}">{html.escape(group)}</th>'
    for group in grid.groups
  )
  names = [
    f"<th{_first(number, width)}>{html.escape(name)}</th>"
    for number, name in enumerate(grid.names * len(grid.groups))
  ]
  rows = []
  for line in grid.lines:
    kind = "baseline" if line.is_baseline else ""
    if line.label == reference:
      kind = "reference"
    cells = "".join(
      f"<td{_first(number, width)}>{_cell_html(cell)}</td>"
      for number, cell in enumerate(line.cells)
    )
    label = html.escape(line.label)
    rows.append(
      f'<tr class="{kind}"><td title="{label}">{label}</td>{cells}</tr>'
    )
  return (
    f'<div class="scroll"><table><thead><tr><th></th>{groups}</tr><tr><th></th>'
    f"{''.join(names)}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
  )


def _first(number: int, width: int) -> str:
  return ' class="first"' if number % width == 0 else ""


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
  figures = notes.compared(table)
  rows = []
  for d in differences:
    if d.refused:
      refused = html.escape(f"not paired: {d.refused}")
      cells = f'<td class="text" colspan="{len(figures)}">{refused}</td>'
    else:
      cells = "".join(
        f"<td>{html.escape(text)}</td>"
        for text in notes.difference_cells(table, d)
      )
    rows.append(
      f"<tr><td>{html.escape(d.row)}, {html.escape(d.column)}</td>{cells}</tr>"
    )
  head = "".join(f"<th>{html.escape(figure.title)}</th>" for figure in figures)
  return (
    f"<h3>Difference to {html.escape(table.reference or '')}, 95 % interval"
    f'</h3><div class="scroll"><table><thead><tr><th></th>{head}'
    f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
  )
