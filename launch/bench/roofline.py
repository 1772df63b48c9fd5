"""Where the train step's time goes, and how little it could be.

  python -m launch.bench.roofline --preset=official --width=1 --batch=16
  python -m launch.bench.roofline --preset=official --batch=64 \
    --compute_dtype=bfloat16 --json=roofline.json --plot=roofline.png

A row for each stage of the step, forward and backward, timed alone
(`launch/bench/step_stages.py`), beside two ceilings measured on this device: a large
matrix product in the compute type and a large copy.

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

from collections.abc import Sequence
from typing import Any

import jax
from absl import app, flags, logging

from bgm2pose_jax.base import command
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config import tree
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose import presets
from launch.bench import ceilings, harness, step_stages, timed_step

_PRESET = flags.DEFINE_enum("preset", "official", list(presets.PRESETS), "base")
_WIDTH = flags.DEFINE_float("width", None, "of the network; the preset's")
_BATCH = flags.DEFINE_integer("batch", 16, "windows a step", 2)
_DTYPE = flags.DEFINE_enum(
  "compute_dtype", "float32", ["float32", "bfloat16"], "type to compute in"
)
_SET = flags.DEFINE_multi_string("set", [], "key.path=value, as in main")
_REPEATS = flags.DEFINE_integer("repeats", 3, "the fastest counts", 1)
_JSON = flags.DEFINE_string("json", None, "file to write the rows to")
_PLOT = flags.DEFINE_string("plot", None, "PNG of floors beside times")

_COLUMNS = (
  "stage",
  "GFLOP",
  "run",
  "least MB",
  "products MB",
  "scratch MB",
  "floor ms",
  "by",
  "ms",
  "share",
  "gap ms",
)


def configuration() -> config_lib.Config:
  """Returns the configuration that the flags describe.

  Raises:
    InputError: for a value that cannot be right.
  """
  changes: dict[str, Any] = {
    "preset": _PRESET.value,
    "batch.size": _BATCH.value,
    "run.compute_dtype": _DTYPE.value,
  }
  if _WIDTH.value is not None:
    changes["network.width"] = _WIDTH.value
  config = config_lib.overlay(presets.get_config(_PRESET.value), changes)
  return config_lib.overlay(config, tree.parse_assignments(_SET.value))


def rows_of(
  stages: Sequence[step_stages.Stage],
  seconds: Sequence[float],
  whole_s: float,
  peaks: dict[str, float],
) -> list[dict[str, Any]]:
  """Makes a row of figures per stage, their sum and the whole step.

  Args:
    stages: of the step.
    seconds: each one's time.
    whole_s: time of the step as training runs it.
    peaks: `flops_per_s` and `bytes_per_s`.
  """
  rows = []
  for stage, spent in zip(stages, seconds):
    by_flops = stage.run_flops / peaks["flops_per_s"]
    by_bytes = stage.least_bytes / peaks["bytes_per_s"]
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


def plot(rows: Sequence[dict[str, Any]], title: str, path: str) -> None:
  """Draws each stage's time with its floor inside.

  Args:
    rows: from `rows_of`.
    title: of the picture.
    path: of the PNG.
  """
  from matplotlib.figure import Figure

  figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
  axes = figure.add_subplot()
  stages = rows[:-2][::-1]
  names = [row["stage"] for row in stages]
  axes.barh(names, [row["ms"] for row in stages], color="0.8", label="measured")
  axes.barh(
    names, [row["floor ms"] for row in stages], height=0.5, label="floor"
  )
  axes.set_xlabel("ms")
  axes.set_title(title, fontsize=10)
  axes.legend()
  figure.savefig(path)


def measure(
  config: config_lib.Config,
) -> tuple[list[dict[str, Any]], dict[str, float]]:
  """Measures ceilings, stages and the whole step.

  Args:
    config: of the run.

  Returns:
    The rows and the ceilings.

  Raises:
    InputError: for a configuration that does not fit.
  """
  # Short programs on an accelerator would measure the time to call them.
  calls = 1 if jax.default_backend() == "cpu" else 10
  mesh = mesh_lib.make_mesh(jax.devices()[:1])
  whole = timed_step.OurStep(config, mesh=mesh)
  stages = step_stages.stages_of(config, calls)
  peaks = {
    "flops_per_s": ceilings.matmul_flops_per_second(config.run.compute_dtype),
    "bytes_per_s": ceilings.copy_bytes_per_second(),
  }
  seconds = [
    ceilings.fastest_s(stage.run, _REPEATS.value) / calls for stage in stages
  ]
  whole_s = min(wall for wall, _ in whole.run(_REPEATS.value * calls))
  return rows_of(stages, seconds, whole_s, peaks), peaks


def main(argv: Sequence[str]) -> None:
  """Measures and prints; input errors end with code 2."""
  if len(argv) > 1:
    raise app.UsageError(f"unknown argument {argv[1]!r}; see --help")
  logging.set_verbosity(logging.WARNING)
  with command.ending():
    config = configuration()
    about = harness.facts("jaxlib", "flax")
    rows, peaks = measure(config)
  case = (
    f"{_PRESET.value}, width {config.network['width']:g}, batch "
    f"{config.batch.size}, {config.run.compute_dtype}"
  )
  print(harness.headline(about))
  print(
    f"{case}; ceilings: {peaks['flops_per_s'] / 1e9:.0f} GFLOP/s, "
    f"{peaks['bytes_per_s'] / 1e9:.1f} GB/s"
  )
  print(harness.table(rows, _COLUMNS))
  harness.write_json(
    _JSON.value,
    about,
    config=config_lib.to_dict(config),
    ceilings=peaks,
    rows=rows,
  )
  if _PLOT.value:
    plot(rows, f"{case}, {about['device']}", _PLOT.value)


if __name__ == "__main__":
  app.run(main)
