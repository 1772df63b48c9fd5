"""PoseKernelLifter as a system: what the shared rooms ask of it."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.from_files import FromFiles
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.data.split import Split
from bgm2pose_jax.nn import model_fields
from bgm2pose_jax.systems.posekernel import presets, splits
from bgm2pose_jax.systems.posekernel.baselines import all_baselines
from bgm2pose_jax.systems.posekernel.comparison import COMPARISON
from bgm2pose_jax.systems.posekernel.config import RELEASED, SIMULATED, Config
from bgm2pose_jax.systems.posekernel.export import EXPORT
from bgm2pose_jax.systems.posekernel.figures import FIGURES, predictions
from bgm2pose_jax.systems.posekernel.models import registry as models
from bgm2pose_jax.systems.posekernel.report import REPORT
from bgm2pose_jax.systems.posekernel.source import SampleSource, source_of
from bgm2pose_jax.systems.posekernel.sweep import SWEEP
from bgm2pose_jax.systems.posekernel.table import SampleTable
from bgm2pose_jax.systems.posekernel.task import LiftPoses

CLOSED_FORM = ("time_of_arrival", "fixed_height", "ground_plane")
_PATHS = (
  "data.posekernel_dir",
  "data.simulate.mocap_dir",
  "data.simulate.joint_map",
  "init_from",
)
# Keys of configurations that only the simulator reads.
_SIMULATOR = "data.simulate."


def make_config(preset: str, model: str, ablation: str) -> Config:
  """Returns a preset for a model.

  Args:
    preset: one of `presets.PRESETS`.
    model: one of the system's.
    ablation: `none`, the only one.
  """
  del ablation
  return presets.get_config(preset, model)


def settle(given: Mapping[str, Any]) -> dict[str, Any]:
  """Fills in what flags imply.

  A folder is that of the released data. What sees no keypoints has no rays to
  put joints on.

  Args:
    given: {dotted key: value} of the flags.

  Raises:
    InputError: flags that exclude each other.
  """
  changes = dict(given)
  folder, asked = given.get("data.posekernel_dir"), given.get("data.dataset")
  if folder is None and asked == RELEASED:
    raise InputError(
      f"--dataset={RELEASED}",
      "needs the folder of the released data",
      "add --posekernel_dir=...",
    )
  if folder is not None and asked == SIMULATED:
    raise InputError(
      f"--posekernel_dir={folder}",
      f"given together with --dataset={SIMULATED}",
      "samples are either read or simulated: drop one",
    )
  if folder is not None:
    changes["data.dataset"] = RELEASED
    for key in given:
      if key.startswith(_SIMULATOR):
        raise InputError(
          f"--{key.removeprefix(_SIMULATOR)}",
          "is for simulated rooms, given together with --posekernel_dir",
          "drop one",
        )
  if given.get("data.inputs") == "audio":
    changes.setdefault("read_out", "soft")
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


def resolve(config: Config, source: SampleSource) -> tuple[Config, Split]:
  """Returns the configuration as it is, and the split.

  Raises:
    InputError: a fold that does not exist.
  """
  return config, splits.resolve(config, source.sections())


def facts(
  config: Config, source: SampleSource, table: SampleTable, split: Split
) -> dict[str, Any]:
  """What a prediction needs to know besides configuration and weights."""
  del config, source, split
  return {"simulated": table.simulated, "spec": dict(table.spec)}


def make_task(config: Config, facts: Mapping[str, Any]) -> LiftPoses:
  """Builds the task of a network.

  Args:
    config: the run's configuration.
    facts: content of model.json.

  Raises:
    InputError: as `check`.
  """
  del facts
  check(config)
  return LiftPoses(config)


def title(config: Config) -> str:
  """What a run's name begins with."""
  parts = [config.split_by, config.model]
  if config.model not in CLOSED_FORM:
    parts.append(config.data.inputs)
  return "-".join(parts)


def from_files() -> FromFiles:
  """Loads how its networks find poses in files."""
  from bgm2pose_jax.systems.posekernel.lift import from_files

  return from_files.FROM_FILES


SYSTEM = System(
  name="posekernel",
  models={
    "posekernel": "keypoints and impulse responses to metric poses",
    "time_of_arrival": "keypoints at the depth of the echoes, trains nothing",
    "fixed_height": "keypoints of a person of mean size, trains nothing",
    "ground_plane": "keypoints of a person on a known floor, trains nothing",
  },
  closed_form=CLOSED_FORM,
  presets=presets.PRESETS,
  config=Config,
  make_config=make_config,
  settle=settle,
  check=check,
  open_source=source_of,
  resolve=resolve,
  title=title,
  table=SampleTable,
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
