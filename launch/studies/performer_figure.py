"""The performers' study as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Feature set -> what it is called, and its colour.
_CALLED = {
  "logmel_intensity": ("log-mel and intensity", "0.55"),
  "music_kernel": ("music kernel", "tab:blue"),
}
# Group -> (column on the x axis, its label).
_CURVES = {
  "hours": ("hours", "hours of training motion"),
  "performers": ("performers", "training performers"),
}


def plot(
  rows: Sequence[Mapping[str, Any]], path: str, *, simulated: bool
) -> None:
  """Draws what unseen things cost, and error against hours and performers.

  Args:
    rows: what `performer_lines.summary` returned.
    path: the path of the PNG.
    simulated: whether to say that the data are simulated.
  """
  from matplotlib.figure import Figure

  figure = Figure(figsize=(12, 5), dpi=120, layout="constrained")
  bars, *curves = figure.subplots(1, 3, width_ratios=(2, 1, 1))
  _bars(bars, [row for row in rows if row["group"] == "unseen"])
  for axes, (group, (column, label)) in zip(
    curves, _CURVES.items(), strict=True
  ):
    _curve(axes, [row for row in rows if row["group"] == group], column)
    axes.set_xlabel(label)
    axes.set_ylabel("RMSE below the mean pose's, %")
  said = "SIMULATED DATA: " if simulated else ""
  figure.suptitle(f"{said}ridge, tested on performers left out", fontsize=10)
  figure.savefig(path)


def _bars(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
  ticks: list[str] = []
  for at, row in enumerate(rows):
    called, colour = _look(row)
    axes.barh(at, row["below_pct"], color=colour, height=0.7)
    if row["interval_pct"] is not None:
      axes.plot(row["interval_pct"], [at, at], color="0.2", linewidth=1)
    ticks.append(f"{row['case']}, {row['heading']}, {called}")
  axes.axvline(0, color="0.3", linewidth=0.8)
  axes.set_yticks(range(len(ticks)), ticks, fontsize=7)
  axes.invert_yaxis()
  axes.set_xlabel("RMSE below the mean pose's, %")
  axes.set_title("what is unseen", fontsize=9)
  axes.grid(axis="x", alpha=0.3)


def _curve(axes: Any, rows: Sequence[Mapping[str, Any]], column: str) -> None:
  for name in dict.fromkeys(row["features"] for row in rows):
    own = sorted(
      (row for row in rows if row["features"] == name),
      key=lambda row: row[column],
    )
    called, colour = _look(own[0])
    x = [row[column] for row in own]
    axes.plot(
      x, [row["below_pct"] for row in own], "o-", color=colour, label=called
    )
    for at, row in zip(x, own, strict=True):
      if row["interval_pct"] is not None:
        axes.plot([at, at], row["interval_pct"], color=colour, alpha=0.4)
  axes.axhline(0, color="0.3", linewidth=0.8)
  axes.grid(alpha=0.3)
  if rows:
    ticks = sorted({row[column] for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks], fontsize=7)
    axes.minorticks_off()
    axes.legend(fontsize=7)


def _look(row: Mapping[str, Any]) -> tuple[str, str]:
  return _CALLED.get(row["features"], (row["features"], "tab:green"))
