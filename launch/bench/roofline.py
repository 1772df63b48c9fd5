"""Where the train step's time goes, and how little it could be.

  python -m launch.bench.roofline --preset=official --width=1 --batch=16
  python -m launch.bench.roofline --preset=official --batch=64 \
    --compute_dtype=bfloat16 --json=roofline.json

A row for each stage of the step, forward and backward, timed alone
(`step_stages.py`), beside two ceilings measured on this device: a large matrix
product in the compute type and a large copy.

What is counted:

- GFLOP: two operations per pair of entries that meet in a matrix product or a
  convolution, borders left out; nothing else counts. "run": the products that
  run here, fewer on CPU, where wide float32 convolutions take Winograd's.
- least MB: the least that must cross between main memory and processor if
  the stage kept everything of its own on chip. Forward and backward are apart
  in time, so inputs and parameters are read by each; the gradient of the
  outputs is read once; outputs, batch statistics and gradients are written
  once. The inputs' stage reads a batch's rows, not the cache; losses and
  optimiser read and write once what goes in and out.
- products MB: what crosses if every product fetches its operands and stores
  its result and all work between them is free. The attention's scores are in
  it: [b, t * heads, f, f] in float32, made by the forward and again by the
  backward pass.
- scratch MB: memory of the compiled stage beside arguments and results.
- floor ms: the larger of run GFLOP and least MB over their ceilings; "by" says
  which. No program of the same products can be faster here.
- share: floor over measured time.

The sum of the stages is beside the whole step measured as training runs it,
which may fuse across stages and hands over what a stage alone must store.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
from absl import flags

from bgm2pose_jax.config import schema
from bgm2pose_jax.runtime import mesh as mesh_lib
from launch.bench import ceilings, harness, network, step_stages, timed_step
from launch.bench.ceilings import Ceilings
from launch.bench.stage_program import Stage

network.define_flags("official", batch="16", compute_dtype="float32")
_REPEATS = flags.DEFINE_integer("repeats", 3, "the fastest counts", 1)

_COLUMNS = (
  "stage", "GFLOP", "run", "least MB", "products MB", "scratch MB", "floor ms",
  "by", "ms", "share", "gap ms",
)  # fmt: skip


def _rows_of(
  stages: Sequence[Stage],
  seconds: Sequence[float],
  whole_s: float,
  peaks: Ceilings,
) -> list[dict[str, Any]]:
  """Makes a row of figures per stage, their sum and the whole step."""
  rows = []
  for stage, spent in zip(stages, seconds):
    by_flops = stage.run_flops / peaks.flops_per_s
    by_bytes = stage.least_bytes / peaks.bytes_per_s
    scratch = stage.scratch_bytes
    rows.append(
      {
        "stage": stage.name,
        "GFLOP": stage.flops / 1e9,
        "run": stage.run_flops / 1e9,
        "least MB": stage.least_bytes / 1e6,
        "products MB": stage.product_bytes / 1e6,
        "scratch MB": None if scratch is None else scratch / 1e6,
        "floor ms": 1e3 * max(by_flops, by_bytes),
        "by": "ops" if by_flops > by_bytes else "bytes",
        "ms": 1e3 * spent,
      }
    )
  added = ("GFLOP", "run", "least MB", "products MB", "floor ms", "ms")
  total = {key: sum(row[key] for row in rows) for key in added}
  rows.append({"stage": "sum of the stages", "by": "", **total})
  whole = total | {"ms": 1e3 * whole_s}
  rows.append({"stage": "whole step", "by": "", **whole})
  for row in rows:
    row["share"] = row["floor ms"] / row["ms"]
    row["gap ms"] = row["ms"] - row["floor ms"]
  return rows


def main() -> None:
  """Measures ceilings, stages and the whole step, and prints."""
  config = network.one_config()
  about = harness.begin("jaxlib", "flax")
  # Short programs on an accelerator would measure the time to call them.
  calls = 1 if jax.default_backend() == "cpu" else 10
  mesh = mesh_lib.make_mesh(jax.devices()[:1])
  whole = timed_step.OurStep(config, mesh=mesh)
  stages = step_stages.stages_of(config, calls)
  peaks = ceilings.measure(config.run.compute_dtype)
  seconds = [
    ceilings.fastest_s(stage.run, _REPEATS.value) / calls for stage in stages
  ]
  whole_s = min(wall for wall, _ in whole.run(_REPEATS.value * calls))
  rows = _rows_of(stages, seconds, whole_s, peaks)
  print(f"{network.title(config)}; {peaks}")
  harness.show(rows, _COLUMNS)
  harness.write(
    about,
    config=schema.to_dict(config),
    ceilings=dataclasses.asdict(peaks),
    rows=rows,
  )


if __name__ == "__main__":
  harness.start(main)
