"""What a run is before anything is made: its split, its folder, its place.

Runs that are asked for together differ in seed and fold alone, so that they
share windows and programs.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder, schema
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.data import prepared
from bgm2pose_jax.data.source import Source
from bgm2pose_jax.data.split import Split
from bgm2pose_jax.state import checkpoint as checkpoint_lib

# What runs asked for together may differ in; {fold} and {seed} stand for them
# in a work folder's name.
_OWN_FIELDS = ("fold", "seed")


@dataclasses.dataclass(frozen=True)
class Plan:
  """One run, settled.

  Attributes:
    system: the system that it belongs to.
    config: the configuration, with the names filled in that its fold stood for.
    split: which windows train and test.
    workdir: the run's own folder, claimed.
    dataset: name, kind and fingerprint of the data.
    found: results of an earlier, finished run in that folder, or None.
  """

  system: System
  config: Config
  split: Split
  workdir: pathlib.Path
  dataset: Mapping[str, Any]
  found: dict[str, Any] | None

  @property
  def name(self) -> str:
    """The run among those asked for with it."""
    return f"fold {self.config.fold}, seed {self.config.seed}"


def make_plans(
  system: System,
  configs: Sequence[Config],
  source: Source,
  workdir: pathlib.Path | None,
  mode: str,
) -> list[Plan]:
  """Settles every run and claims its folder, or refuses all.

  Args:
    system: the runs' system.
    configs: the configurations asked for, one a run.
    source: what there is.
    workdir: the run's folder, or with several runs the folder that theirs lie
      in; {fold} and {seed} in it are replaced, which gives each run's own
      folder. None is `runs/<name>`.
    mode: one of `schema.MODES`.

  Raises:
    InputError: for a split the data cannot give, runs that differ in more than
      seed and fold, the same run twice, one folder for two runs, or a folder
      that is another run's.
  """
  _check_shared(configs)
  fingerprint, simulated = prepared.identify(source)
  dataset = {
    "fingerprint": fingerprint,
    "name": source.dataset,
    "simulated": simulated,
  }
  plans: list[Plan] = []
  for config in configs:
    config, split = system.resolve(config, source)
    if any(config == plan.config for plan in plans):
      raise InputError(
        f"--seeds and --folds: fold {config.fold}, seed {config.seed}",
        "named twice",
        "name each once",
      )
    folder = _folder(workdir, system.title(config), config, len(configs))
    if any(folder == plan.workdir for plan in plans):
      raise InputError(
        f"--workdir={workdir}",
        f"two runs would write to {folder}",
        "put both {fold} and {seed} into it",
      )
    plans.append(Plan(system, config, split, folder, dataset, None))
  for plan in plans:
    _check_checkpoints(plan, mode)
    run_folder.check_config(plan.workdir, plan.config)
  return [_claimed(plan, mode) for plan in plans]


def _folder(
  workdir: pathlib.Path | None, title: str, config: Config, runs: int
) -> pathlib.Path:
  """Where one of so many runs writes."""
  named = str(workdir)
  for field in _OWN_FIELDS:
    # `str.format` would stumble over any other brace in a path.
    named = named.replace(f"{{{field}}}", str(getattr(config, field)))
  if workdir is not None and named != str(workdir):
    return pathlib.Path(named)
  folder = workdir or pathlib.Path("runs")
  if workdir is None or runs > 1:
    folder = folder / run_folder.default_name(title, config)
  return folder


def _check_shared(configs: Sequence[Config]) -> None:
  first = schema.flatten(configs[0])
  for config in configs[1:]:
    for key, value in schema.flatten(config).items():
      if key not in _OWN_FIELDS and value != first[key]:
        raise InputError(
          key,
          f"is {first[key]!r} in one run and {value!r} in another",
          "runs trained together differ in seed and fold alone",
        )


def _check_checkpoints(plan: Plan, mode: str) -> None:
  saved = checkpoint_lib.committed_steps(plan.workdir / run_folder.CHECKPOINTS)
  if mode == "evaluate" and not saved:
    raise InputError(
      plan.workdir, "holds no checkpoint to evaluate", "train first"
    )
  if plan.config.init_from and not saved:
    checkpoint_lib.find_step(plan.config.init_from)


def _claimed(plan: Plan, mode: str) -> Plan:
  run_folder.claim(plan.workdir, plan.config, dict(plan.dataset))
  logging.info("work folder: %s", plan.workdir)
  finished = plan.workdir / run_folder.RESULTS
  if mode == "train" or not finished.exists():
    return plan
  return dataclasses.replace(plan, found=run_folder.read_json(finished))
