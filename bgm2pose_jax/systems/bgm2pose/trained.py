"""Reads a trained network of this system from its folder."""

from __future__ import annotations

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.inference import trained_model
from bgm2pose_jax.systems.bgm2pose import music_model
from bgm2pose_jax.systems.bgm2pose.music_model import MusicModel
from bgm2pose_jax.systems.bgm2pose.system import SYSTEM


def load(folder: str, flag: str = "checkpoint") -> MusicModel:
  """Reads a trained network from a run's folder.

  Args:
    folder: a run's, or one step in its checkpoints.
    flag: the flag that named the folder, for messages.

  Raises:
    InputError: see `trained_model.load`; or it is another system's.
  """
  return music_model.of(trained_model.load(folder, _find, flag))


def _find(model: str | None) -> System:
  if model is not None and model not in SYSTEM.models:
    raise InputError(
      "config.model",
      f"is {model!r}, none of {SYSTEM.name}",
      f"give a run of {', '.join(SYSTEM.models)}",
    )
  return SYSTEM
