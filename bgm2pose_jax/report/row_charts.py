"""Charts with a labelled line for each thing compared, as SVG text.

Their colours are the caller's, so that one legend serves many charts.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from bgm2pose_jax.report import axes

_WIDTH = 340
_RIGHT, _TOP, _BOTTOM = 14, 6, 22
_LETTER = 6.1  # width of one at 11 pixels, generous
_LONGEST = 24  # letters of a label


def dot_plot(
  title: str,
  labels: Sequence[str],
  series: Sequence[tuple[str, str, Sequence[float | None]]],
  marks: Sequence[float | None] | None = None,
  mark_name: str = "",
) -> str:
  """A line for each label with a dot for each member of the series.

  Args:
    title: what is drawn.
    labels: the labels of the lines, top to bottom.
    series: (name, colour class, value at each label or None).
    marks: at each label an upright mark, or None; None for no marks at all.
    mark_name: what the marks are.

  Returns:
    A `<figure>`; empty text when there is nothing to draw.
  """
  marks = marks or [None] * len(labels)
  known = [v for _, _, values in series for v in values if v is not None]
  known += [v for v in marks if v is not None]
  if not known:
    return ""
  frame = _Frame(labels, 16, known)
  parts = frame.axes()
  for line, label in enumerate(labels):
    y = frame.y(line)
    mark = marks[line]
    if mark is not None:
      x = frame.x(mark)
      parts.append(
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 6:.1f}" '
        f'y2="{y + 6:.1f}"><title>{html.escape(label)}, '
        f"{html.escape(mark_name)}: {mark:.3f}</title></line>"
      )
    for name, kind, values in series:
      value = values[line]
      if value is not None:
        parts.append(
          f'<circle class="dot {kind}" cx="{frame.x(value):.1f}" '
          f'cy="{y:.1f}" r="3.5"><title>{html.escape(label)}, '
          f"{html.escape(name)}: {value:.3f}</title></circle>"
        )
  return axes.figure(title, (_WIDTH, frame.height), parts)


def forest_plot(
  title: str,
  items: Sequence[tuple[str, str, float, tuple[float, float] | None]],
) -> str:
  """Differences with their intervals around zero.

  Args:
    title: what is drawn.
    items: (label, colour class, difference, interval or None).

  Returns:
    A `<figure>`; empty text when there is nothing to draw.
  """
  if not items:
    return ""
  known = [0.0]
  for _, _, value, interval in items:
    known += [value, *(interval or ())]
  frame = _Frame([label for label, *_ in items], 24, known)
  parts = frame.axes()
  zero = frame.x(0.0)
  parts.append(
    f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="{_TOP}" '
    f'y2="{frame.height - _BOTTOM}"/>'
  )
  for line, (label, kind, value, interval) in enumerate(items):
    y = frame.y(line)
    told = f"{label}: {value:+.3f}"
    if interval is not None:
      low, high = interval
      told += f" [{low:+.3f}, {high:+.3f}]"
      parts.append(
        f'<line class="curve {kind}" x1="{frame.x(low):.1f}" '
        f'x2="{frame.x(high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
      )
    parts.append(
      f'<circle class="dot {kind}" cx="{frame.x(value):.1f}" cy="{y:.1f}" '
      f'r="4"><title>{html.escape(told)}</title></circle>'
    )
  return axes.figure(title, (_WIDTH, frame.height), parts)


class _Frame:
  """A value axis below, a labelled line for each thing compared."""

  def __init__(
    self, labels: Sequence[str], line_px: int, values: Sequence[float]
  ):
    self._labels = labels
    self._line_px = line_px
    self._ticks = axes.round_ticks(min(values), max(values))
    longest = max(min(len(label), _LONGEST) for label in labels)
    self._left = 10 + _LETTER * longest
    self.height = _TOP + line_px * len(labels) + _BOTTOM

  def x(self, value: float) -> float:
    low, high = self._ticks[0], self._ticks[-1]
    width = _WIDTH - _RIGHT - self._left
    return self._left + (value - low) / (high - low) * width

  def y(self, line: int) -> float:
    return _TOP + self._line_px * (line + 0.5)

  def axes(self) -> list[str]:
    bottom = self.height - _BOTTOM
    parts = []
    for tick in self._ticks:
      x = self.x(tick)
      parts.append(
        f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" '
        f'y2="{bottom}"/><text x="{x:.1f}" y="{bottom + 14}" '
        f'text-anchor="middle">{tick:g}</text>'
      )
    for line, label in enumerate(self._labels):
      shown = label
      if len(label) > _LONGEST:
        shown = label[: _LONGEST - 1] + "…"
      parts.append(
        f'<text x="{self._left - 6:.1f}" y="{self.y(line) + 3.5:.1f}" '
        f'text-anchor="end">{html.escape(shown)}</text>'
      )
    return parts
