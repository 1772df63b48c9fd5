"""BGM2Pose's task: recording and music to 12 poses of 21 joints.

Where batch fields meet model arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from flax import nnx

from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.systems.bgm2pose import pose_terms
from bgm2pose_jax.systems.bgm2pose.adversary import make_adversary
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.features import (
  ampl_statistics,
  conditioning,
  normalisation,
)
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.models import registry
from bgm2pose_jax.training.network_task import Losses, NetworkTask

Arrays = Mapping[str, jax.Array]


class PoseFromMusic(NetworkTask):
  """Pose regression from windows of features.

  In training with InfoNCE where the network embeds poses, and against a critic
  where its fields ask for one.

  Attributes:
    group: the field that chooses a window's row of input statistics.
    attends: whether the network has attention over bands to look at.
  """

  best = Best("validation_rmse")
  target = "pose"
  config: Config

  def __init__(self, config: Config, spec: FeatureSpec, num_tracks: int):
    """Builds the network's structure (no parameters yet).

    Args:
      config: the run's configuration.
      spec: the feature set of the dataset.
      num_tracks: rows of the normalisation table, the fallback left out.
    """
    self.spec = spec
    self.num_tracks = num_tracks
    self.group = normalisation.group_field(config.data.feature_norm)
    self.context = config.data.context_frames
    axis_name = (
      mesh_lib.DATA_AXIS if config.run.batch_norm == "global" else None
    )
    self._layout = config.data.inputs or registry.MODELS[config.model].inputs

    def build(rngs: nnx.Rngs, dtype: Any) -> nnx.Module:
      audio = conditioning.audio_channels(spec, self._layout)
      music = conditioning.music_channels(spec, self._layout)
      return registry.build(
        config.model,
        config.network,
        audio_channels=len(audio),
        music_channels=len(music),
        bands=spec.bands,
        frames=spec.window_frames + 2 * self.context,
        context=self.context,
        rngs=rngs,
        axis_name=axis_name,
        dtype=dtype,
      )

    super().__init__(config, build)
    network = registry.make_config(config.model, config.network)
    attention = getattr(self.structure, "frequency_attention", None)
    self.attends = attention is not None
    self._adversary = make_adversary(network, self.structure, axis_name)
    extra = self._adversary.fields if self._adversary else ()
    self.fields = ("features", "pose", self.group, *extra)

  def fit(self, table: Any, rows: np.ndarray) -> dict[str, Any]:
    """Fits normalisation on training rows.

    Args:
      table: columns `features` [n, t, f, c], `track` int [n] and `pose`
        [n, t, joint, 3]; for published constants also `tracks` (names) and
        `simulated`; for `per_recording` also `recording` int [n], `recordings`
        (names) and `valid` [n]; for an adversary of subjects also `subject`
        int [n] and `subjects` (names).
      rows: which of them train.

    Returns:
      Pytree of float32 arrays that goes into the state.
    """
    by_recording = self.group == "recording"
    inputs = normalisation.fit_stats(
      table.features,
      getattr(table, self.group),
      self.spec,
      self.config.data.feature_norm,
      len(table.recordings) if by_recording else self.num_tracks,
      layout=self._layout,
      rows=rows,
      own_rows=np.flatnonzero(table.valid) if by_recording else None,
    )
    if self.config.data.norm_stats == "table":
      inputs = self._published(inputs, table)
    mean = np.zeros(table.pose.shape[2:], np.float32)
    if self.config.data.pose_norm == "center":
      mean = table.pose[rows].mean(axis=(0, 1), dtype=np.float64)
    fitted = {"inputs": inputs, "pose_mean": mean.astype(np.float32)}
    if self._adversary is not None:
      fitted["adversary"] = self._adversary.fit(table, rows)
    return fitted

  def _published(self, fitted: dict[str, Any], table: Any) -> dict[str, Any]:
    """AMPL's published constants where there are such."""
    if table.simulated:
      logging.info("simulated data: normalisation is fitted, not the table's")
      return fitted
    of_table = [name for name in table.tracks if name in ampl_statistics.MEAN]
    logging.info(
      "normalisation: published constants for tracks %s, others fitted",
      ", ".join(of_table) or "none",
    )
    return ampl_statistics.laid_over(fitted, table.tracks, self.spec)

  def init_critic(self, key: jax.Array, statistics: Any) -> Any:
    """State of the adversary's critic; empty without one.

    A trained network's statistics have no part for it: it predicts nothing.
    """
    if self._adversary is None or "adversary" not in statistics:
      return ()
    return self._adversary.init(key, statistics["adversary"])

  def training_inputs(
    self, statistics: Any, batch: Arrays, keys: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Normalised features of one batch, with noise where configured.

    Args:
      statistics: the statistics from `fit`.
      batch: features [b, context + t + context, f, c] and the group of each
        row [b].
      keys: [b], one per example.

    Returns:
      audio and music, float32, with as many frames and bands.
    """
    audio, music = self._inputs(statistics, batch)
    noise = self.config.optim.input_noise
    if noise:
      audio = _add_noise(audio, keys, 1, noise)
      music = _add_noise(music, keys, 2, noise)
    return audio, music

  def losses(
    self, model, given, statistics, batch, keys, control, critic
  ) -> Losses:
    """Loss terms of the network's poses [b, t, joint, 3] and embeddings."""
    target = batch["pose"] - statistics["pose_mean"]
    out = model(*given, target, keys=keys)
    terms = pose_terms.loss_terms(self.config.loss, out, target)
    if self._adversary is None:
      return Losses(terms, out, critic)
    known = statistics["adversary"]
    critic, marked = self._adversary.learn(critic, out, target, batch, known)
    terms["adversary"] = self._adversary.cost(
      critic, out, batch, known, control
    )
    return Losses(terms, out, critic, {"critic_loss": marked})

  def output_norms(
    self, out: Any, statistics: Any, batch: Arrays
  ) -> dict[str, jax.Array]:
    """Gradient norm of each loss term at the network's outputs."""
    target = batch["pose"] - statistics["pose_mean"]
    return pose_terms.term_norms(self.config.loss, out, target)

  def predict(self, state: TrainState, batch: Arrays) -> jax.Array:
    """Predicts this device's rows.

    Args:
      state: the state with the weights to use; its running statistics are used.
      batch: features [b, context + t + context, f, c] and track [b].

    Returns:
      float32 [b, t, joint, 3], normalised poses.
    """
    audio, music = self._inputs(state.statistics, batch)
    pose = self.eval_model(state)(audio, music).pose.astype(jnp.float32)
    return pose + state.statistics["pose_mean"]

  def attention_weights(self, state: TrainState, batch: Arrays) -> jax.Array:
    """How much the network makes use of each band, to be shown.

    Args:
      state: the state, as in `predict`.
      batch: the batch, as in `predict`.

    Returns:
      float32 [b, t, bands]; sums to one over bands.

    Raises:
      ValueError: the network does not attend to bands.
    """
    audio, music = self._inputs(state.statistics, batch)
    model = self.eval_model(state)
    weights = model.attention_weights(audio, music) if self.attends else None
    if weights is None:
      raise ValueError(f"{self.config.model} has no attention over bands")
    return weights

  def _inputs(self, statistics, batch):
    return normalisation.apply_stats(
      statistics["inputs"],
      batch["features"],
      batch[self.group],
      self.spec,
      self.config.data.feature_norm,
      layout=self._layout,
    )


def _add_noise(x: jax.Array, keys: jax.Array, stream: int, deviation: float):
  draw = jax.vmap(
    lambda key: jax.random.normal(
      jax.random.fold_in(key, stream), x.shape[1:], x.dtype
    )
  )
  return x + deviation * draw(keys)
