"""A trained run as a lifter."""

from __future__ import annotations

from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.inference import trained_model
from bgm2pose_jax.inference.trained_model import TrainedModel
from bgm2pose_jax.systems.posekernel.grid import Grid
from bgm2pose_jax.systems.posekernel.lift.lifter import Lifter
from bgm2pose_jax.systems.posekernel.system import SYSTEM


def load(folder: str) -> Lifter:
  """Reads a trained network of this system from a run's folder.

  Args:
    folder: a run's, or one step in its checkpoints.

  Raises:
    InputError: see `trained_model.load`; or it is another system's.
  """
  return of(trained_model.load(folder, _find))


def of(model: TrainedModel) -> Lifter:
  """A network of this system as the command uses it."""
  config: Any = model.config
  spec = model.facts.get("spec", {})
  return Lifter(
    # The task's prediction is its `lift`.
    lift=model.run,
    grid=Grid(tuple(config.encoding.grid), config.encoding.voxel_m),
    pairs=config.data.pairs,
    trained_pairs=config.data.pairs or spec.get("pairs"),
    inputs=config.data.inputs,
    simulated=model.simulated,
    facts={
      "model": config.model,
      "preset": config.preset,
      "checkpoint": str(model.folder),
      "step": model.step,
      "dataset": model.dataset.get("name"),
      "inputs": config.data.inputs,
      "grid": list(config.encoding.grid),
      "voxel_m": config.encoding.voxel_m,
      "read_out": config.read_out,
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
