"""MAPnet's task: poor poses and sound to clean poses.

Where batch fields meet model arguments. Poses are in metres; the network's are
relative to the training mean pose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.systems.mapnet import losses, noise
from bgm2pose_jax.systems.mapnet.config import Config
from bgm2pose_jax.systems.mapnet.models import registry
from bgm2pose_jax.training.network_task import Losses, NetworkTask

Arrays = Mapping[str, jax.Array]

# Windows of sound that `shuffled` draws from.
_BANK = 64
_JITTER, _SWAPS, _SOUND = 1, 2, 3


class RefinePoses(NetworkTask):
  """Regression of clean poses from poor ones and the sound beside them."""

  best = Best("validation_mpjpe_mm")
  target = "pose"
  fields: tuple[str, ...] = (
    "pose",
    "audio",
    "swaps",
    "noise_key",
    "first_frame",
  )
  config: Config

  def __init__(self, config: Config):
    """Builds the network's structure (no parameters yet).

    Args:
      config: the run's configuration.

    Raises:
      InputError: a network field that the model does not have.
    """

    def build(rngs: nnx.Rngs, dtype: Any) -> nnx.Module:
      return registry.build(
        config.model,
        config.network,
        frames_in=noise.INPUT_FRAMES[config.data.tau],
        rngs=rngs,
        dtype=dtype,
      )

    super().__init__(config, build)

  @property
  def predicts_from(self) -> tuple[str, ...]:
    """Every field: the poor poses are the clean ones, spoilt on the device."""
    return self.fields

  def fit(self, table: Any, rows: np.ndarray) -> dict[str, Any]:
    """What the network's inputs are relative to, and sounds to draw.

    Args:
      table: `table.TakeWindows`.
      rows: int [m] training rows.

    Returns:
      `pose_mean` float32 [joint, 3]; for `data.audio_scale=training`
      `audio_mean` and `audio_std` float32 [column]; for shuffled audio `sounds`
      float32 [64, t, column].
    """
    fitted = {"pose_mean": _mean(table.pose, rows).astype(np.float32)}
    if self.config.data.audio_scale == "training":
      mean = _mean(table.audio, rows)
      variance = _mean(table.audio, rows, lambda x: np.square(x - mean))
      # A column that never changes, such as a peak nobody played, says nothing.
      std = np.sqrt(np.where(variance > 0, variance, 1.0))
      fitted["audio_mean"] = mean.astype(np.float32)
      fitted["audio_std"] = std.astype(np.float32)
    if self.config.data.audio == "shuffled":
      spread = np.linspace(0, len(rows) - 1, _BANK).round().astype(int)
      fitted["sounds"] = np.asarray(table.audio[rows[spread]], np.float32)
    return fitted

  def training_inputs(
    self, statistics: Any, batch: Arrays, keys: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Poor poses, relative to the mean, and sound.

    Args:
      statistics: the statistics from `fit`.
      batch: the fields of the task.
      keys: [b], one per example.

    Returns:
      float32 [b, t_in, joint, 3] and [b, t, column].
    """
    if self.config.data.noise == "fresh":
      events = noise.fresh_events(_folded(keys, _SWAPS))
      jitter = noise.fresh_jitter(_folded(keys, _JITTER))
      poor = noise.apply_events(batch["pose"], events) + jitter
    else:
      poor = poor_poses(batch)
    bits = jax.vmap(lambda key: jax.random.bits(key, dtype=jnp.uint32))(
      _folded(keys, _SOUND)
    )
    return (
      self._kept(poor) - statistics["pose_mean"],
      self._scaled(statistics, self._sound(statistics, batch, bits)),
    )

  def losses(
    self, model, given, statistics, batch, keys, control, critic
  ) -> Losses:
    """The loss of the network's poses [b, t, joint, 3]."""
    del control
    out = model(*given, keys=keys)
    target = batch["pose"] - statistics["pose_mean"]
    return Losses(losses.terms(self.config.loss, out, target), out, critic)

  def predict(self, state: TrainState, batch: Arrays) -> jax.Array:
    """Refines poor poses: the variants' own, or those that are given.

    Args:
      state: the state with the weights to use.
      batch: the fields of the task; or `poses` [b, t_in, joint, 3], as
        `refine` takes them, and `audio`.

    Returns:
      float32 [b, t, joint, 3], metres.
    """
    if "poses" in batch:
      return self.refine(state, batch["poses"], batch["audio"])
    # Any number that the window has: the same sound in every evaluation.
    bits = batch["noise_key"].astype(jnp.uint32) + batch["first_frame"].astype(
      jnp.uint32
    )
    audio = self._sound(state.statistics, batch, bits)
    return self.refine(state, self._kept(poor_poses(batch)), audio)

  def refine(
    self, state: TrainState, poses_m: jax.Array, audio: jax.Array
  ) -> jax.Array:
    """Refines poses as they come.

    Args:
      state: the state with the weights to use.
      poses_m: [b, t_in, joint, 3], metres, the origin as in training.
      audio: [b, t, column], see `audio_features.COLUMNS`.

    Returns:
      float32 [b, t, joint, 3], metres.
    """
    mean = state.statistics["pose_mean"]
    audio = self._scaled(state.statistics, audio)
    out = self.eval_model(state)(poses_m - mean, audio)
    return out.astype(jnp.float32) + mean

  def _kept(self, poses_m: jax.Array) -> jax.Array:
    return noise.keep_frames(poses_m, self.config.data.tau)

  def _sound(
    self, statistics: Any, batch: Arrays, bits: jax.Array
  ) -> jax.Array:
    """What is heard: the window's own sound, or another window's."""
    if self.config.data.audio == "shuffled":
      return statistics["sounds"][bits % _BANK]
    return batch["audio"]

  def _scaled(self, statistics: Any, audio: jax.Array) -> jax.Array:
    """The network's audio: scaled, or zeros where it hears nothing."""
    if self.config.data.audio == "none":
      return jnp.zeros_like(audio)
    if self.config.data.audio_scale == "training":
      return (audio - statistics["audio_mean"]) / statistics["audio_std"]
    return audio


def poor_poses(batch: Arrays) -> jax.Array:
  """The poses of the windows' own variants, at 50 frames a second.

  Args:
    batch: `pose`, `swaps`, `noise_key`, `first_frame`.

  Returns:
    [b, t, joint, 3], metres.
  """
  pose = batch["pose"]
  swapped = noise.apply_events(pose, batch["swaps"])
  return swapped + noise.fixed_jitter(
    batch["noise_key"], batch["first_frame"], pose.shape[1]
  )


def _mean(
  values: np.ndarray,
  rows: np.ndarray,
  of: Callable[[np.ndarray], np.ndarray] = lambda x: x,
) -> np.ndarray:
  """Mean over windows and frames, float64 [...], of values [n, t, ...]."""
  total = np.zeros(values.shape[2:], np.float64)
  for start in range(0, len(rows), 1024):
    part = values[rows[start : start + 1024]].astype(np.float64)
    total += of(part).sum(axis=(0, 1))
  return total / (len(rows) * values.shape[1])


def _folded(keys: jax.Array, stream: int) -> jax.Array:
  return jax.vmap(lambda key: jax.random.fold_in(key, stream))(keys)
