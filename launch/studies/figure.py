"""The study of the music kernel as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# What a row's features are called, and their colour.
_CALLED = {
  "logmel_intensity": ("log-mel and intensity", "0.55"),
  "music_kernel": ("music kernel", "tab:blue"),
}
_LEARNT = {"causal": "tab:orange", "around:20": "tab:green"}
# (field, marker filled, what it says)
_TRACKS = (
  ("seen", False, "on a track heard in training"),
  ("unseen", True, "on a track never heard"),
)


def plot(rows: Sequence[Mapping[str, Any]], path: str) -> None:
  """Draws how far below the mean pose each case stays.

  A line for each case and feature set: a ring for the track that was heard in
  training, a dot for the one that never was, and their 95 % intervals.

  Args:
    rows: the rows from `cases.Study.line`.
    path: the path of the PNG.
  """
  from matplotlib.figure import Figure
  from matplotlib.lines import Line2D

  cases: dict[str, list[Mapping[str, Any]]] = {}
  for row in rows:
    name = row["case"].removesuffix(", causal")
    cases.setdefault(name, []).append(row)
  height = 1.3 + 0.17 * len(rows) + 0.1 * len(cases)
  figure = Figure(figsize=(8, height), dpi=120, layout="constrained")
  axes = figure.add_subplot()
  at, ticks, used = 0.0, {}, {}
  for case, lines in cases.items():
    begin = at
    for row in lines:
      called, colour = _look(row)
      used[called] = colour
      for field, filled, _ in _TRACKS:
        _point(axes, row, field, at, colour, filled)
      at += 1.0
    ticks[(begin + at - 1) / 2] = case
    at += 0.6
    axes.axhline(at - 0.8, color="0.93", linewidth=0.8, zorder=0)
  axes.axvline(0, color="0.3", linewidth=0.8)
  axes.set_yticks(list(ticks), list(ticks.values()), fontsize=8)
  axes.set_ylim(at, -1)
  axes.set_xlabel("RMSE below the mean pose's, % (left of 0: above it)")
  label = "SIMULATED DATA: " if any(row["simulated"] for row in rows) else ""
  axes.set_title(f"{label}ridge, tested on a person left out", fontsize=10)
  axes.grid(axis="x", alpha=0.3)
  handles = [
    Line2D([], [], color=colour, linewidth=4, label=called)
    for called, colour in used.items()
  ]
  handles += [
    Line2D([], [], color="0.2", marker="o", linestyle="",
           fillstyle="full" if filled else "none", label=label)
    for _, filled, label in _TRACKS
  ]  # fmt: skip
  figure.legend(
    handles=handles, loc="outside lower center", ncols=2, fontsize=8
  )
  figure.savefig(path)


def _look(row: Mapping[str, Any]) -> tuple[str, str]:
  if row["static"] in _LEARNT:
    return f"music kernel, {row['static']}", _LEARNT[row["static"]]
  return _CALLED.get(row["features"], (row["features"], "tab:green"))


def _point(
  axes: Any,
  row: Mapping[str, Any],
  field: str,
  at: float,
  colour: str,
  filled: bool,
) -> None:
  interval = row[f"{field}_interval_pct"]
  if interval is not None:
    axes.plot(interval, [at, at], color=colour, linewidth=1, alpha=0.45)
  style = "full" if filled else "none"
  axes.plot(
    row[f"{field}_pct"], at, "o", color=colour, fillstyle=style, markersize=5
  )
