"""Rows, lines and picture of the train-step benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.config import Config

Times = Sequence[Sequence[tuple[float, float]]]

HEAD = (
  f"{'width':>7}{'batch':>6}  {'what':<26}{'windows/s':>10}{'ms/step':>9}"
  f"{'quartiles':>16}{'cpu ms':>9}{'GFLOP':>8}{'XLA':>8}{'GFLOP/s':>9}"
  f"{'ceiling':>9}"
)
FOOT = (
  "ms/step: median over all rounds. GFLOP: products and convolutions of a "
  "step, our\ncount, also where fewer do; XLA: its count of the compiled "
  "program. ceiling:\nshare of a large matrix product's GFLOP/s. ratio: our "
  "windows/s over theirs."
)


def rows_of(
  config: Config,
  ours: Any,
  runners: Sequence[Any],
  times: Sequence[Times],
  peak: float,
) -> list[dict[str, Any]]:
  """Makes a row of figures for each runner.

  Args:
    config: of the step.
    ours: our step, `timed_step.OurStep`.
    runners: ours and the twins.
    times: per runner and round, (seconds, processor seconds) of each step.
    peak: operations a second of a large matrix product, all devices together.

  Returns:
    Plain dicts that JSON can hold.
  """
  own_wall, own_cpu = _medians(times[0])
  rows = []
  for runner, rounds in zip(runners, times):
    walls = np.array([wall for round_ in rounds for wall, _ in round_])
    wall_rounds, cpu_rounds = _medians(rounds)
    middle = float(np.median(walls))
    row: dict[str, Any] = {
      "width": float(config.network["width"]),
      "batch": config.batch.size,
      "compute_dtype": config.run.compute_dtype,
      "what": runner.name,
      "windows_per_s": config.batch.size / middle,
      "ms": 1e3 * middle,
      "ms_quartiles": (1e3 * np.quantile(walls, [0.25, 0.75])).tolist(),
      "ms_rounds": (1e3 * wall_rounds).tolist(),
      "cpu_ms": 1e3 * float(np.median(cpu_rounds)),
    }
    if runner is ours:
      row |= {
        "parameters": ours.parameters,
        "compile_s": ours.compile_s,
        "gflop": ours.flops / 1e9,
        "xla_gflop": ours.xla_flops and ours.xla_flops / 1e9,
        "gflop_per_s": ours.flops / middle / 1e9,
        "ceiling_gflop_per_s": peak / 1e9,
        "ceiling_share": ours.flops / middle / peak,
      }
    else:
      ratios = wall_rounds / own_wall
      row |= {
        **runner.about,
        "ratio": float(np.median(ratios)),
        "ratio_rounds": ratios.tolist(),
        "cpu_ratio": float(np.median(cpu_rounds / own_cpu)),
      }
    rows.append(row)
  return rows


def lines(rows: Sequence[dict[str, Any]]) -> str:
  """The table's lines of one width and batch.

  Args:
    rows: from `rows_of`.
  """
  out = []
  for row in rows:
    low, high = row["ms_quartiles"]
    line = (
      f"{row['width']:>7g}{row['batch']:>6}  {row['what']:<26}"
      f"{row['windows_per_s']:>10.2f}{row['ms']:>9.1f}"
      f"{f'{low:.1f}-{high:.1f}':>16}{row['cpu_ms']:>9.1f}"
    )
    if "gflop" in row:
      xla = row["xla_gflop"]
      line += (
        f"{row['gflop']:>8.4g}{'-' if xla is None else f'{xla:.4g}':>8}"
        f"{row['gflop_per_s']:>9.1f}{row['ceiling_share']:>9.0%}"
      )
    out.append(line)
  peers = [row for row in rows if "ratio" in row]
  if peers:
    best = max(peers, key=lambda row: row["windows_per_s"])
    each = ", ".join(f"{ratio:.2f}" for ratio in best["ratio_rounds"])
    out.append(
      f"{'':>15}ratio to the best twin ({best['what']}): {best['ratio']:.2f} "
      f"(rounds {each}); in processor time {best['cpu_ratio']:.2f}"
    )
  return "\n".join(out)


def plot(rows: Sequence[dict[str, Any]], path: str) -> None:
  """Draws windows a second against width, one line per batch and side.

  Args:
    rows: of all cases.
    path: of the PNG.
  """
  from matplotlib.figure import Figure

  figure = Figure(figsize=(6, 4), dpi=120, layout="constrained")
  axes = figure.add_subplot()
  groups = sorted({(row["what"], row["batch"]) for row in rows})
  for what, batch in groups:
    points = sorted(
      (row["width"], row["windows_per_s"])
      for row in rows
      if (row["what"], row["batch"]) == (what, batch)
    )
    style = "o-" if what == rows[0]["what"] else "s--"
    axes.plot(*zip(*points), style, label=f"{what}, batch {batch}")
  axes.set(
    xscale="log", yscale="log", xlabel="width", ylabel="windows per second"
  )
  widths = sorted({row["width"] for row in rows})
  axes.set_xticks(widths, [f"{width:g}" for width in widths], minor=False)
  axes.minorticks_off()
  axes.grid(alpha=0.3)
  axes.legend(fontsize=8)
  axes.set_title(f"Train step, {rows[0]['compute_dtype']}", fontsize=10)
  figure.savefig(path)


def _medians(rounds: Times) -> tuple[np.ndarray, np.ndarray]:
  """Each round's median seconds, and median processor seconds."""
  both = np.array([np.median(np.array(steps), axis=0) for steps in rounds])
  return both[:, 0], both[:, 1]
