"""Tables as HTML, all plain text escaped here."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
  """A cell that is more than plain text.

  Attributes:
    html: what it holds, escaped.
    kind: its class.
    columns: how many columns it spans.
    hint: plain text that is shown on hovering.
  """

  html: str
  kind: str = ""
  columns: int = 1
  hint: str = ""


Row = Sequence[str | Cell]


def table(
  heads: Sequence[Row],
  rows: Iterable[tuple[str, Row]],
  *,
  kind: str = "",
  caption: str = "",
) -> str:
  """A table that scrolls sideways where it is wider than the page.

  The first cell of a row is the row's head.

  Args:
    heads: rows of the head, top to bottom.
    rows: (class, cells) of each row of the body.
    kind: class of the table.
    caption: plain text for those who hear the page.
  """
  head = "".join(
    f"<tr>{_cells(['th'] * len(row), row, 'col')}</tr>" for row in heads
  )
  body = "".join(
    f"<tr{_attribute('class', name)}>"
    f"{_cells(['th', *['td'] * (len(row) - 1)], row, 'row')}</tr>"
    for name, row in rows
  )
  if head:
    head = f"<thead>{head}</thead>"
  said = f"<caption>{html.escape(caption)}</caption>" if caption else ""
  label = html.escape(caption or "Table")
  # A region in focus scrolls by the arrow keys.
  return (
    f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
    f"<table{_attribute('class', kind)}>{said}{head}<tbody>{body}</tbody>"
    "</table></div>"
  )


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
  """A table of names and values."""
  rows = (("", (str(name), str(value))) for name, value in pairs)
  return table((), rows, kind="facts-table")


def _cells(tags: Sequence[str], row: Row, scope: str) -> str:
  out = []
  for tag, cell in zip(tags, row):
    if isinstance(cell, str):
      cell = Cell(html=html.escape(cell))
    span = "" if cell.columns == 1 else str(cell.columns)
    attributes = (
      (f' scope="{scope}"' if tag == "th" else "")
      + _attribute("class", cell.kind)
      + _attribute("colspan", span)
      + _attribute("title", cell.hint)
    )
    out.append(f"<{tag}{attributes}>{cell.html}</{tag}>")
  return "".join(out)


def _attribute(name: str, value: str) -> str:
  return f' {name}="{html.escape(value)}"' if value else ""
