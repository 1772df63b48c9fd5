"""Rows, lines and picture of the train-step benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.config.schema import Config

Times = Sequence[Sequence[tuple[float, float]]]

HEAD = (
  f"{'width':>7}{'batch':>6}  {'what':<35}{'windows/s':>10}{'ms/step':>9}"
  f"{'quartiles':>16}{'cpu ms':>9}{'GFLOP':>8}{'XLA':>8}{'GFLOP/s':>9}"
  f"{'floor ms':>9}{'ceiling':>9}"
)
FOOT = (
  "ms/step: median over all rounds. GFLOP: products and convolutions of a "
  "step, our\ncount, also where fewer do; XLA: its count of the compiled "
  "program. floor: those\nthat run, at the rate of a large matrix product. "
  "ceiling: share of its GFLOP/s.\nratio: our windows/s over theirs."
)
# The twin that every other is compared with.
_PLAIN = "torch eager"


def rows_of(
  config: Config,
  runners: Sequence[Any],
  times: Sequence[Times],
  peaks: Mapping[str, float],
) -> list[dict[str, Any]]:
  """Makes a row of figures for each runner.

  Args:
    config: of the step.
    runners: ours (`timed_step.OurStep`), then the twins.
    times: per runner and round, (seconds, processor seconds) of each step.
    peaks: operations a second of a large matrix product by compute type, all
      devices together.

  Returns:
    Plain dicts that JSON can hold. Our rows have `ratios`: for each twin the
    rounds' ratios and that of processor time.
  """
  rounds = [_medians(found) for found in times]
  rows = []
  for runner, found in zip(runners, times):
    walls = np.array([wall for round_ in found for wall, _ in round_])
    wall_rounds, cpu_rounds = _medians(found)
    middle = float(np.median(walls))
    row: dict[str, Any] = {
      "width": float(config.network["width"]),
      "batch": config.batch.size,
      "what": runner.name,
      "windows_per_s": config.batch.size / middle,
      "ms": 1e3 * middle,
      "ms_quartiles": (1e3 * np.quantile(walls, [0.25, 0.75])).tolist(),
      "ms_rounds": (1e3 * wall_rounds).tolist(),
      "cpu_ms": 1e3 * float(np.median(cpu_rounds)),
    }
    if hasattr(runner, "flops"):
      peak = peaks[runner.compute_dtype]
      row |= {
        "compute_dtype": runner.compute_dtype,
        "parameters": runner.parameters,
        "compile_s": runner.compile_s,
        "gflop": runner.flops / 1e9,
        "run_gflop": runner.run_flops / 1e9,
        "xla_gflop": runner.xla_flops and runner.xla_flops / 1e9,
        "gflop_per_s": runner.flops / middle / 1e9,
        "ceiling_gflop_per_s": peak / 1e9,
        "ceiling_share": runner.flops / middle / peak,
        "floor_ms": 1e3 * runner.run_flops / peak,
        "ratios": {
          peer.name: {
            "rounds": (wall / wall_rounds).tolist(),
            "cpu": float(np.median(cpu / cpu_rounds)),
          }
          for peer, (wall, cpu) in zip(runners, rounds)
          if not hasattr(peer, "flops")
        },
      }
    else:
      row |= runner.about
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
      f"{row['width']:>7g}{row['batch']:>6}  {row['what']:<35}"
      f"{row['windows_per_s']:>10.2f}{row['ms']:>9.1f}"
      f"{f'{low:.1f}-{high:.1f}':>16}{row['cpu_ms']:>9.1f}"
    )
    if "gflop" in row:
      xla = row["xla_gflop"]
      line += (
        f"{row['gflop']:>8.4g}{'-' if xla is None else f'{xla:.4g}':>8}"
        f"{row['gflop_per_s']:>9.1f}{row['floor_ms']:>9.1f}"
        f"{row['ceiling_share']:>9.0%}"
      )
    out.append(line)
  peers = [row for row in rows if "gflop" not in row]
  if peers:
    best = max(peers, key=lambda row: row["windows_per_s"])["what"]
    out += [
      f"{'':>15}{row['what']}: {_ratio(row, best, 'the best twin')}"
      + (
        f"; {_ratio(row, _PLAIN, 'float32')}"
        if _PLAIN in row["ratios"] and best != _PLAIN
        else ""
      )
      for row in rows
      if "gflop" in row
    ]
  return "\n".join(out)


def _ratio(row: dict[str, Any], peer: str, called: str) -> str:
  found = row["ratios"][peer]
  each = ", ".join(f"{ratio:.2f}" for ratio in found["rounds"])
  return (
    f"{float(np.median(found['rounds'])):.2f} times {called} ({peer}; rounds "
    f"{each}; processor time {found['cpu']:.2f})"
  )


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
    style = "s--" if what.startswith("torch") else "o-"
    axes.plot(*zip(*points), style, label=f"{what}, batch {batch}")
  axes.set(
    xscale="log", yscale="log", xlabel="width", ylabel="windows per second"
  )
  widths = sorted({row["width"] for row in rows})
  axes.set_xticks(widths, [f"{width:g}" for width in widths], minor=False)
  axes.minorticks_off()
  axes.grid(alpha=0.3)
  axes.legend(fontsize=8)
  axes.set_title("Train step", fontsize=10)
  figure.savefig(path)


def _medians(rounds: Times) -> tuple[np.ndarray, np.ndarray]:
  """Each round's median seconds, and median processor seconds."""
  both = np.array([np.median(np.array(steps), axis=0) for steps in rounds])
  return both[:, 0], both[:, 1]
