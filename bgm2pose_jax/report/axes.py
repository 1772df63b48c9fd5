"""What charts share: ticks, colours, the drawing area and its frame.

Colours are classes of the page's style sheet, so that one drawing serves the
light and the dark scheme.
"""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Sequence

COLOURS = 8  # classes c0 .. c7 of document.css


def colour(number: int) -> str:
  """The colour class of the line or row with this number."""
  return f"c{number % COLOURS}"


def legend(names: Sequence[str]) -> str:
  """Names in their colours, in order, for charts that share them."""
  keys = "".join(
    f'<span class="key {colour(number)}">{html.escape(name)}</span>'
    for number, name in enumerate(names)
  )
  return f'<p class="names">{keys}</p>'


def round_ticks(low: float, high: float) -> list[float]:
  """Three to six round numbers that cover low .. high."""
  if high - low <= 1e-12 * max(abs(low), abs(high)):
    pad = abs(low) * 0.1 or 1.0
    low, high = low - pad, high + pad
  raw = (high - low) / 4
  unit = 10.0 ** math.floor(math.log10(raw))
  step = next(unit * k for k in (1, 2, 2.5, 5, 10) if unit * k >= raw * 0.999)
  first = math.floor(low / step + 1e-9)
  last = math.ceil(high / step - 1e-9)
  return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def figure(
  title: str,
  size: tuple[float, float],
  parts: Sequence[str],
  caption: str | None = None,
) -> str:
  """A chart with its title.

  Args:
    title: plain text, also for those who cannot see the chart.
    size: width and height.
    parts: SVG elements.
    caption: HTML in place of the title over the chart; empty shows none.

  Returns:
    A `<figure>`.
  """
  label = html.escape(title)
  if caption is None:
    caption = f"<b>{label}</b>"
  if caption:
    caption = f"<figcaption>{caption}</figcaption>"
  return (
    f'<figure class="chart">{caption}<svg viewBox="0 0 {size[0]} {size[1]}" '
    f'role="img" aria-label="{label}">{"".join(parts)}</svg></figure>'
  )


@dataclasses.dataclass(frozen=True)
class Area:
  """A drawing area: numbers to pixels.

  Attributes:
    size: width and height with the margins, pixels.
    margins: left, right, top and bottom, pixels.
    x_range: numbers at the left and the right.
    y_range: numbers at the bottom and the top.
  """

  size: tuple[float, float]
  margins: tuple[float, float, float, float]
  x_range: tuple[float, float]
  y_range: tuple[float, float]

  def x(self, value: float) -> float:
    """Pixels from the left."""
    left, right, _, _ = self.margins
    low, high = self.x_range
    return left + (value - low) / (high - low) * (self.size[0] - left - right)

  def y(self, value: float) -> float:
    """Pixels from the top."""
    _, _, top, bottom = self.margins
    low, high = self.y_range
    share = (value - low) / (high - low)
    return self.size[1] - bottom - share * (self.size[1] - top - bottom)

  def grid(self, ticks: Sequence[float]) -> list[str]:
    """Level lines with their numbers at the left."""
    left, right, _, _ = self.margins
    return [
      f'<line class="grid" x1="{left}" x2="{self.size[0] - right}" '
      f'y1="{self.y(tick):.1f}" y2="{self.y(tick):.1f}"/>'
      f'<text x="{left - 6}" y="{self.y(tick) + 3.5:.1f}" text-anchor="end">'
      f"{tick:g}</text>"
      for tick in ticks
    ]
