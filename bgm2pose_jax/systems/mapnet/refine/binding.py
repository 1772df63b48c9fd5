"""A trained run as a refiner."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.inference import trained_model
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.systems.mapnet import noise
from bgm2pose_jax.systems.mapnet.refine.refiner import Refiner
from bgm2pose_jax.systems.mapnet.system import SYSTEM
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES


def load(folder: str) -> Refiner:
  """Reads a trained network of this system from a run's folder.

  Args:
    folder: a run's, or one step in its checkpoints.

  Raises:
    InputError: see `trained_model.load` and `of`; or it is another system's.
  """
  return of(trained_model.load(folder, _find))


def of(model: TrainedModel) -> Refiner:
  """A network of this system as the command uses it.

  Raises:
    InputError: it was trained on the sound of other windows.
  """
  config: Any = model.config
  data = config.data
  if data.audio == "shuffled":
    raise InputError(
      f"--checkpoint={model.folder}",
      "was trained on other windows' sound, to show what sound is worth",
      "give a run without --ablation=shuffled_audio",
    )

  def refine(poses: np.ndarray, audio: np.ndarray) -> np.ndarray:
    return model.run({"poses": poses, "audio": audio})

  every = jnp.arange(WINDOW_FRAMES)[None, :, None, None]
  return Refiner(
    refine=refine,
    input_place=np.asarray(
      noise.keep_frames(every, data.tau), np.float64
    ).ravel(),
    mean_pose_m=np.asarray(model.state.statistics["pose_mean"], np.float64),
    simulated=model.simulated,
    facts={
      "model": config.model,
      "preset": config.preset,
      "checkpoint": str(model.folder),
      "step": model.step,
      "dataset": model.dataset.get("name"),
      "tau": data.tau,
      "sound": "not heard" if data.audio == "none" else "heard",
    },
  )


def _find(model: str | None) -> System:
  if model not in SYSTEM.models:
    raise InputError(
      "config.model",
      f"is {model!r}, none of {SYSTEM.name}",
      f"give a run of {', '.join(SYSTEM.models)}",
    )
  return SYSTEM
