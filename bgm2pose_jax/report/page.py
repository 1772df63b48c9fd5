"""A page as a list of panels, which any system composes of parts of its own.

A panel brings the styles, scripts and data that it needs, so that a page holds
nothing beyond what its panels use.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bgm2pose_jax.report import document

SIMULATED = (
  "These recordings come from a simulator; the figures do not carry over to a"
  " real room."
)


@dataclasses.dataclass(frozen=True)
class Tile:
  """A number that is shown large.

  Attributes:
    name: what it is, with its unit.
    value: the number as it is printed.
    notes: lines below it.
  """

  name: str
  value: str
  notes: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Panel:
  """A part of a page.

  Attributes:
    title: over it; empty shows none.
    html: what it holds, escaped.
    name: id of its element, for scripts and links.
    styles: style sheets that it needs.
    scripts: JavaScript that it needs; all panels' scripts share one scope.
    data: JSON values, finite; the scripts find those of all panels in the
      element `data`.
    sounds: whether it plays sound that its data holds.
  """

  title: str
  html: str
  name: str = ""
  styles: Sequence[str] = ()
  scripts: Sequence[str] = ()
  data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  sounds: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
  """What a page shows, from top to bottom.

  Attributes:
    title: the title of the browser's window, and of the page without a
      `heading`.
    heading: the heading of the page.
    banners: (label, warning) of each; see `document.banner`.
    facts: (name, value) in one line.
    summary: what the page says, in a sentence or two; empty shows none.
    status: a line that a script keeps up to date in the element `state`;
      empty makes none.
    tiles: numbers to see first.
    panels: one below the other; a sequence of panels stands side by side
      where there is room.
    styles: style sheets behind those of the panels.
    connect: whom the page may talk to, as a content policy says it; nobody
      when empty.
  """

  title: str
  heading: str = ""
  banners: Sequence[tuple[str, str]] = ()
  facts: Sequence[tuple[str, Any]] = ()
  summary: str = ""
  status: str = ""
  tiles: Sequence[Tile] = ()
  panels: Sequence[Panel | Sequence[Panel]] = ()
  styles: Sequence[str] = ()
  connect: str = ""


def render(page: Page) -> str:
  """The page as the text of one file that loads nothing."""
  panels: list[Panel] = []
  for row in page.panels:
    panels += [row] if isinstance(row, Panel) else row
  styles = [style for panel in panels for style in panel.styles]
  return document.render(
    page.title,
    main=_header(page)
    + _tiles(page.tiles)
    + "".join(
      _section(row) if isinstance(row, Panel) else _columns(row)
      for row in page.panels
    ),
    styles=(*dict.fromkeys(styles), *page.styles),
    data={name: v for panel in panels for name, v in panel.data.items()},
    scripts=[script for panel in panels for script in panel.scripts],
    connect=page.connect,
    sounds=any(panel.sounds for panel in panels),
  )


def _header(page: Page) -> str:
  lines = [document.banner(*banner) for banner in page.banners]
  lines.append(f"<h1>{html.escape(page.heading or page.title)}</h1>")
  if page.facts:
    lines.append(f'<p class="facts">{document.facts_line(page.facts)}</p>')
  if page.summary:
    lines.append(f'<p class="summary">{html.escape(page.summary)}</p>')
  if page.status:
    lines.append(
      f'<p class="facts" id="state" role="status">{html.escape(page.status)}'
      "</p>"
    )
  return "<header>\n" + "\n".join(lines) + "\n</header>\n"


def _tiles(tiles: Iterable[Tile]) -> str:
  out = []
  for tile in tiles:
    notes = "".join(f"<em>{html.escape(note)}</em>" for note in tile.notes)
    out.append(
      f"<div><span>{html.escape(tile.name)}</span>"
      f"<strong>{html.escape(tile.value)}</strong>{notes}</div>"
    )
  return f'<div class="tiles">{"".join(out)}</div>\n' if out else ""


def _columns(panels: Iterable[Panel]) -> str:
  inner = "".join(map(_section, panels))
  return f'<div class="columns">\n{inner}</div>\n' if inner else ""


def _section(panel: Panel) -> str:
  name = f' id="{html.escape(panel.name)}"' if panel.name else ""
  title = f"<h2>{html.escape(panel.title)}</h2>" if panel.title else ""
  return f"<section{name}>{title}{panel.html}</section>\n"
