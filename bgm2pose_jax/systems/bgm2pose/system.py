"""BGM2Pose as a system: what the shared rooms ask of it."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.from_files import FromFiles
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.data.rows import Rows, split_rows
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.nn import model_fields
from bgm2pose_jax.systems.bgm2pose import baselines as baselines_lib
from bgm2pose_jax.systems.bgm2pose import (
  music_fingerprint,
  presets,
  splits,
  training_sound,
)
from bgm2pose_jax.systems.bgm2pose.ampl import find
from bgm2pose_jax.systems.bgm2pose.comparison import COMPARISON
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.export import EXPORT
from bgm2pose_jax.systems.bgm2pose.features import conditioning
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.figures import FIGURES, predictions
from bgm2pose_jax.systems.bgm2pose.models import registry as models
from bgm2pose_jax.systems.bgm2pose.music_model import TRAINED
from bgm2pose_jax.systems.bgm2pose.prepare import MusicSource, source_of
from bgm2pose_jax.systems.bgm2pose.presets import ablations, rivals
from bgm2pose_jax.systems.bgm2pose.report import REPORT
from bgm2pose_jax.systems.bgm2pose.splits import MusicSplit
from bgm2pose_jax.systems.bgm2pose.sweep import SWEEP
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic

_PATHS = (
  "data.ampl_dir",
  "data.mocap_dir",
  "data.joint_map",
  "data.music_dir",
  "init_from",
)
# What recordings can be simulated from.
_SIMULATED_FROM = (
  "mocap_dir",
  "joint_map",
  "music_dir",
  "simulate.performers",
)


def make_config(preset: str, model: str, ablation: str) -> Config:
  """Returns a preset for a model, with something taken out.

  Raises:
    InputError: for another name, or an ablation of another model.
  """
  return ablations.apply(presets.get_config(preset, model), ablation)


def settle(given: Mapping[str, Any]) -> dict[str, Any]:
  """Fills in what flags imply: which kind of data a folder holds.

  Args:
    given: {dotted key: value} of the flags.

  Raises:
    InputError: flags that exclude each other, or a folder that is no data set.
  """
  changes = dict(given)
  ampl_dir, asked = given.get("data.ampl_dir"), given.get("data.dataset")
  if ampl_dir is None:
    if asked in ("ampl/released", "ampl/raw"):
      raise InputError(
        f"--dataset={asked}",
        "needs the folder that holds AMPL",
        "add --ampl_dir=...",
      )
  elif any(given.get(f"data.{name}") for name in _SIMULATED_FROM):
    raise InputError(
      f"--ampl_dir={ampl_dir}",
      "given together with --mocap_dir, --joint_map, --music_dir or"
      " --performers",
      "recordings are either read or simulated: drop one",
    )
  else:
    changes["data.dataset"] = find.find_dataset(ampl_dir, asked)
  for key in (*_PATHS, "data.static_response"):
    value = changes.get(key)
    if value and (key in _PATHS or value.endswith(".npz")):
      changes[key] = str(pathlib.Path(value).resolve())
  return changes


def check(config: Config) -> None:
  """Refuses an unknown model or network field before any work is done.

  A model that is fitted in closed form has no fields and no task.

  Raises:
    InputError: naming the flag or field.
  """
  model_fields.check(
    models.MODELS, models.CLOSED_FORM, config.model, config.network
  )
  closed_form = config.model in models.CLOSED_FORM
  if config.data.context_frames and closed_form:
    raise InputError(
      "data.context_frames",
      f"is {config.data.context_frames}, which {config.model} does not follow",
      "drop it; ridge reads two frames on either side of each in every run",
    )
  if config.data.inputs is not None:
    conditioning.check_layout(config.data.inputs)
    if closed_form:
      raise InputError(
        "data.inputs",
        f"is {config.data.inputs}, which {config.model} does not follow",
        "drop it, and --ablation=music_only; music alone by ridge is in every "
        "run's results",
      )


def resolve(config: Config, source: MusicSource) -> tuple[Config, MusicSplit]:
  """Fills in the names that setting, track, subject and fold stand for.

  Raises:
    InputError: for a setting that the recordings cannot give.
  """
  ambisonic_format(config, source)
  held = source.holdings()
  split = splits.resolve(
    config.setting,
    held,
    test_track=config.test_track,
    test_subject=config.test_subject,
    fold=config.fold,
    fold_by=config.fold_by,
  )
  split = dataclasses.replace(
    split,
    validation_fraction=config.data.validation_fraction,
    people=held.people,
  )
  if doubt := splits.doubt(split):
    _warn_once(doubt)
  one_subject = split.fold_by == "subject" and len(split.test_subjects) == 1
  resolved = dataclasses.replace(
    config,
    test_track=split.test_tracks[0],
    test_subject=split.test_subjects[0] if one_subject else None,
    fold=split.fold,
    fold_by=split.fold_by,
  )
  return resolved, split


@functools.cache
def _warn_once(sentence: str) -> None:
  """Says it for the first of all folds and seeds."""
  logging.warning("%s", sentence)


def ambisonic_format(config: Config, source: MusicSource) -> str | None:
  """Returns the convention of the recordings' channels; None is unknown.

  Raises:
    InputError: configuration and recordings state different ones.
  """
  asked = config.data.ambisonic_format
  stated = source.recordings.ambisonic_format
  if asked and stated and asked != stated:
    raise InputError(
      "data.ambisonic_format",
      f"is {asked}, and the recordings say {stated}",
      "drop it: they know",
    )
  return asked or stated


def facts(
  config: Config, source: MusicSource, table: MusicWindows, split: MusicSplit
) -> dict[str, Any]:
  """What a prediction needs to know besides configuration and weights."""
  train = split_rows(table, split).train
  return {
    "ambisonic_format": ambisonic_format(config, source),
    "channel_order": source.recipe.channel_order,
    "music": music_fingerprint.of_training(table, train),
    "simulated": table.simulated,
    "sound": training_sound.of_training(table, train),
    "spec": table.spec.to_dict(),
    "tracks": list(table.tracks),
    "train_tracks": list(split.train_tracks),
  }


def make_task(config: Config, facts: Mapping[str, Any]) -> PoseFromMusic:
  """Builds the task of a network.

  Args:
    config: the run's configuration.
    facts: content of model.json; `spec` and `tracks` are read.

  Raises:
    InputError: as `check`.
  """
  check(config)
  spec = FeatureSpec.from_dict(facts["spec"])
  return PoseFromMusic(config, spec, len(facts["tracks"]))


def baselines(
  config: Config, table: MusicWindows, rows: Rows, split: MusicSplit
) -> dict[str, Prediction] | None:
  """Mean pose and ridge regression; None without ground truth."""
  if split.setting == "plain_clothes":
    return None
  return baselines_lib.all_baselines(
    table,
    rows.train,
    rows.test,
    per_recording=config.data.feature_norm == "per_recording",
    # As many groups as people, however many performers are made of them.
    groups=None
    if split.performances is None
    else split.performances.person_numbers(table.named("subject")),
  )


def title(config: Config) -> str:
  """What a run's name begins with."""
  return f"{config.setting}-{config.model}"


def from_files() -> FromFiles:
  """Loads how its networks find poses in files."""
  from bgm2pose_jax.systems.bgm2pose.predict import from_files

  return from_files.FROM_FILES


SYSTEM = System(
  name="bgm2pose",
  models={
    "bgm2pose": "the paper's network",
    **dict.fromkeys(rivals.NETWORKS["paper"], "a network it is compared with"),
    "mean_pose": "trains nothing",
    "ridge": "trains nothing",
  },
  closed_form=models.CLOSED_FORM,
  presets=presets.PRESETS,
  ablations=ablations.DESCRIPTIONS,
  config=Config,
  make_config=make_config,
  settle=settle,
  check=check,
  open_source=source_of,
  resolve=resolve,
  title=title,
  table=MusicWindows,
  facts=facts,
  make_task=make_task,
  baselines=baselines,
  predictions=predictions,
  figures=FIGURES,
  report=REPORT,
  comparison=COMPARISON,
  sweep=SWEEP,
  trained=TRAINED,
  export=EXPORT,
  from_files=from_files,
)
