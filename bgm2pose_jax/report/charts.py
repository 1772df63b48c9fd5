"""Line charts, scatter plots and bars as inline SVG and HTML text.

Every text from outside is escaped here.
"""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Mapping, Sequence

from bgm2pose_jax.report import axes

_SIZE = (340, 176)
_MARGINS = (46, 12, 10, 26)
_WIDE_SIZE = (720, 260)
_WIDE_MARGINS = (62, 14, 12, 30)
_MAX_POINTS = 400

Series = list[tuple[float, float]]


def line_chart(
  title: str,
  members: Sequence[tuple[str, Series]],
  *,
  x_name: str = "step",
  classes: Sequence[str] | None = None,
) -> str:
  """One figure with a line per member.

  Args:
    title: what is drawn.
    members: (name, [(x, y), ...] with finite numbers) of each line.
    x_name: what the numbers of a line are counted in.
    classes: colour class of each line, for a page with a legend of its own;
      None takes c0 to c2 and names the lines beside the title.

  Returns:
    A `<figure>`.
  """
  shown = [(name, _thin(points)) for name, points in members]
  colours = classes or [f"c{number % 3}" for number in range(len(shown))]
  xs = [x for _, points in shown for x, _ in points]
  ys = [y for _, points in shown for _, y in points]
  low, high = min(xs), max(xs)
  ticks = axes.round_ticks(min(ys), max(ys))
  area = axes.Area(
    _SIZE,
    _MARGINS,
    (low, high if high > low else low + 1),
    (min(ticks[0], min(ys)), max(ticks[-1], max(ys))),
  )
  parts = area.grid(ticks)
  middle = (_MARGINS[0] + _SIZE[0] - _MARGINS[1]) / 2
  for x, anchor, text in (
    (area.x(area.x_range[0]), "start", f"{area.x_range[0]:g}"),
    (area.x(area.x_range[1]), "end", f"{area.x_range[1]:g}"),
    (middle, "middle", html.escape(x_name)),
  ):
    parts.append(
      f'<text x="{x:.1f}" y="{_SIZE[1] - 8}" text-anchor="{anchor}">{text}'
      "</text>"
    )
  keys = []
  for (name, points), kind in zip(shown, colours):
    path = "L".join(f"{area.x(x):.1f} {area.y(y):.1f}" for x, y in points)
    last_x, last_y = points[-1]
    parts.append(
      f'<path class="curve {kind}" d="M{path}"/><circle class="dot {kind}" '
      f'cx="{area.x(last_x):.1f}" cy="{area.y(last_y):.1f}" r="3"><title>'
      f"{html.escape(name)} at {html.escape(x_name)} {last_x:g}: {last_y:.4g}"
      "</title></circle>"
    )
    key = "last"
    if len(shown) > 1:
      key = f'<span class="key {kind}">{html.escape(name)}</span>'
    keys.append(f"{key} {last_y:.4g}")
  beside = ", ".join(keys) if classes is None else ""
  caption = f"<b>{html.escape(title)}</b><span>{beside}</span>"
  return axes.figure(title, _SIZE, parts, caption)


@dataclasses.dataclass(frozen=True)
class Point:
  """A point of a scatter plot.

  Attributes:
    x, y: its place.
    hint: plain text that is shown on hovering.
    counts: False draws a ring in place of a dot.
  """

  x: float
  y: float
  hint: str
  counts: bool = True


def scatter(
  title: str,
  points: Sequence[Point],
  *,
  x_end: float,
  y_top: float,
  x_unit: str,
  y_unit: str,
) -> str:
  """Points around a level line at zero, against an axis that begins at zero.

  Args:
    title: the title for those who cannot see the chart.
    points: points with finite numbers; those beyond the axis are drawn at its
      edge.
    x_end: where the axis ends.
    y_top: the numbers drawn lie at least between plus and minus this.
    x_unit: the unit of the numbers below.
    y_unit: the unit of the numbers at the left.

  Returns:
    A wide `<figure>`.
  """
  ticks = axes.round_ticks(-y_top, y_top)
  low, high = ticks[0], ticks[-1]
  area = axes.Area(_WIDE_SIZE, _WIDE_MARGINS, (0, x_end), (low, high))
  parts = area.grid(ticks)
  parts += [
    f'<text x="{area.x(tick):.1f}" y="{_WIDE_SIZE[1] - 10}" '
    f'text-anchor="middle">{tick:g} {html.escape(x_unit)}</text>'
    for tick in axes.round_ticks(0, math.floor(x_end))
    if tick <= x_end
  ]
  zero = f"{area.y(0):.1f}"
  parts.append(
    f'<path class="curve c1" d="M{area.x(0):.1f} {zero}L{area.x(x_end):.1f} '
    f'{zero}"/><text x="{_WIDE_MARGINS[0] + 4}" y="{_WIDE_MARGINS[2] + 8}">'
    f"{html.escape(y_unit)}</text>"
  )
  for point in points:
    shape = 'class="dot c0" r="2.6"'
    if not point.counts:
      shape = 'class="curve c2" r="3.2"'
    parts.append(
      f'<circle {shape} cx="{area.x(point.x):.1f}" '
      f'cy="{area.y(min(max(point.y, low), high)):.1f}">'
      f"<title>{html.escape(point.hint)}</title></circle>"
    )
  return axes.figure(title, _WIDE_SIZE, parts, caption="")


@dataclasses.dataclass(frozen=True)
class Bar:
  """A bar with its number.

  Attributes:
    name: the name at its left.
    value: its length, not negative.
    hint: plain text that is shown on hovering.
    mark: number at which an upright mark stands, not negative.
  """

  name: str
  value: float
  hint: str = ""
  mark: float | None = None


def bars(groups: Mapping[str, Sequence[Bar]], digits: int = 3) -> str:
  """Level bars in groups, all in one scale.

  Args:
    groups: title -> its bars, top to bottom.
    digits: decimals of the numbers.

  Returns:
    One `<div>`, empty text when there is nothing to draw.
  """
  every = [bar for group in groups.values() for bar in group]
  top = max((max(bar.value, bar.mark or 0.0) for bar in every), default=0.0)
  if top <= 0:
    return ""
  out = []
  for title, group in groups.items():
    out.append(f'<div class="part"><h3>{html.escape(title)}</h3>')
    for bar in group:
      mark = ""
      if bar.mark is not None:
        mark = f'<i style="left:{100 * bar.mark / top:.2f}%"></i>'
      out.append(
        f'<div class="bar" title="{html.escape(bar.hint)}">'
        f"<span>{html.escape(bar.name)}</span><div>"
        f'<b style="width:{100 * bar.value / top:.2f}%"></b>{mark}</div>'
        f"<em>{bar.value:.{digits}f}</em></div>"
      )
    out.append("</div>")
  return f'<div class="bars">{"".join(out)}</div>'


def _thin(points: Series) -> Series:
  """At most `_MAX_POINTS` points: means of equal stretches, the last kept."""
  if len(points) <= _MAX_POINTS:
    return points
  size = math.ceil(len(points) / _MAX_POINTS)
  out = []
  for start in range(0, len(points), size):
    part = points[start : start + size]
    out.append((part[-1][0], sum(y for _, y in part) / len(part)))
  return out
