"""`kernel simulate`: a folder of recordings to try the other commands on."""

from __future__ import annotations

from pathlib import Path

from absl import flags

from bgm2pose_jax.base import command, local_path
from bgm2pose_jax.systems.posekernel.config import SimulateConfig
from bgm2pose_jax.systems.posekernel.simulated import recorded_folder
from bgm2pose_jax.systems.posekernel.simulated.samples import SimulatedSamples


def define_flags(values: flags.FlagValues) -> None:
  """Adds the flags to `values`."""
  flags.DEFINE_string(
    "environment",
    "room01",
    "simulate: the room; room01 is the one that a run of fold 0 never saw",
    flag_values=values,
  )
  flags.DEFINE_integer(
    "samples", 10, "simulate: how many", lower_bound=1, flag_values=values
  )
  flags.DEFINE_integer(
    "seed",
    0,
    "simulate: seed of rooms, people and noise",
    lower_bound=0,
    flag_values=values,
  )


def run(values: flags.FlagValues) -> list[str]:
  """Writes the folder and returns the lines to print.

  Args:
    values: the flags.

  Raises:
    InputError: a flag that cannot be used, or a folder that exists.
  """
  command.require(values, "out")
  local_path.check("out", values.out)
  out = Path(values.out)
  plan = SimulateConfig(seed=values.seed)
  numbers = range(min(values.samples, plan.samples))
  written = recorded_folder.write(
    out, SimulatedSamples(plan), values.environment, numbers
  )
  return [
    f"SIMULATED: {len(numbers)} samples of {values.environment}",
    *(f"wrote {path}" for path in written),
    "next: python -m bgm2pose_jax.kernel extract"
    f" --recordings={out / recorded_folder.RECORDINGS}"
    f" --empty={out / recorded_folder.EMPTY}"
    f" --sweep={out / recorded_folder.SWEEP} --latency_ms=0 --out=KERNELS",
  ]
