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
from typing import Any

import jax
import numpy as np
from absl import flags

from bgm2pose_jax.config import schema
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import target
from bgm2pose_jax.systems.bgm2pose.config import Config
from launch.bench import harness, network

network.define_flags("official", width="0.25", batch="16")
_TOLERANCE = flags.DEFINE_float("tolerance", 1e-3, "of the gradient", 0)

CASES = (
  ("float32, full precision", "float32", "highest"),
  ("float32, default precision", "float32", None),
  ("bfloat16", "bfloat16", None),
)


def _first_step(
  config: Config, device: Any, platform: str, precision: str | None
) -> tuple[float, np.ndarray]:
  """Loss and flat gradients of the first step."""
  # Plain descent at rate 1 moves the parameters by the gradient itself.
  plain = {"optim.optimizer": "sgd", "optim.clip_norm": None}
  config = schema.overlay(config, plain)
  config = schema.overlay(config, {"optim.weight_decay": 0.0})
  table = network.made_up_windows(config.batch.size)
  mesh = mesh_lib.make_mesh([device])
  rows = jax.device_put(
    np.arange(len(table), dtype=np.int32)[None],
    jax.NamedSharding(mesh, jax.P()),
  )
  with contextlib.ExitStack() as inside:
    inside.enter_context(target.tracing_for(platform))
    if precision is not None:
      inside.enter_context(jax.default_matmul_precision(precision))
    made = network.Training(config, table, mesh, rate=1.0)
    # A copy: the step takes the memory of its state.
    before = jax.tree.map(np.array, made.state.params)
    moved, figures = made.step(made.state, made.cache, rows, made.control)
  change = jax.tree.map(
    lambda a, b: (np.asarray(a, np.float64) - np.asarray(b)).ravel(),
    before,
    jax.device_get(moved.params),
  )
  return float(figures["loss"]), np.concatenate(jax.tree.leaves(change))


def main() -> int:
  """Compares and prints; code 1 where the gradients part."""
  base = network.one_config()
  about = harness.begin("jaxlib", "flax")
  cpu = jax.devices("cpu")[0]
  there = jax.devices()[0]
  platform = "gpu" if there == cpu else jax.default_backend()
  loss, grads = _first_step(base, cpu, "cpu", "highest")
  rows = []
  for name, dtype, precision in CASES:
    config = schema.overlay(base, {"run.compute_dtype": dtype})
    found, other = _first_step(config, there, platform, precision)
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
  harness.show(rows)
  harness.write(about, cpu_loss=loss, rows=rows)
  if not rows[0]["gradient error"] <= _TOLERANCE.value:
    print(f"error: above --tolerance={_TOLERANCE.value:g}", file=sys.stderr)
    return 1
  return 0


if __name__ == "__main__":
  harness.start(main)
