"""What several processes must agree on before they share a run."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder, schema
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.data.source import Source
from bgm2pose_jax.files import lock
from bgm2pose_jax.runtime import processes
from bgm2pose_jax.training.options import Options
from bgm2pose_jax.training.plan import Plan, make_plans


def check(system: System, configs: Sequence[Config], options: Options) -> None:
  """Refuses what several processes cannot share, or do not agree on.

  Args:
    system: the runs' system.
    configs: the configurations asked for, one a run.
    options: the options asked for.

  Raises:
    InputError: naming it.
  """
  if processes.count() == 1:
    return
  config = configs[0]
  asked: dict[str, Any] = {
    "mode": options.mode,
    "replicas": options.replicas,
    "workdir": options.workdir,
    "runs": len(configs),
  }
  for i, each in enumerate(configs):
    at = f"run {i}: " if len(configs) > 1 else ""
    asked |= {at + k: v for k, v in schema.flatten(each).items()}
  processes.check_same(asked)
  if config.model in system.closed_form:
    raise InputError(
      f"--model={config.model}",
      "trains nothing that several processes could share",
      "start one process alone",
    )
  if config.run.parallel != "jit":
    raise InputError(
      f"--parallel={config.run.parallel}",
      "spans the devices of one process",
      "take jit for several",
    )


def claim(
  system: System,
  configs: Sequence[Config],
  source: Source,
  options: Options,
  locks: contextlib.ExitStack,
) -> list[Plan]:
  """Settles every run and claims its folder, process 0 before all others.

  Args:
    system: the runs' system.
    configs: see `plan.make_plans`.
    source: what there is.
    options: name the work folder and the mode.
    locks: takes process 0's locks of the folders that are to be written to.

  Raises:
    InputError: as `plan.make_plans`; a folder is another process's, or is not
      seen here.
  """
  if not processes.leads():
    for folder in processes.meet("folders claimed") or ():
      if not (pathlib.Path(folder) / run_folder.CONFIG).exists():
        raise InputError(
          folder,
          "is made by process 0 and not seen by another",
          "give a --workdir that all hosts share",
        )
  workdir = pathlib.Path(options.workdir) if options.workdir else None
  plans = make_plans(system, configs, source, workdir, options.mode)
  if processes.leads():
    for plan in plans:
      if plan.found is None:
        locks.enter_context(lock.held(plan.workdir))
    folders = [str(plan.workdir) for plan in plans]
    processes.meet("folders claimed", folders)
  return plans
