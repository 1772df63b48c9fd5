"""MAPnet as a system: what the shared rooms ask of it."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.from_files import FromFiles
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.data.split import Split
from bgm2pose_jax.nn import model_fields
from bgm2pose_jax.systems.mapnet import presets, splits
from bgm2pose_jax.systems.mapnet.baselines import all_baselines
from bgm2pose_jax.systems.mapnet.comparison import COMPARISON
from bgm2pose_jax.systems.mapnet.config import SIMULATED, TELMI, Config
from bgm2pose_jax.systems.mapnet.export import EXPORT
from bgm2pose_jax.systems.mapnet.figures import FIGURES, predictions
from bgm2pose_jax.systems.mapnet.models import registry as models
from bgm2pose_jax.systems.mapnet.presets import ablations
from bgm2pose_jax.systems.mapnet.report import REPORT
from bgm2pose_jax.systems.mapnet.source import TakeSource, source_of
from bgm2pose_jax.systems.mapnet.sweep import SWEEP
from bgm2pose_jax.systems.mapnet.table import TakeWindows
from bgm2pose_jax.systems.mapnet.task import RefinePoses

CLOSED_FORM = ("sma", "nearest_take")
_PATHS = ("data.mapdat_dir", "data.marker_map", "init_from")


def make_config(preset: str, model: str, ablation: str) -> Config:
  """Returns a preset for a model, with something taken out.

  Raises:
    InputError: for an ablation of another model.
  """
  return ablations.apply(presets.get_config(preset, model), ablation)


def settle(given: Mapping[str, Any]) -> dict[str, Any]:
  """Fills in what flags imply: a folder of datapacks is TELMI.

  Args:
    given: {dotted key: value} of the flags.

  Raises:
    InputError: flags that exclude each other.
  """
  changes = dict(given)
  folder, asked = given.get("data.mapdat_dir"), given.get("data.dataset")
  if folder is None and asked == TELMI:
    raise InputError(
      f"--dataset={TELMI}",
      "needs the folder of its datapacks",
      "add --mapdat_dir=...",
    )
  if folder is not None and asked == SIMULATED:
    raise InputError(
      f"--mapdat_dir={folder}",
      f"given together with --dataset={SIMULATED}",
      "recordings are either read or simulated: drop one",
    )
  if folder is not None:
    changes["data.dataset"] = TELMI
  for key in _PATHS:
    if changes.get(key):
      changes[key] = str(pathlib.Path(changes[key]).resolve())
  return changes


def check(config: Config) -> None:
  """Refuses an unknown network field before any work is done.

  Raises:
    InputError: naming the field.
  """
  model_fields.check(models.MODELS, CLOSED_FORM, config.model, config.network)


def resolve(config: Config, source: TakeSource) -> tuple[Config, Split]:
  """Returns the configuration as it is, and the split.

  Raises:
    InputError: a fold that does not exist.
  """
  return config, splits.resolve(config, source.sections())


def facts(
  config: Config, source: TakeSource, table: TakeWindows, split: Split
) -> dict[str, Any]:
  """What a prediction needs to know besides configuration and weights."""
  del config, source, split
  return {"simulated": table.simulated, "spec": dict(table.spec)}


def make_task(config: Config, facts: Mapping[str, Any]) -> RefinePoses:
  """Builds the task of a network.

  Args:
    config: the run's configuration.
    facts: content of model.json.

  Raises:
    InputError: as `check`.
  """
  del facts
  check(config)
  return RefinePoses(config)


def title(config: Config) -> str:
  """What a run's name begins with."""
  return f"{config.split_by}-{config.model}"


def from_files() -> FromFiles:
  """Loads how its networks find poses in files."""
  from bgm2pose_jax.systems.mapnet.refine import from_files

  return from_files.FROM_FILES


SYSTEM = System(
  name="mapnet",
  models={
    "mapnet": "poses and sound, the paper's network",
    "pot": "its pose transformer alone",
    "lstm_pose": "an LSTM on poses",
    "lstm_pose_audio": "LSTMs on poses and sound",
    "sma": "a moving average, trains nothing",
    "nearest_take": "the nearest training window, trains nothing",
  },
  closed_form=CLOSED_FORM,
  presets=presets.PRESETS,
  ablations=ablations.DESCRIPTIONS,
  config=Config,
  make_config=make_config,
  settle=settle,
  check=check,
  open_source=source_of,
  resolve=resolve,
  title=title,
  table=TakeWindows,
  facts=facts,
  make_task=make_task,
  baselines=all_baselines,
  predictions=predictions,
  figures=FIGURES,
  report=REPORT,
  comparison=COMPARISON,
  sweep=SWEEP,
  export=EXPORT,
  from_files=from_files,
)
