"""Which task a model belongs to."""

from __future__ import annotations

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.features import conditioning
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.models import registry as models
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic

# A model is used by one task; adding a system adds a line.
TASK_OF_MODEL = {
  "bgm2pose": PoseFromMusic,
  "acousticpose": PoseFromMusic,
  "speech2gesture": PoseFromMusic,
  "wipose": PoseFromMusic,
}


def check(config: Config) -> None:
  """Refuses an unknown model or network field before any work is done.

  A model that is fitted in closed form has no fields and no task.

  Args:
    config: of the run.

  Raises:
    InputError: naming the flag or field.
  """
  if not is_closed_form(config):
    models.make_config(config.model, config.network)
  elif config.network:
    raise InputError(
      f"network.{next(iter(config.network))}",
      f"no field of {config.model}",
      "it has none: drop it",
    )
  if config.data.context_frames and is_closed_form(config):
    raise InputError(
      "data.context_frames",
      f"is {config.data.context_frames}, which {config.model} does not follow",
      "drop it; ridge reads two frames on either side of each in every run",
    )
  if config.data.inputs is not None:
    conditioning.check_layout(config.data.inputs)
    if is_closed_form(config):
      raise InputError(
        "data.inputs",
        f"is {config.data.inputs}, which {config.model} does not follow",
        "drop it, and --ablation=music_only; music alone by ridge is in every "
        "run's results",
      )


def is_closed_form(config: Config) -> bool:
  """Whether the model is fitted at once, with no task and no training."""
  return config.model in models.CLOSED_FORM


def make_task(
  config: Config, spec: FeatureSpec, num_tracks: int
) -> PoseFromMusic:
  """Builds the task that `config.model` implies.

  Args:
    config: of the run.
    spec: feature set of the dataset.
    num_tracks: tracks of the dataset.

  Raises:
    InputError: as `check`.
  """
  check(config)
  return TASK_OF_MODEL[config.model](config, spec, num_tracks)
