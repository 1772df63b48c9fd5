"""One training step on the device at hand and on the CPU: the same numbers?

  python -m launch.bench.compare_with_cpu --preset=official --width=0.25

Loss and gradients of the first step, from the same state and windows, with
float32 products in full precision, in the device's own default precision, and
in bfloat16. On a machine without an accelerator the forms that accelerators
take run on the CPU, so that what differs is the program and not the processor.
Exits with 1 when the full-precision gradient is further away than
`--tolerance`, relative to its norm.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from absl import app, flags, logging

from bgm2pose_jax.base import command
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config import tree
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.data import device_cache
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import target
from bgm2pose_jax.systems.bgm2pose import presets
from bgm2pose_jax.systems.bgm2pose.tasks import make_task
from bgm2pose_jax.training import steps
from launch.bench import harness, timed_step

_PRESET = flags.DEFINE_enum(
  "preset", "official", list(presets.PRESETS), "start"
)
_WIDTH = flags.DEFINE_float("width", 0.25, "of the network", 0)
_BATCH = flags.DEFINE_integer("batch", 16, "windows", 1)
_TOLERANCE = flags.DEFINE_float("tolerance", 1e-3, "of the gradient", 0)
_SET = flags.DEFINE_multi_string(
  "set", [], "key.path=value, as in the main command"
)
_JSON = flags.DEFINE_string("json", None, "file to write the rows to")

CASES = (
  ("float32, full precision", "float32", "highest"),
  ("float32, default precision", "float32", None),
  ("bfloat16", "bfloat16", None),
)


def first_step(
  config: Config, device: Any, platform: str, precision: str | None
) -> tuple[float, np.ndarray]:
  """Loss and flat gradients of the first step.

  Args:
    config: of the run.
    device: to run on.
    platform: whose forms the program takes.
    precision: of float32 products, as `jax.default_matmul_precision`.
  """
  # Plain descent at rate 1 moves the parameters by the gradient itself.
  config = config_lib.overlay(
    config, {"optim.optimizer": "sgd", "optim.clip_norm": None}
  )
  config = config_lib.overlay(config, {"optim.weight_decay": 0.0})
  table = timed_step.made_up_windows(config.batch.size)
  task = make_task(config, table.spec, len(table.tracks))
  rows = np.arange(len(table))
  state = jax.device_get(task.init_state(0, task.fit(table, rows)))
  mesh = mesh_lib.make_mesh([device])
  whole = jax.NamedSharding(mesh, jax.P())
  control = jax.device_get(steps.make_control(0, 1.0, 0))
  with contextlib.ExitStack() as inside:
    inside.enter_context(target.tracing_for(platform))
    if precision is not None:
      inside.enter_context(jax.default_matmul_precision(precision))
    step = steps.make_train_step(task, mesh, cached=True)
    moved, figures = step(
      mesh_lib.replicate(mesh, state),
      device_cache.put(table, task.fields, whole),
      jax.device_put(rows[None].astype(np.int32), whole),
      mesh_lib.replicate(mesh, control),
    )
  change = jax.tree.map(
    lambda a, b: (np.asarray(a, np.float64) - np.asarray(b)).ravel(),
    state.params,
    jax.device_get(moved.params),
  )
  return float(figures["loss"]), np.concatenate(jax.tree.leaves(change))


def main(argv: Sequence[str]) -> None:
  """Compares and prints; input errors end with code 2."""
  if len(argv) > 1:
    raise app.UsageError(f"unknown argument {argv[1]!r}; see --help")
  logging.set_verbosity(logging.WARNING)
  with command.ending():
    base = config_lib.overlay(
      presets.get_config(_PRESET.value),
      {"network.width": _WIDTH.value, "batch.size": _BATCH.value},
    )
    base = config_lib.overlay(base, tree.parse_assignments(_SET.value))
  about = harness.facts("jaxlib", "flax")
  print(harness.headline(about), flush=True)
  cpu = jax.devices("cpu")[0]
  there = jax.devices()[0]
  platform = "gpu" if there == cpu else jax.default_backend()
  loss, grads = first_step(base, cpu, "cpu", "highest")
  rows = []
  for name, dtype, precision in CASES:
    config = config_lib.overlay(base, {"run.compute_dtype": dtype})
    found, other = first_step(config, there, platform, precision)
    apart = np.linalg.norm(other - grads) / np.linalg.norm(grads)
    rows.append(
      {
        "type": name,
        "loss": found,
        "loss error": abs(found / loss - 1),
        "gradient error": float(apart),
      }
    )
  print(f"CPU, float32, full precision: loss {loss:.6g}")
  print(harness.table(rows, list(rows[0])))
  harness.write_json(_JSON.value, about, cpu_loss=loss, rows=rows)
  if not rows[0]["gradient error"] <= _TOLERANCE.value:
    print(f"error: above --tolerance={_TOLERANCE.value:g}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
  app.run(main)
