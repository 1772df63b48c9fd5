"""The numbers of a comparison table as text, before any mark-up."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bgm2pose_jax.comparison.cells import Cell
from bgm2pose_jax.comparison.seed_tables import Key, Row, Table
from bgm2pose_jax.contract.comparison import Published
from bgm2pose_jax.evaluation.metrics import Figure


@dataclasses.dataclass(frozen=True)
class CellText:
  """One number as it is printed.

  Attributes:
    value: the number with the figure's decimals, or "-".
    std: the same, empty where there is none.
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
  """Groups of columns, a column a figure of the table, and the lines below."""

  groups: tuple[str, ...]
  names: tuple[str, ...]
  lines: tuple[Line, ...]


def main_grid(table: Table) -> Grid:
  """The table itself; published figures of such data in their own groups."""
  best = {column: table.best(column) for column in table.columns}
  printed = published(table)
  empty = (CellText(""),) * len(table.figures)
  lines = []
  for row in table.rows:
    cells: list[CellText] = []
    for column in table.columns:
      cell = row.cells.get(column)
      cells += cell_texts(table.figures, cell, best[column], row.key)
    for column in printed:
      cells += printed[column].get(row.label, empty)
    lines.append(Line(row.label, row.model == "", tuple(cells)))
  groups = (*table.columns, *(f"published: {column}" for column in printed))
  return _grid(table, groups, lines)


def place_grid(table: Table, column: str) -> Grid | None:
  """Figures of each place of a column; None when there is only one."""
  names = dict.fromkeys(e.place for e in table.entries if e.column == column)
  if len(names) < 2:
    return None
  lines = []
  for row in table.rows:
    found = row.places.get(column, {})
    cells = [
      text for n in names for text in cell_texts(table.figures, found.get(n))
    ]
    lines.append(Line(row.label, row.model == "", tuple(cells)))
  return _grid(table, tuple(names), lines)


def _grid(table: Table, groups: tuple[str, ...], lines: list[Line]) -> Grid:
  names = tuple(figure.title for figure in table.figures)
  return Grid(groups, names, tuple(lines))


def cell_texts(
  figures: Sequence[Figure],
  cell: Cell | None,
  best: list[set[Key]] | None = None,
  key: Key = ("", ""),
) -> tuple[CellText, ...]:
  """The numbers of a cell as text.

  Args:
    figures: the table's figures.
    cell: None gives empty texts.
    best: the best rows from `Table.best`.
    key: key of the cell's row.
  """
  if cell is None:
    return (CellText(""),) * len(figures)
  remark = ""
  if not cell.is_whole:
    remark = f"({cell.done}/{len(cell.asked)} runs)"
  return tuple(
    CellText(
      *_printed(figure, *cell.value(number)),
      remark,
      best is not None and key in best[number],
    )
    for number, figure in enumerate(figures)
  )


def published_lines(table: Table) -> list[dict[str, object]]:
  """Published figures one by one, where the data is theirs."""
  return [
    {
      "row": row.label,
      "column": column,
      "metric": figure.key,
      "mean": mean,
      "std": std,
    }
    for row in table.rows
    for column in table.columns
    if (found := _figures(table, row, column)) is not None
    for figure, one in zip(table.figures, found)
    if one is not None
    for mean, std in [one]
  ]


def published(table: Table) -> dict[str, dict[str, tuple[CellText, ...]]]:
  """Column -> row -> published figures as text; empty columns left out."""
  out: dict[str, dict[str, tuple[CellText, ...]]] = {}
  for column in table.columns:
    for row in table.rows:
      found = _figures(table, row, column)
      if found is not None:
        out.setdefault(column, {})[row.label] = tuple(
          CellText("") if one is None else CellText(*_printed(figure, *one))
          for figure, one in zip(table.figures, found)
        )
  return out


def _printed(
  figure: Figure, mean: float | None, std: float | None
) -> tuple[str, str]:
  """A mean and its deviation as text."""
  return (
    "-" if mean is None else f"{mean:.{figure.digits}f}",
    "" if std is None else f"{std:.{figure.digits}f}",
  )


def _figures(table: Table, row: Row, column: str) -> Published | None:
  literature = table.system.comparison.literature
  if literature is None or table.kind != literature.data:
    return None
  return literature.figures(
    table.name,
    table.keys[column],
    column,
    row.model or row.who,
    row.ablation or "none",
  )
