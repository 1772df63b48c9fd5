"""Checks and measures the train step on 1, 2, 4, 8 devices; plans for more.

  python -m launch.bench.scaling
  python -m launch.bench.scaling --plan --preset=official --width=1 --rows=64

Weak scaling on forced CPU devices: each device has `--rows` windows, and all
devices share the same cores. So it shows that the result is right and what the
exchange costs, not how much faster more devices are: "x one" is the step's
time over that of one device on the same global batch, 1 where nothing is
lost. Losses of the first step must agree with one device's on that batch.
Collectives are counted in the compiled program.

`--plan` sets operations, bytes and rounds counted in the step at full size
against published peaks and links (`scaling_plan.py`); nothing of it is
measured.
"""

from __future__ import annotations

import sys
from typing import Any

from absl import flags

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.bgm2pose.config import Config
from launch.bench import (
  collective_count,
  harness,
  network,
  scaling_case,
  scaling_plan,
)

network.define_flags("official")
_ROWS = flags.DEFINE_integer(
  "rows", None, "windows a device (default: 2; 64 in the plan)", 1
)
_DEVICES = flags.DEFINE_list("devices", ["1", "2", "4", "8"], "how many")
_PARALLEL = flags.DEFINE_list("parallel", ["jit", "pmap"], "wrappers")
_STEPS = flags.DEFINE_integer("steps", 10, "timed of each case", 1)
_TOLERANCE = flags.DEFINE_float(
  "tolerance", 1e-5, "of the first loss, relative to one device's", 0
)
_PLAN = flags.DEFINE_bool("plan", False, "print the plan instead")
_SHARE = flags.DEFINE_float("share", 0.5, "of the peak, assumed by the plan", 0)


def _config_of(width: float, batch: int, **changes: Any) -> Config:
  """The flags' configuration."""
  changes |= {"network.width": width, "batch.size": batch}
  return network.one_config("batch", **changes)


def _measure(width: float, rows: int, devices: int) -> list[dict[str, Any]]:
  """Runs one size: one device, then several under each wrapper."""
  config = _config_of(width, rows * devices)

  def case(count: int, parallel: str) -> dict[str, Any]:
    more = schema.flatten(config) | {"run.parallel": parallel}
    return scaling_case.run(
      scaling_case.Case(count, config.preset, more, _STEPS.value)
    )

  one = case(1, "jit")
  out = []
  for parallel in _PARALLEL.value:
    own = devices == 1 and parallel == "jit"
    found = one if own else case(devices, parallel)
    row = {
      "devices": devices,
      "wrapper": parallel,
      "batch": rows * devices,
      "step ms": 1e3 * found["step_s"],
      "x one": found["step_s"] / one["step_s"],
      "cpu x one": found["cpu_s"] / one["cpu_s"],
      "loss": found["loss"],
      "loss error": abs(found["loss"] / one["loss"] - 1),
    }
    for kind, total in (found["collectives"] or {}).items():
      row |= {kind: total["count"], f"{kind} kB": total["bytes"] / 1e3}
    out.append(row)
  return out


def _print_plan(rows: int) -> list[dict[str, Any]]:
  """Prints and returns the plan."""
  config = _config_of(1.0, rows, **{"run.compute_dtype": "bfloat16"})
  width = config.network["width"]
  found = scaling_plan.rows_of(config, rows, _SHARE.value)
  print(
    f"On paper, not measured: {config.preset}, width {width:g}, {rows} windows "
    f"a chip, bfloat16\nat {_SHARE.value:.0%} of the published peak (assumed), "
    "published link speeds, nothing overlapped."
  )
  harness.show(found)
  print(scaling_plan.verdict(found))
  times = ", ".join(
    f"{chip.name} "
    + "/".join(f"{chip.round_us[n]:g}" for n in scaling_plan.SIZES)
    for chip in scaling_plan.CHIPS
  )
  sizes = "/".join(map(str, scaling_plan.SIZES))
  print(f"Assumed microseconds of a round at {sizes} chips: {times}.")
  return found


def main() -> int:
  """Measures or plans, and prints; code 1 where losses part."""
  counts = harness.numbers(_DEVICES)
  about = harness.begin("jaxlib", "flax")
  if _PLAN.value:
    harness.write(about, plan=_print_plan(_ROWS.value or 64))
    return 0
  columns = ["devices", "wrapper", "batch", "step ms", "x one", "cpu x one"]
  columns += ["loss", "loss error"]
  for kind in collective_count.KINDS:
    columns += [kind, f"{kind} kB"]
  rows: list[dict[str, Any]] = []
  for devices in counts:
    rows += _measure(1 / 16, _ROWS.value or 2, devices)
    harness.show(rows[-len(_PARALLEL.value) :], columns)
  harness.write(about, rows=rows)
  worst = max(row["loss error"] for row in rows)
  print(f"largest loss error: {worst:.1e}")
  if worst > _TOLERANCE.value:
    print(f"error: above --tolerance={_TOLERANCE.value:g}", file=sys.stderr)
    return 1
  return 0


if __name__ == "__main__":
  harness.start(main)
