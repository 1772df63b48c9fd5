"""What several processes must agree on before they share a run."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.files import lock
from bgm2pose_jax.runtime import processes
from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose import tasks as task_registry
from bgm2pose_jax.training.plan import Plan, make_plans


def check(
  configs: Sequence[Config],
  workdir: pathlib.Path | None,
  mode: str,
  replicas: str,
) -> None:
  """Refuses what several processes cannot share, or do not agree on.

  Args:
    configs: as asked for, one a run.
    workdir: as asked for.
    mode: one of `config.MODES`.
    replicas: one of `config.REPLICAS`.

  Raises:
    InputError: naming it.
  """
  config = configs[0]
  asked: dict[str, Any] = {
    "mode": mode,
    "replicas": replicas,
    "workdir": None if workdir is None else str(workdir),
    "runs": len(configs),
  }
  for i, each in enumerate(configs):
    at = f"run {i}: " if len(configs) > 1 else ""
    asked |= {at + k: v for k, v in config_lib.flatten(each).items()}
  processes.check_same(asked)
  if task_registry.is_closed_form(config):
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
  configs: Sequence[Config],
  recordings: prepare.Recordings,
  workdir: pathlib.Path | None,
  mode: str,
  locks: contextlib.ExitStack,
) -> list[Plan]:
  """Settles every run and claims its folder, process 0 before all others.

  Args:
    configs: see `plan.make_plans`.
    recordings: what there is.
    workdir: see `plan.make_plans`.
    mode: one of `config.MODES`.
    locks: takes process 0's locks of the folders that are to be written to.

  Raises:
    InputError: as `plan.make_plans`; a folder is another process's, or is not
      seen here.
  """
  if not processes.leads():
    for folder in processes.meet("folders claimed") or ():
      if not (pathlib.Path(folder) / workdir_lib.CONFIG).exists():
        raise InputError(
          folder,
          "is made by process 0 and not seen by another",
          "give a --workdir that all hosts share",
        )
  plans = make_plans(configs, recordings, workdir, mode)
  if processes.leads():
    for plan in plans:
      if plan.found is None:
        locks.enter_context(lock.held(plan.workdir))
    folders = [str(plan.workdir) for plan in plans]
    processes.meet("folders claimed", folders)
  return plans
