"""What a run is before anything is made: its split, its folder, its place.

Runs that are asked for together differ in seed and fold alone, so that they
share windows and programs.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.data import prepared
from bgm2pose_jax.state import checkpoint as checkpoint_lib
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.prepare import MusicSource

# What runs asked for together may differ in.
_OWN_FIELDS = ("seed", "fold", "test_subject")
# What stands for them in a work folder's name.
_PLACEHOLDERS = ("fold", "seed")


@dataclasses.dataclass(frozen=True)
class Plan:
  """One run, settled.

  Attributes:
    config: with test track, subject and fold resolved.
    split: which recordings train and test.
    workdir: the run's own folder, claimed.
    found: results of an earlier, finished run in that folder, or None.
  """

  config: Config
  split: splits.MusicSplit
  workdir: pathlib.Path
  found: dict[str, Any] | None

  @property
  def name(self) -> str:
    """The run among those asked for with it."""
    return f"fold {self.config.fold}, seed {self.config.seed}"


def make_plans(
  configs: Sequence[Config],
  recordings: MusicSource,
  workdir: pathlib.Path | None,
  mode: str,
) -> list[Plan]:
  """Settles every run and claims its folder, or refuses all.

  Args:
    configs: as asked for, one a run.
    recordings: what there is.
    workdir: the run's folder, or with several runs the folder that theirs lie
      in; {fold} and {seed} in it are replaced, which gives each run's own
      folder. None is `runs/<name>`.
    mode: one of `config.MODES`.

  Raises:
    InputError: for settings the recordings cannot give, runs that differ in
      more than seed and fold, the same run twice, one folder for two runs, or
      a folder that is another run's.
  """
  _check_shared(configs)
  ambisonic_format(configs[0], recordings.recordings)
  holdings = recordings.holdings()
  fingerprint, simulated = prepared.identify(recordings)
  dataset = {
    "fingerprint": fingerprint,
    "name": configs[0].data.dataset,
    "simulated": simulated,
  }
  plans: list[Plan] = []
  for config in configs:
    split = splits.resolve(
      config.setting,
      holdings,
      test_track=config.test_track,
      test_subject=config.test_subject,
      fold=config.fold,
      fold_by=config.fold_by,
    )
    config = _resolved(config, split)
    if any(config == plan.config for plan in plans):
      raise InputError(
        f"--seeds and --folds: fold {config.fold}, seed {config.seed}",
        "named twice",
        "name each once",
      )
    folder = _folder(workdir, config, len(configs))
    if any(folder == plan.workdir for plan in plans):
      raise InputError(
        f"--workdir={workdir}",
        f"two runs would write to {folder}",
        "put both {fold} and {seed} into it",
      )
    plans.append(Plan(config, split, folder, None))
  for plan in plans:
    _check_checkpoints(plan, mode)
    workdir_lib.check_config(plan.workdir, plan.config)
  return [_claimed(plan, dataset, mode) for plan in plans]


def ambisonic_format(config: Config, recordings: Any) -> str | None:
  """Returns the convention of the recordings' channels; None is unknown.

  Args:
    config: may state it.
    recordings: may state it too.

  Raises:
    InputError: they state different ones.
  """
  asked, stated = config.data.ambisonic_format, recordings.ambisonic_format
  if asked and stated and asked != stated:
    raise InputError(
      "data.ambisonic_format",
      f"is {asked}, and the recordings say {stated}",
      "drop it: they know",
    )
  return asked or stated


def _folder(
  workdir: pathlib.Path | None, config: Config, runs: int
) -> pathlib.Path:
  """Where one of so many runs writes."""
  named = str(workdir)
  for field in _PLACEHOLDERS:
    # `str.format` would stumble over any other brace in a path.
    named = named.replace(f"{{{field}}}", str(getattr(config, field)))
  if workdir is not None and named != str(workdir):
    return pathlib.Path(named)
  folder = workdir or pathlib.Path("runs")
  if workdir is None or runs > 1:
    folder = folder / workdir_lib.default_name(config)
  return folder


def _check_shared(configs: Sequence[Config]) -> None:
  first = config_lib.flatten(configs[0])
  for config in configs[1:]:
    for key, value in config_lib.flatten(config).items():
      if key not in _OWN_FIELDS and value != first[key]:
        raise InputError(
          key,
          f"is {first[key]!r} in one run and {value!r} in another",
          "runs trained together differ in seed and fold alone",
        )


def _check_checkpoints(plan: Plan, mode: str) -> None:
  saved = checkpoint_lib.committed_steps(plan.workdir / workdir_lib.CHECKPOINTS)
  if mode == "evaluate" and not saved:
    raise InputError(
      plan.workdir, "holds no checkpoint to evaluate", "train first"
    )
  if plan.config.init_from and not saved:
    checkpoint_lib.find_step(plan.config.init_from)


def _claimed(plan: Plan, dataset: dict[str, Any], mode: str) -> Plan:
  workdir_lib.claim(plan.workdir, plan.config, dataset)
  logging.info("work folder: %s", plan.workdir)
  finished = plan.workdir / workdir_lib.RESULTS
  if mode == "train" or not finished.exists():
    return plan
  return dataclasses.replace(plan, found=workdir_lib.read_json(finished))


def _resolved(config: Config, split: splits.MusicSplit) -> Config:
  """The config with the names that its track, subject and fold stood for."""
  one_subject = split.fold_by == "subject" and len(split.test_subjects) == 1
  return dataclasses.replace(
    config,
    test_track=split.test_tracks[0],
    test_subject=split.test_subjects[0] if one_subject else None,
    fold=split.fold,
    fold_by=split.fold_by,
  )
