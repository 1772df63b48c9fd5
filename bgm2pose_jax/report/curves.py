"""The curves of a training run: a small chart for each logged quantity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bgm2pose_jax.report import charts
from bgm2pose_jax.report.page import Panel


def panels(
  lines: Sequence[Mapping[str, Any]], titles: Mapping[str, str]
) -> list[Panel]:
  """The panel of the curves, none where there is nothing to draw.

  Args:
    lines: lines of `metrics.jsonl`.
    titles: the titles, as `curve_charts` takes them.
  """
  main, other = curve_charts(lines, titles)
  if not main and not other:
    return []
  text = f'<div class="charts">{main}</div>'
  if other:
    text += (
      "<details><summary>Norms, rates and counts</summary>"
      f'<div class="charts">{other}</div></details>'
    )
  return [Panel("Training", text)]


def curve_charts(
  lines: Sequence[Mapping[str, Any]], titles: Mapping[str, str]
) -> tuple[str, str]:
  """Small charts, one per logged quantity, against the step.

  A training loss and a validation figure do not share a unit, and the loss
  terms differ by orders of magnitude, so each has its own axis; quantities
  that differ only in a `train_` / `validation_` prefix share one.

  Args:
    lines: lines of `metrics.jsonl`; entries that are not numbers are skipped.
    titles: {key without prefix: title for readers} of the validation figures,
      in the order to draw; others are drawn behind them under their key.

  Returns:
    (main charts: loss terms and validation, other charts: norms and rates) as
    HTML; empty text where there is nothing to draw.
  """
  series: dict[str, charts.Series] = {}
  for line in lines:
    step: Any = line.get("step")
    if not _is_number(step):
      continue
    for key, value in line.items():
      if key not in ("step", "epoch") and _is_number(value):
        series.setdefault(key, []).append((float(step), float(value)))
  groups: dict[str, list[tuple[str, charts.Series]]] = {}
  for key in sorted(series, key=lambda key: _rank(key, list(titles))):
    quantity, name = _split_prefix(key)
    groups.setdefault(quantity, []).append((name, series[key]))
  main, other = [], []
  for quantity, members in groups.items():
    # One point is no curve, and a flat zero (no step was skipped) says little.
    if all(len(points) < 2 for _, points in members):
      continue
    title = titles.get(quantity, quantity.replace("_", " "))
    names = {name for name, _ in members}
    if len(members) == 1 and names != {"train"}:
      title = f"{members[0][0]} {title}"
    chart = charts.line_chart(title, members)
    (main if "loss" in quantity or names != {"train"} else other).append(chart)
  return "".join(main), "".join(other)


def _is_number(value: Any) -> bool:
  return (
    isinstance(value, (int, float))
    and not isinstance(value, bool)
    and math.isfinite(value)
  )


def _rank(key: str, figures: Sequence[str]) -> tuple[int, int, str]:
  """Validation first, then the total loss, its terms, and the rest."""
  quantity, name = _split_prefix(key)
  if name != "train":
    known = quantity in figures
    place = figures.index(quantity) if known else len(figures)
    return (0, place, quantity)
  if quantity == "loss":
    return (1, 0, quantity)
  return (2 if quantity.startswith("loss") else 3, 0, quantity)


def _split_prefix(key: str) -> tuple[str, str]:
  """'validation_loss' -> ('loss', 'validation'); no prefix means training."""
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
