"""Whether several runs share one program, and how that was settled.

The form is part of how a run rounds, so it is written into each run's folder
and taken up again when the same runs go on.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import jax
from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.runtime import processes
from bgm2pose_jax.training.loop import SEPARATE, Trainer
from bgm2pose_jax.training.replica import Replica
from bgm2pose_jax.training.replicated import FORMS

# Name of the file in each run's folder.
REPLICAS = "replicas.json"
# On CPU `unrolled` gains about a third, but compiles as many times as long as
# there are runs: with fewer steps in a run that is no gain.
_CPU_MIN_STEPS = 1000


def settle(asked: str, runs: Sequence[Replica], trainer: Trainer) -> str:
  """Returns how runs share a program: `SEPARATE` or one of `FORMS`.

  Args:
    asked: one of `config.REPLICAS`. `auto` takes what these runs began with;
      else what is fastest when tried, on CPU of long runs only and only
      forms with a separate run's own numbers.
    runs: the runs that are not finished; opened when they have to be tried.
    trainer: the runs' trainer.

  Raises:
    InputError: when one program is asked for and the windows do not fit on
      the device.
  """
  if len(runs) == 1:
    return SEPARATE
  if asked in FORMS and not trainer.cached:
    raise InputError(
      f"--replicas={asked}",
      "needs the windows on the device, where they do not fit",
      "raise batch.cache_budget_gib, or take --replicas=separate",
    )
  form = asked
  if asked == "auto":
    form, why = _chosen(runs, trainer)
    logging.info("%d runs: %s (%s)", len(runs), form, why)
  content = {"form": form, "runs": sorted(run.folder.name for run in runs)}
  if processes.leads():
    for run in runs:
      run_folder.write_json(run.folder / REPLICAS, content)
  return form


def _chosen(runs: Sequence[Replica], trainer: Trainer) -> tuple[str, str]:
  """The form of `auto`, and why."""
  began = {_read(run.folder) for run in runs}
  before = next(iter(began))
  if len(began) == 1 and before is not None:
    return before, "as they began"
  on_cpu = jax.default_backend() == "cpu"
  if on_cpu and min(r.order.total_steps for r in runs) < _CPU_MIN_STEPS:
    why = "short runs on CPU; --replicas=unrolled would compile too long"
    return SEPARATE, why
  if not trainer.cached:
    return SEPARATE, "the windows do not fit on the device"
  if jax.process_count() > 1:
    return SEPARATE, "several hosts would have to time alike"
  for run in runs:
    trainer.open(run)
  form, speed = trainer.fastest(runs, ("unrolled",) if on_cpu else FORMS)
  return form, ", ".join(f"{k} {v:.0f} windows/s" for k, v in speed.items())


def _read(workdir: pathlib.Path) -> str | None:
  path = workdir / REPLICAS
  if not path.exists():
    return None
  form = run_folder.read_json(path).get("form")
  if form not in (SEPARATE, *FORMS):
    raise InputError(path, f"names the form {form!r}", "delete the file")
  return form
