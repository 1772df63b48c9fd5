"""Comparison tables as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from bgm2pose_jax.comparison import grid as grid_lib
from bgm2pose_jax.comparison import notes
from bgm2pose_jax.comparison.grid import CellText, Grid
from bgm2pose_jax.comparison.pairing import Difference
from bgm2pose_jax.comparison.seed_tables import Row, Table
from bgm2pose_jax.comparison.sweep_folder import Sweep

_PLACE = "place"  # the column that is called as the system calls places
_CSV_COLUMNS: tuple[str, ...] = (
  "kind", "table", "row", "column", _PLACE, "metric", "mean", "std", "low",
  "high", "seeds", "runs", "runs_asked", "reference", "note",
)  # fmt: skip
_TEX = {
  "\\": r"\textbackslash{}",
  "{": r"\{",
  "}": r"\}",
  "$": r"\$",
  "&": r"\&",
  "#": r"\#",
  "_": r"\_",
  "%": r"\%",
  "~": r"\textasciitilde{}",
  "^": r"\textasciicircum{}",
  "<": r"\textless{}",
  ">": r"\textgreater{}",
  "|": r"\textbar{}",
  # A bracket after a line's end would be read as its option.
  "[": "{[}",
  "]": "{]}",
  "±": r"$\pm$",
}


def markdown(
  sweep: Sweep, table: Table, differences: Sequence[Difference]
) -> str:
  """A table with everything under it, as Markdown.

  Args:
    sweep: the runs.
    table: the runs' table.
    differences: the differences from `pairing.differences`.
  """
  lines = [f"# {_md(notes.caption(table))}", ""]
  lines += [f"**{_md(text)}**\n" for text in notes.warnings(sweep, table)]
  lines += _md_grid(grid_lib.main_grid(table))
  for column in table.columns:
    places = grid_lib.place_grid(table, column)
    if places is not None:
      lines += ["", f"## {_md(column)}, each test {sweep.place_name}", ""]
      lines += _md_grid(places)
  if differences and table.reference is not None:
    lines += ["", f"## Difference to {_md(table.reference)}", ""]
    lines += [f"- {_md(notes.difference_text(table, d))}" for d in differences]
  lines += ["", "## Notes", ""]
  lines += [f"- {_md(text)}" for text in notes.notes(sweep, table)]
  lines += ["", "## Definitions", ""]
  lines += [
    f"- {_md(name)}: {_md(text)}"
    for name, text in table.system.figures.definitions.items()
  ]
  return "\n".join(lines) + "\n"


def _md_grid(grid: Grid) -> list[str]:
  head = [f"{g} {name}" for g in grid.groups for name in grid.names]
  lines = [
    "| | " + " | ".join(map(_md, head)) + " |",
    "| --- |" + " ---: |" * len(head),
  ]
  for line in grid.lines:
    cells = " | ".join(_md_cell(cell) for cell in line.cells)
    lines.append(f"| {_md(line.label)} | {cells} |")
  return lines


def _md_cell(cell: CellText) -> str:
  text = cell.value + (f" ± {cell.std}" if cell.std else "")
  text = f"**{text}**" if cell.bold else text
  return f"{text} {cell.remark}".strip()


def _md(text: str) -> str:
  """Text that Markdown and the HTML inside it leave as it is."""
  for char in "\\`*_[]|#":
    text = text.replace(char, f"\\{char}")
  return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def csv_text(
  sweep: Sweep, table: Table, differences: Sequence[Difference]
) -> str:
  """The figures one to a line, as CSV with one header.

  `kind` says what a line holds: figure (the place is empty for the mean over
  places), published, difference, or caption, warning, note and definition,
  which have their text in `note`.

  Args:
    sweep: the runs.
    table: the runs' table.
    differences: the differences from `pairing.differences`.
  """
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator="\n")
  writer.writerow(
    sweep.place_name if column == _PLACE else column for column in _CSV_COLUMNS
  )

  def write(kind: str, **values: object) -> None:
    line = {"kind": kind, "table": table.name, **values}
    writer.writerow([_csv(line.get(column)) for column in _CSV_COLUMNS])

  write("caption", note=notes.caption(table))
  for row in table.rows:
    for line in _csv_figures(table, row):
      write("figure", row=row.label, **line)
  for line in grid_lib.published_lines(table):
    write("published", **line)
  for d in differences:
    for figure in table.compared:
      value, interval = d.figures.get(figure.key, (None, None))
      low, high = interval or (None, None)
      write(
        "difference",
        row=d.row,
        column=d.column,
        metric=figure.key,
        mean=value,
        low=low,
        high=high,
        seeds=len(d.seeds),
        reference=table.reference,
        note=f"not paired: {d.refused}" if d.refused else "",
      )
  for text in notes.warnings(sweep, table):
    write("warning", note=text)
  for text in notes.notes(sweep, table):
    write("note", note=text)
  for name, text in table.system.figures.definitions.items():
    write("definition", metric=name, note=text)
  return buffer.getvalue()


def _csv_figures(table: Table, row: Row) -> list[dict[str, object]]:
  out: list[dict[str, object]] = []
  for column, whole in row.cells.items():
    for place, cell in (("", whole), *row.places[column].items()):
      for number, figure in enumerate(table.figures):
        mean, std = cell.value(number)
        out.append(
          {
            "column": column,
            _PLACE: place,
            "metric": figure.key,
            "mean": mean,
            "std": std,
            "seeds": len(cell.seeds),
            "runs": cell.done,
            "runs_asked": len(cell.asked),
          }
        )
  return out


def _csv(value: object) -> object:
  """Numbers as they are; text that no spreadsheet takes for a formula."""
  if value is None:
    return ""
  if isinstance(value, float):
    return f"{value:.6g}"
  if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
    return f"'{value}"
  return value


def latex(sweep: Sweep, table: Table, differences: Sequence[Difference]) -> str:
  """A table environment and the lines below it, without extra packages.

  Args:
    sweep: the runs.
    table: the runs' table.
    differences: the differences from `pairing.differences`.
  """
  grid = grid_lib.main_grid(table)
  width = len(grid.names)
  heads = [rf"\multicolumn{{{width}}}{{c}}{{{_tex(g)}}}" for g in grid.groups]
  names = [_tex(name) for name in grid.names] * len(grid.groups)
  lines = [
    r"\begin{table}",
    r"\centering\small",
    rf"\caption{{{_tex(notes.caption(table))}}}",
    rf"\label{{tab:{table.name.replace('_', '-')}}}",
    rf"\begin{{tabular}}{{l*{{{width * len(grid.groups)}}}{{r}}}}",
    r"\hline",
    " & ".join(["", *heads]) + r" \\",
    " & ".join(["", *names]) + r" \\",
    r"\hline",
  ]
  for number, line in enumerate(grid.lines):
    if number and grid.lines[number - 1].is_baseline > line.is_baseline:
      lines.append(r"\hline")
    cells = [_tex_cell(cell) for cell in line.cells]
    lines.append(" & ".join([_tex(line.label), *cells]) + r" \\")
  lines += [r"\hline", r"\end{tabular}", ""]
  under = notes.warnings(sweep, table)
  if table.reference is not None:
    under += [notes.difference_text(table, d) for d in differences]
  under += notes.below(sweep, table)
  lines += [
    r"\begin{flushleft}\footnotesize",
    *(rf"{_tex(text)}\par" for text in under),
    r"\end{flushleft}",
    r"\end{table}",
  ]
  return "\n".join(lines) + "\n"


def _tex_cell(cell: CellText) -> str:
  text = rf"\textbf{{{cell.value}}}" if cell.bold else cell.value
  if cell.std:
    text += rf" $\pm$ {cell.std}"
  return f"{text} {cell.remark}".strip()


def _tex(text: str) -> str:
  """Text that LaTeX prints as it is."""
  return "".join(_TEX.get(char, char) for char in text)
