"""A trained run as a refiner."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.inference import trained_model
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems import registry
from bgm2pose_jax.systems.mapnet.refine.refiner import Refiner

SYSTEM = "mapnet"
# Columns of a batch, and entries of model.json.
POSES, AUDIO = "pose_in", "audio"
PLACE, MEAN_POSE = "input_place", "mean_pose_m"


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
    return model.run({POSES: poses, AUDIO: audio})

  return Refiner(
    refine=refine,
    input_place=np.asarray(model.facts[PLACE], np.float64),
    mean_pose_m=np.asarray(model.facts[MEAN_POSE], np.float64).reshape(
      BODY13.num_joints, 3
    ),
    simulated=model.simulated,
    facts={
      "model": model.config.model,
      "checkpoint": str(model.folder),
      "step": model.step,
    },
  )
