"""A trained run as a refiner."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.inference import trained_model
from bgm2pose_jax.systems import registry
from bgm2pose_jax.systems.mapnet import noise
from bgm2pose_jax.systems.mapnet.refine.refiner import Refiner
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES

SYSTEM = "mapnet"


def load(folder: str) -> Refiner:
  """Reads a trained network of this system from a run's folder.

  Args:
    folder: a run's, or one step in its checkpoints.

  Raises:
    InputError: see `trained_model.load`; or it is another system's.
  """
  model = trained_model.load(folder, registry.of_model)
  if model.system.name != SYSTEM:
    raise InputError(
      f"--checkpoint={folder}",
      f"holds {model.config.model}, a model of {model.system.name}",
      f"give a run of {SYSTEM}",
    )

  def refine(poses: np.ndarray, audio: np.ndarray) -> np.ndarray:
    return model.run({"poses": poses, "audio": audio})

  config: Any = model.config
  frames = np.arange(WINDOW_FRAMES, dtype=np.float64)[None]
  return Refiner(
    refine=refine,
    input_place=np.asarray(noise.keep_frames(frames, config.data.tau))[0],
    mean_pose_m=np.asarray(model.state.statistics["pose_mean"], np.float64),
    simulated=model.simulated,
    facts={
      "model": model.config.model,
      "checkpoint": str(model.folder),
      "step": model.step,
    },
  )
