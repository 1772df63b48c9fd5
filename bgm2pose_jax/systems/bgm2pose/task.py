"""BGM2Pose's task: recording and music to 12 poses of 21 joints.

Where batch fields meet model arguments. The trainer sees only `fields`,
`fit`, `init_state`, `update`, `predict` and the names below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import logging
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import target
from bgm2pose_jax.state import train_state
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.systems.bgm2pose import metrics, pose_terms
from bgm2pose_jax.systems.bgm2pose.adversary import make_adversary
from bgm2pose_jax.systems.bgm2pose.features import (
  ampl_statistics,
  conditioning,
  normalisation,
)
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.models import registry
from bgm2pose_jax.training import optim

Arrays = Mapping[str, jax.Array]


class PoseFromMusic:
  """Pose regression from windows of features.

  In training with InfoNCE where the network embeds poses, and against a critic
  where its fields ask for one.

  Attributes:
    fields: columns of the dataset that a batch needs.
    best_metric: validation figure whose lowest value is "best".
    group: the field that chooses a window's row of input statistics.
    attends: whether the network has attention over bands to look at.
    context: frames on either side of a window that a batch's features have.
  """

  best_metric = "validation_rmse"

  def __init__(self, config: Config, spec: FeatureSpec, num_tracks: int):
    """Builds the network's structure (no parameters yet).

    Args:
      config: of the run.
      spec: the feature set of the dataset.
      num_tracks: rows of the normalisation table, the fallback left out.
    """
    self.config = config
    self.spec = spec
    self.num_tracks = num_tracks
    self.group = normalisation.group_field(config.data.feature_norm)
    self.context = config.data.context_frames
    self._layout = config.data.inputs or registry.MODELS[config.model].inputs
    self._compute_dtype = jnp.dtype(config.run.compute_dtype)
    if self._compute_dtype == jnp.float64 and not jax.config.jax_enable_x64:
      raise InputError(
        "run.compute_dtype",
        "is float64, which JAX has switched off",
        "set JAX_ENABLE_X64=1 in the environment",
      )
    self._transformation = optim.make_transformation(config.optim)
    model = nnx.eval_shape(lambda: self._build(nnx.Rngs(0)))
    network = registry.make_config(config.model, config.network)
    self.attends = getattr(model, "frequency_attention", None) is not None
    self._adversary = make_adversary(network, model)
    extra = self._adversary.fields if self._adversary else ()
    self.fields = ("features", "pose", self.group, *extra)
    self._train_def, self._eval_def = map(nnx.graphdef, registry.views(model))
    # One program for all of a state, which runs once. On CPU compiling it with
    # every optimisation takes twice as long, for the same numbers.
    on_cpu = target.platform() == "cpu"
    options = {"xla_backend_optimization_level": 1} if on_cpu else None
    self._init = jax.jit(self._fresh, compiler_options=options)

  def _build(self, rngs: nnx.Rngs):
    audio = conditioning.audio_channels(self.spec, self._layout)
    music = conditioning.music_channels(self.spec, self._layout)
    return registry.build(
      self.config.model,
      self.config.network,
      audio_channels=len(audio),
      music_channels=len(music),
      bands=self.spec.bands,
      frames=self.spec.window_frames + 2 * self.context,
      context=self.context,
      rngs=rngs,
      axis_name=mesh_lib.DATA_AXIS,
      dtype=self._compute_dtype,
    )

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

  def init_state(self, seed: int, statistics: Any) -> TrainState:
    """Draws parameters and returns the state before the first step.

    Not to be called while tracing; `state_shapes` is for that.

    Args:
      seed: of the run.
      statistics: from `fit`.
    """
    return self._init(jax.random.key(seed), statistics)

  def state_shapes(self, statistics: Any) -> TrainState:
    """Returns `init_state`'s shapes and types, with nothing computed.

    Args:
      statistics: from `fit`.
    """
    return jax.eval_shape(self._fresh, jax.random.key(0), statistics)

  def _fresh(self, key: jax.Array, statistics: Any) -> TrainState:
    model = self._build(nnx.Rngs(key))
    _, params, rest = nnx.split(model, nnx.Param, ...)
    params, model_state = nnx.as_pure(params), nnx.as_pure(rest)
    if self._compute_dtype == jnp.float64:
      params, model_state = jax.tree.map(
        lambda x: x.astype(jnp.float64), (params, model_state)
      )
    critic: Any = ()
    if self._adversary is not None:
      # A stream of its own: the network is the one drawn without an adversary.
      critic = self._adversary.init(
        jax.random.fold_in(key, 1), statistics["adversary"]
      )
    averaging = self.config.optim.snapshot_average != "off"
    return train_state.create(
      params,
      model_state,
      self._transformation.init(params),
      statistics,
      snapshots=self.config.optim.snapshots if averaging else 0,
      critic=critic,
    )

  def update(
    self, state: TrainState, batch: Arrays, keys: jax.Array, control: Arrays
  ) -> tuple[TrainState, dict[str, jax.Array]]:
    """One update on this device's rows.

    Args:
      state: replicated.
      batch: features [b, context + t + context, f, c], pose [b, t, joint, 3],
        track [b].
      keys: [b], one per example.
      control: traced `learning_rate` and others.

    Returns:
      The new state and the metrics, both equal on every device.
    """
    found = self.gradients(state, batch, keys, control)
    return self.apply_gradients(state, *found, control)

  def apply_gradients(
    self,
    state: TrainState,
    figures: dict[str, jax.Array],
    grads: Any,
    new_model_state: Any,
    new_critic: Any,
    control: Arrays,
  ) -> tuple[TrainState, dict[str, jax.Array]]:
    """The optimiser's part of an update; nothing moves if not all is finite.

    Args:
      state: replicated.
      figures: from `gradients`; `parameter_norm` is added.
      grads: from `gradients`.
      new_model_state: from `gradients`.
      new_critic: from `gradients`.
      control: traced `learning_rate` and others.

    Returns:
      The new state and the figures.
    """
    finite = jnp.isfinite(figures["loss"]) & jnp.isfinite(
      figures["gradient_norm"]
    )
    updates, opt_state = self._transformation.update(
      grads, state.opt_state, state.params
    )
    rate = control["learning_rate"]
    new_params = jax.tree.map(lambda p, u: p - rate * u, state.params, updates)

    def keep(new, old):
      # A poisoned update must leave no trace but the counters.
      return jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, old)

    figures["parameter_norm"] = optax.tree.norm(new_params)
    state = state.replace(
      step=state.step + 1,
      skipped=state.skipped + jnp.where(finite, 0, 1),
      params=keep(new_params, state.params),
      model_state=keep(new_model_state, state.model_state),
      opt_state=keep(opt_state, state.opt_state),
      critic=keep(new_critic, state.critic),
    )
    return state, figures

  def gradients(
    self, state: TrainState, batch: Arrays, keys: jax.Array, control: Arrays
  ) -> tuple[dict[str, jax.Array], Any, Any, Any]:
    """Loss and gradients of one batch, over all devices.

    Args:
      state: replicated.
      batch: features [b, context + t + context, f, c], pose [b, t, joint, 3],
        track [b].
      keys: [b], one per example.
      control: traced `epoch` and others.

    Returns:
      Figures (`loss`, its terms and norms), the gradients of the global mean
      loss with respect to `state.params`, the model state after the batch,
      and the critic after it has learnt from the batch; all equal on every
      device.
    """
    state_in = mesh_lib.to_varying(
      (state.params, state.model_state, state.statistics)
    )
    params, model_state, statistics = state_in
    audio, music = self.training_inputs(statistics, batch, keys)
    target = batch["pose"] - statistics["pose_mean"]

    def loss(params):
      model = self.training_model(params, model_state)
      out = model(audio, music, target, keys=keys)
      terms = pose_terms.loss_terms(self.config.loss, out, target)
      critic, critic_figures = state.critic, {}
      if self._adversary is not None:
        known = statistics["adversary"]
        critic, marked = self._adversary.learn(
          critic, out, target, batch, known
        )
        terms["adversary"] = self._adversary.cost(
          critic, out, batch, known, control
        )
        critic_figures["critic_loss"] = marked
      new_state = nnx.as_pure(nnx.state(model, nnx.Not(nnx.Param)))
      total = sum(terms[name] for name in sorted(terms))
      return total, (terms, out, new_state, critic, critic_figures)

    (total, aux), grads = jax.value_and_grad(loss, has_aux=True)(params)
    terms, out, new_model_state, critic, critic_figures = aux
    grads = jax.lax.pmean(grads, mesh_lib.DATA_AXIS)
    new_model_state = _replicated(new_model_state)
    figures = {"loss": total, **{f"loss_{k}": v for k, v in terms.items()}}
    figures = jax.lax.pmean(figures, mesh_lib.DATA_AXIS)
    figures |= (
      pose_terms.term_norms(self.config.loss, out, target) | critic_figures
    )
    figures["gradient_norm"] = optax.tree.norm(grads)
    return figures, grads, new_model_state, critic

  def training_model(self, params: Any, model_state: Any) -> Any:
    """The network in training mode; it changes its own copy of the state."""
    return nnx.merge(self._train_def, params, model_state, copy=True)

  def training_inputs(
    self, statistics: Any, batch: Arrays, keys: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Normalised features of one batch, with noise where configured.

    Args:
      statistics: from `fit`.
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

  def predict(self, state: TrainState, batch: Arrays) -> jax.Array:
    """Predicts this device's rows.

    Args:
      state: with the weights to use; its running statistics are used.
      batch: features [b, context + t + context, f, c] and track [b].

    Returns:
      float32 [b, t, joint, 3], normalised poses.
    """
    audio, music = self._inputs(state.statistics, batch)
    model = nnx.merge(self._eval_def, state.params, state.model_state)
    pose = model(audio, music).pose.astype(jnp.float32)
    return pose + state.statistics["pose_mean"]

  def attention_weights(self, state: TrainState, batch: Arrays) -> jax.Array:
    """How much the network makes use of each band, to be shown.

    Args:
      state: as in `predict`.
      batch: as in `predict`.

    Returns:
      float32 [b, t, bands]; sums to one over bands.

    Raises:
      ValueError: the network does not attend to bands.
    """
    audio, music = self._inputs(state.statistics, batch)
    model: Any = nnx.merge(self._eval_def, state.params, state.model_state)
    weights = model.attention_weights(audio, music) if self.attends else None
    if weights is None:
      raise ValueError(f"{self.config.model} has no attention over bands")
    return weights

  def validation_figures(
    self, predicted: np.ndarray, table: Any, rows: np.ndarray
  ) -> dict[str, float]:
    """Figures of the validation line.

    Args:
      predicted: poses [len(rows), t, joint, 3].
      table: column `pose`.
      rows: of the table.

    Returns:
      `validation_rmse`, `validation_mae` and `validation_pckh50`.
    """
    found = metrics.pose_metrics(predicted, table.pose[rows])
    return {
      f"validation_{name}": float(found[name])
      for name in ("rmse", "mae", "pckh50")
    }

  def _inputs(self, statistics, batch):
    return normalisation.apply_stats(
      statistics["inputs"],
      batch["features"],
      batch[self.group],
      self.spec,
      self.config.data.feature_norm,
      layout=self._layout,
    )


def _replicated(model_state: Any) -> Any:
  """Statistics synchronised by the model: equal, now also in type."""
  return jax.tree.map(
    lambda x: jax.lax.pmean(x, mesh_lib.DATA_AXIS), model_state
  )


def _add_noise(x: jax.Array, keys: jax.Array, stream: int, deviation: float):
  draw = jax.vmap(
    lambda key: jax.random.normal(
      jax.random.fold_in(key, stream), x.shape[1:], x.dtype
    )
  )
  return x + deviation * draw(keys)
