"""PoseKernelLifter's task: keypoints and kernels to joints in metres.

Where batch fields meet model arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx

from bgm2pose_jax.base.array_typing import at_least_float32
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.systems.posekernel import (
  augmentation,
  encoding,
  heatmaps,
  losses,
)
from bgm2pose_jax.systems.posekernel.config import Config
from bgm2pose_jax.systems.posekernel.models import registry
from bgm2pose_jax.training.network_task import Losses, NetworkTask

Arrays = Mapping[str, jax.Array]

# What `lift` and `predict` read.
LIFTED_FROM = ("kernels", "pairs", "keypoints", "camera", "grid_centre")


class LiftPoses(NetworkTask):
  """Heatmaps of joints over voxels, from viewing rays and kernels."""

  best = Best("validation_mpjpe_cm")
  target = "pose"
  fields: tuple[str, ...] = (*LIFTED_FROM, "pose")
  context = 0
  config: Config

  def __init__(self, config: Config):
    """Builds the network's structure (no parameters yet).

    Args:
      config: the run's configuration.

    Raises:
      InputError: a network field that the model does not have.
    """
    self.grid = encoding.grid_of(config.encoding)

    def build(rngs: nnx.Rngs, dtype: Any) -> nnx.Module:
      return registry.build(
        config.model,
        config.network,
        inputs=config.data.inputs,
        rngs=rngs,
        dtype=dtype,
      )

    super().__init__(config, build)

  def fit(self, table: Any, rows: np.ndarray) -> dict[str, Any]:
    """Nothing: every sample is normalised by itself, see `encoding.loudness`.

    Args:
      table: `table.SampleTable`.
      rows: int [m] training rows.

    Returns:
      No statistics.
    """
    del table, rows
    return {}

  def training_inputs(
    self, statistics: Any, batch: Arrays, keys: jax.Array
  ) -> tuple[Any, Any, Any]:
    """Volumes and targets of a training batch.

    Each is a sample as `augmentation.augmented` has it.

    Args:
      statistics: not read.
      batch: the fields of the task.
      keys: [b], one per example.

    Returns:
      Visual [b, x, z, y, joint], sound [b, pair, x, z, y] (None where the
      network does not read it) and target heatmaps [b, x, z, y, joint].
    """
    del statistics
    batch = augmentation.augmented(self.config.augment, batch, keys)
    target = heatmaps.targets(
      at_least_float32(batch["pose"]),
      self.grid,
      batch["grid_centre"],
      self.config.loss.sigma_m,
    )
    return *self._volumes(batch), target

  def losses(
    self, model, given, statistics, batch, keys, control, critic
  ) -> Losses:
    """The loss of every stage's heatmaps."""
    del statistics, batch, keys, control
    visual, sound, target = given
    maps = model(visual, sound)
    terms = losses.terms(self.config.loss, self.grid, maps, target)
    return Losses(terms, maps[-1], critic)

  def predict(self, state: TrainState, batch: Arrays) -> jax.Array:
    """See `lift`."""
    return self.lift(state, batch)

  def lift(self, state: TrainState, batch: Arrays) -> jax.Array:
    """Lifts 2D keypoints to joints in metres.

    Args:
      state: the state with the weights to use.
      batch: `kernels` [b, pair, tap], `pairs` [b, pair, 3], `keypoints`
        [b, joint, 3], `camera` [b, 6] and `grid_centre` [b, 3], see
        `table.SampleTable`.

    Returns:
      float32 [b, joint, 3], metres, camera frame.
    """
    maps = self.eval_model(state)(*self._volumes(batch))[-1]
    centre, how = batch["grid_centre"], self.config.read_out
    if how == "hard":
      return heatmaps.hard_arg_max(maps, self.grid, centre)
    joints = heatmaps.soft_arg_max(
      maps, self.grid, centre, self.config.loss.sigma_m
    )
    if how == "ray":
      joints = heatmaps.nearest_on_ray(
        joints, batch["keypoints"], batch["camera"]
      )
    return joints

  def _volumes(self, batch: Arrays) -> tuple[Any, Any]:
    """What the network reads; None for what it does not."""
    config, inputs = self.config.encoding, self.config.data.inputs
    centre = batch["grid_centre"]
    visual = sound = None
    if inputs != "audio":
      visual = encoding.visual_volumes(
        batch["keypoints"], batch["camera"], centre, config
      )
    if inputs != "visual":
      heard = self.config.data.pairs or None
      sound = encoding.sound_volumes(
        batch["kernels"][:, :heard], batch["pairs"][:, :heard], centre, config
      )
    return visual, sound
