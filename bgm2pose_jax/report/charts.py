"""Charts of the report page as inline SVG text.

Colours are CSS variables of the page, so that one drawing serves the light and
the dark scheme. Every text from outside is escaped here.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH, _HEIGHT = 340, 176
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 26
_MAX_POINTS = 400

Series = list[tuple[float, float]]


def curves_html(lines: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
  """Small charts, one per logged quantity, against the step.

  A training loss and the validation figure do not share a unit, and the loss
  terms differ by orders of magnitude, so each has its own axis; quantities
  that differ only in a `train_` / `validation_` prefix share one.

  Args:
    lines: lines of `metrics.jsonl`; entries that are not numbers are skipped.

  Returns:
    (main charts: loss terms and validation, other charts: norms and rates) as
    HTML; empty text where there is nothing to draw.
  """
  series: dict[str, Series] = {}
  for line in lines:
    step: Any = line.get("step")
    if not _is_number(step):
      continue
    for key, value in line.items():
      if key not in ("step", "epoch") and _is_number(value):
        series.setdefault(key, []).append((float(step), float(value)))
  groups: dict[str, list[tuple[str, Series]]] = {}
  for key in sorted(series, key=_rank):
    title, name = _split_prefix(key)
    groups.setdefault(title, []).append((name, series[key]))
  main, other = [], []
  for title, members in groups.items():
    # One point is no curve, and a flat zero (no step was skipped) says little.
    if all(len(points) < 2 for _, points in members):
      continue
    chart = line_chart(title, members)
    is_main = "loss" in title or any(name != "train" for name, _ in members)
    (main if is_main else other).append(chart)
  return "".join(main), "".join(other)


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
    members: (name, [(step, value), ...] with finite numbers) of each line.
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
  x_low, x_high = min(xs), max(xs)
  if x_high == x_low:
    x_high = x_low + 1
  ticks = round_ticks(min(ys), max(ys))
  y_low, y_high = min(ticks[0], min(ys)), max(ticks[-1], max(ys))

  def px(x: float) -> float:
    return _LEFT + (x - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT)

  def py(y: float) -> float:
    share = (y - y_low) / (y_high - y_low)
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

  parts = []
  for tick in ticks:
    y = py(tick)
    parts.append(
      f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" '
      f'y1="{y:.1f}" y2="{y:.1f}"/>'
      f'<text x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">'
      f"{tick:g}</text>"
    )
  for x, anchor in ((x_low, "start"), (x_high, "end")):
    parts.append(
      f'<text x="{px(x):.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">'
      f"{x:g}</text>"
    )
  parts.append(
    f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 8}" '
    f'text-anchor="middle">{html.escape(x_name)}</text>'
  )
  for number, (name, points) in enumerate(shown):
    path = "M" + "L".join(f"{px(x):.1f} {py(y):.1f}" for x, y in points)
    last = points[-1]
    parts.append(
      f'<path class="curve {colours[number]}" d="{path}"/>'
      f'<circle class="dot {colours[number]}" cx="{px(last[0]):.1f}" '
      f'cy="{py(last[1]):.1f}" r="3"><title>{html.escape(name)} at '
      f"{html.escape(x_name)} {last[0]:g}: {last[1]:.4g}</title></circle>"
    )
  spoken = _spoken(title)
  if len(shown) == 1 and shown[0][0] != "train":
    spoken = f"{shown[0][0]} {spoken}"
  label = html.escape(spoken)
  names = ", ".join(
    (
      f'<span class="key {colours[number]}">{html.escape(name)}</span> '
      if len(shown) > 1
      else "last "
    )
    + f"{points[-1][1]:.4g}"
    for number, (name, points) in enumerate(shown)
  )
  if classes is not None:
    names = ""
  return (
    f'<figure class="chart"><figcaption><b>{label}</b><span>{names}</span>'
    f'</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
    f'aria-label="{label}">{"".join(parts)}</svg></figure>'
  )


def joint_bars(
  model: Mapping[str, Mapping[str, float]],
  reference: Mapping[str, Mapping[str, float]],
  parts: Mapping[str, Sequence[str]],
) -> str:
  """Mean absolute error of each joint, the mean pose as a tick on the bar.

  Args:
    model: joint -> {"mae", "rmse", "pckh50"}.
    reference: the same for the mean pose; may be empty.
    parts: part -> joint names in the order to draw.

  Returns:
    One `<div class="bars">`, empty text when there is nothing to draw.
  """
  values = [row["mae"] for row in (*model.values(), *reference.values())]
  top = max(values, default=0.0)
  if not model or top <= 0:
    return ""
  out = []
  for part, joints in parts.items():
    out.append(f'<div class="part"><h3>{html.escape(part)}</h3>')
    for joint in joints:
      if joint not in model:
        continue
      row = model[joint]
      mark = ""
      told = f"{joint}: MAE {row['mae']:.3f}, PCKh@0.5 {row['pckh50']:.3f}"
      if joint in reference:
        mean = reference[joint]["mae"]
        mark = f'<i style="left:{100 * mean / top:.2f}%"></i>'
        told += f"; mean pose MAE {mean:.3f}"
      out.append(
        f'<div class="bar" title="{html.escape(told)}">'
        f"<span>{html.escape(joint)}</span><div>"
        f'<b style="width:{100 * row["mae"] / top:.2f}%"></b>{mark}</div>'
        f"<em>{row['mae']:.3f}</em></div>"
      )
    out.append("</div>")
  return f'<div class="bars">{"".join(out)}</div>'


def _is_number(value: Any) -> bool:
  return (
    isinstance(value, (int, float))
    and not isinstance(value, bool)
    and math.isfinite(value)
  )


def _rank(key: str) -> tuple[int, str]:
  """Validation first, then the total loss, its terms, and the rest."""
  title, name = _split_prefix(key)
  if name != "train":
    figures = ("rmse", "mae", "pckh50")
    place = figures.index(title) if title in figures else len(figures)
    return (0, f"{place} {title}")
  if title == "loss":
    return (1, title)
  return (2 if title.startswith("loss") else 3, title)


def _split_prefix(key: str) -> tuple[str, str]:
  """'validation_rmse' -> ('rmse', 'validation'); no prefix means training."""
  for prefix, name in (
    ("validation", "validation"),
    ("val", "validation"),
    ("test", "test"),
    ("train", "train"),
  ):
    for separator in "_/":
      if key.startswith(prefix + separator):
        return key[len(prefix) + 1 :], name
  return key, "train"


def _spoken(title: str) -> str:
  """'loss_pose' -> 'loss pose'; metric names as the tables have them."""
  known = {"rmse": "RMSE", "mae": "MAE", "pckh50": "PCKh@0.5"}
  return known.get(title, title.replace("_", " "))


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
