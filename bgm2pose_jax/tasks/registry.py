"""Which task a model belongs to."""

from __future__ import annotations

from bgm2pose_jax.config import Config
from bgm2pose_jax.errors import InputError
from bgm2pose_jax.features.spec import FeatureSpec
from bgm2pose_jax.tasks.pose_from_music import PoseFromMusic

TASK_OF_MODEL = {"bgm2pose": PoseFromMusic}


def make_task(
  config: Config, spec: FeatureSpec, num_tracks: int
) -> PoseFromMusic:
  """Builds the task that `config.model` implies.

  Args:
    config: of the run.
    spec: feature set of the dataset.
    num_tracks: tracks of the dataset.

  Raises:
    InputError: for an unknown model.
  """
  if config.model not in TASK_OF_MODEL:
    raise InputError(
      f"--model={config.model}",
      "unknown model",
      f"choose one of {', '.join(TASK_OF_MODEL)}",
    )
  return TASK_OF_MODEL[config.model](config, spec, num_tracks)
