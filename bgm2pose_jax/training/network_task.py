"""A task whose model is a network trained by gradients.

A system's task says what a network reads and what its loss terms are; the
update is the same for all: gradients over all devices, clipped and scaled by
the optimiser, left out where something is not finite.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.nn.views import views
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import target as target_lib
from bgm2pose_jax.state import train_state
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.training import optim

Arrays = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Losses:
  """What a network's outputs cost.

  Attributes:
    terms: weighted loss terms, each a mean over this device's rows.
    out: the network's outputs.
    critic: an adversary's critic after it has learnt from the batch.
    figures: more to log, equal on every device.
  """

  terms: dict[str, jax.Array]
  out: Any
  critic: Any = ()
  figures: Mapping[str, jax.Array] = dataclasses.field(default_factory=dict)


class NetworkTask(abc.ABC):
  """See `contract.task.Task`; a subclass sets its attributes.

  Attributes:
    config: the run's configuration.
    fields, target, context, best: see `contract.task.Task`.
    compute_dtype: type of the network's arithmetic.
  """

  fields: tuple[str, ...]
  target: str
  context: int = 0
  best: Best

  def __init__(self, config: Config, build: Callable[..., nnx.Module]):
    """Builds the network's structure (no parameters yet).

    Args:
      config: the run's configuration.
      build: (rngs, dtype) -> network.

    Raises:
      InputError: the compute type cannot be had.
    """
    self.config = config
    self.compute_dtype = jnp.dtype(config.run.compute_dtype)
    if self.compute_dtype == jnp.float64 and not jax.config.jax_enable_x64:
      raise InputError(
        "run.compute_dtype",
        "is float64, which JAX has switched off",
        "set JAX_ENABLE_X64=1 in the environment",
      )
    self._build = build
    self._transformation = optim.make_transformation(config.optim)
    self.structure: Any = nnx.eval_shape(
      lambda: build(nnx.Rngs(0), self.compute_dtype)
    )
    self._train_def, self._eval_def = map(nnx.graphdef, views(self.structure))
    # One program for all of a state, which runs once. On CPU compiling it with
    # every optimisation takes twice as long, for the same numbers.
    on_cpu = target_lib.platform() == "cpu"
    options = {"xla_backend_optimization_level": 1} if on_cpu else None
    self._init = jax.jit(self._fresh, compiler_options=options)

  @property
  def predicts_from(self) -> tuple[str, ...]:
    """See `contract.task.Task`: every field but the target."""
    return tuple(name for name in self.fields if name != self.target)

  @abc.abstractmethod
  def fit(self, table: WindowTable, rows: np.ndarray) -> Any:
    """See `contract.task.Task.fit`."""

  @abc.abstractmethod
  def training_inputs(
    self, statistics: Any, batch: Arrays, keys: jax.Array
  ) -> Any:
    """What the network reads in training, normalised; noise included."""

  @abc.abstractmethod
  def losses(
    self,
    model: Any,
    given: Any,
    statistics: Any,
    batch: Arrays,
    keys: jax.Array,
    control: Arrays,
    critic: Any,
  ) -> Losses:
    """Runs the network in training mode and takes its loss terms.

    Args:
      model: the model from `training_model`.
      given: the inputs from `training_inputs`.
      statistics: the statistics from `fit`.
      batch: {field: [b, ...]}.
      keys: [b], one per example.
      control: traced `epoch` and others.
      critic: the state's.
    """

  @abc.abstractmethod
  def predict(self, state: TrainState, batch: Arrays) -> jax.Array:
    """See `contract.task.Task.predict`; `eval_model` is the network."""

  def output_norms(
    self, out: Any, statistics: Any, batch: Arrays
  ) -> dict[str, jax.Array]:
    """Gradient norm of each loss term at the outputs, to be logged."""
    del out, statistics, batch
    return {}

  def init_critic(self, key: jax.Array, statistics: Any) -> Any:
    """State of an adversary's critic; none by default."""
    del key, statistics
    return ()

  def learning_rate(self, epoch: int) -> float:
    """See `contract.task.Task.learning_rate`."""
    return optim.learning_rate(self.config.optim, epoch)

  def training_model(self, params: Any, model_state: Any) -> Any:
    """The network in training mode; it changes its own copy of the state."""
    return nnx.merge(self._train_def, params, model_state, copy=True)

  def eval_model(self, state: TrainState) -> Any:
    """The network in use: running statistics, no dropout."""
    return nnx.merge(self._eval_def, state.params, state.model_state)

  def init_state(self, seed: int, statistics: Any) -> TrainState:
    """Draws parameters and returns the state before the first step.

    Not to be called while tracing; `state_shapes` is for that.

    Args:
      seed: the run's seed.
      statistics: the statistics from `fit`.
    """
    return self._init(jax.random.key(seed), statistics)

  def state_shapes(self, statistics: Any) -> TrainState:
    """Returns `init_state`'s shapes and types, with nothing computed.

    Args:
      statistics: the statistics from `fit`.
    """
    return jax.eval_shape(self._fresh, jax.random.key(0), statistics)

  def _fresh(self, key: jax.Array, statistics: Any) -> TrainState:
    model = self._build(nnx.Rngs(key), self.compute_dtype)
    _, params, rest = nnx.split(model, nnx.Param, ...)
    params, model_state = nnx.as_pure(params), nnx.as_pure(rest)
    if self.compute_dtype == jnp.float64:
      params, model_state = jax.tree.map(
        lambda x: x.astype(jnp.float64), (params, model_state)
      )
    averaging = self.config.optim.snapshot_average != "off"
    return train_state.create(
      params,
      model_state,
      self._transformation.init(params),
      statistics,
      snapshots=self.config.optim.snapshots if averaging else 0,
      # A stream of its own: the network is the one drawn without a critic.
      critic=self.init_critic(jax.random.fold_in(key, 1), statistics),
    )

  def update(
    self, state: TrainState, batch: Arrays, keys: jax.Array, control: Arrays
  ) -> tuple[TrainState, dict[str, jax.Array]]:
    """One update on this device's rows.

    Args:
      state: replicated.
      batch: {field: [b, ...]} of this device.
      keys: [b], one per example.
      control: traced `learning_rate` and others.

    Returns:
      The new state and the figures, both equal on every device.
    """
    found = self.gradients(state, batch, keys, control)
    return self.apply_gradients(state, *found, control)

  def gradients(
    self, state: TrainState, batch: Arrays, keys: jax.Array, control: Arrays
  ) -> tuple[dict[str, jax.Array], Any, Any, Any]:
    """Loss and gradients of one batch, over all devices.

    Args:
      state: replicated.
      batch: {field: [b, ...]} of this device.
      keys: [b], one per example.
      control: traced `epoch` and others.

    Returns:
      Figures (`loss`, its terms and norms), the gradients of the global mean
      loss with respect to `state.params`, the model state after the batch,
      and the critic after it has learnt from the batch; all equal on every
      device.
    """
    params, model_state, statistics = mesh_lib.to_varying(
      (state.params, state.model_state, state.statistics)
    )
    given = self.training_inputs(statistics, batch, keys)

    def loss(params):
      model = self.training_model(params, model_state)
      found = self.losses(
        model, given, statistics, batch, keys, control, state.critic
      )
      new_state = nnx.as_pure(nnx.state(model, nnx.Not(nnx.Param)))
      total = sum(found.terms[name] for name in sorted(found.terms))
      rest = found.terms, found.out, new_state, found.critic, found.figures
      return total, rest

    (total, aux), grads = jax.value_and_grad(loss, has_aux=True)(params)
    terms, out, new_model_state, critic, more = aux
    grads = jax.lax.pmean(grads, mesh_lib.DATA_AXIS)
    new_model_state = _replicated(new_model_state)
    figures = {"loss": total, **{f"loss_{k}": v for k, v in terms.items()}}
    figures = jax.lax.pmean(figures, mesh_lib.DATA_AXIS)
    figures |= self.output_norms(out, statistics, batch) | more
    figures["gradient_norm"] = optim.norm(grads)
    return figures, grads, new_model_state, critic

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
      figures: the figures from `gradients`; `parameter_norm` is added.
      grads: the gradients from `gradients`.
      new_model_state: the new model state from `gradients`.
      new_critic: the new critic from `gradients`.
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
    if optim.falls_by_step(self.config.optim):
      rate = optim.rate_at_step(self.config.optim, rate, state.step)
      figures["learning_rate"] = rate
    new_params = jax.tree.map(lambda p, u: p - rate * u, state.params, updates)

    def keep(new, old):
      # A poisoned update must leave no trace but the counters.
      return jax.tree.map(lambda a, b: jnp.where(finite, a, b), new, old)

    figures["parameter_norm"] = optim.norm(new_params)
    state = state.replace(
      step=state.step + 1,
      skipped=state.skipped + jnp.where(finite, 0, 1),
      params=keep(new_params, state.params),
      model_state=keep(new_model_state, state.model_state),
      opt_state=keep(opt_state, state.opt_state),
      critic=keep(new_critic, state.critic),
    )
    return state, figures


def _replicated(model_state: Any) -> Any:
  """Statistics of all devices: equal, now also in type, or their mean."""
  return jax.tree.map(
    lambda x: jax.lax.pmean(x, mesh_lib.DATA_AXIS), model_state
  )
