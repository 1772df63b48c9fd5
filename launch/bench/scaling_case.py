"""The train step on some forced CPU devices, in a process of its own.

How many devices a CPU shows is settled when JAX opens it. Run as a module this
file is the process, which prints one JSON line.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from typing import Any

from launch.bench import child


@dataclasses.dataclass(frozen=True)
class Case:
  """What the process runs.

  Attributes:
    devices: forced ones.
    preset: the preset to start from.
    changes: laid over it, as `config.overlay` takes them.
    steps: how many steps to time.
  """

  devices: int
  preset: str
  changes: dict[str, Any]
  steps: int


def run(case: Case) -> dict[str, Any]:
  """Runs a case in a process of its own.

  Args:
    case: what to run.

  Returns:
    `loss` of the first step, `step_s` and `cpu_s` (medians), `collectives` of
    the compiled program (None under pmap) and `compile_s`.

  Raises:
    RuntimeError: the process fails; with its last line.
  """
  forced = f"--xla_force_host_platform_device_count={case.devices}"
  return child.run(
    "launch.bench.scaling_case",
    case,
    where=f"{case.devices} devices",
    environment=child.environment(
      {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": forced}
    ),
  )


def _run(case: Case) -> dict[str, Any]:
  import jax

  from launch.bench import collective_count, network, timed_step

  assert jax.device_count() == case.devices
  step = timed_step.OurStep(network.config(case.preset, case.changes))
  walls, cpus = zip(*step.run(case.steps))
  text = step.program()
  return {
    "loss": step.first_loss,
    "step_s": statistics.median(walls),
    "cpu_s": statistics.median(cpus),
    "compile_s": step.compile_s,
    "collectives": text and collective_count.of_program(text, case.devices),
  }


if __name__ == "__main__":
  print(json.dumps(_run(Case(**child.case()))))
