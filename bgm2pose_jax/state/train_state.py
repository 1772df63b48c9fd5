"""Everything a run carries from step to step, as plain arrays."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp


@flax.struct.dataclass
class TrainState:
  """State of a run; a pytree that checkpoints whole.

  Attributes:
    step: int32, updates tried so far (left-out ones counted).
    skipped: int32, updates left out because something was not finite.
    params: trained parameters, float32.
    model_state: batch statistics and the like, float32.
    opt_state: optimiser state.
    snapshots: the last epoch ends' (params, model_state), newest first, with a
      leading axis [snapshots, ...]; an empty tuple when averaging is off.
    snapshot_count: int32, how many of them are filled.
    statistics: normalisation, fitted on the training rows of the fold.
    critic: parameters and optimiser state of an adversary's critic; an empty
      tuple without one. It is no part of what predicts.
  """

  step: jax.Array
  skipped: jax.Array
  params: Any
  model_state: Any
  opt_state: Any
  snapshots: Any
  snapshot_count: jax.Array
  statistics: Any
  critic: Any = ()


def create(
  params: Any,
  model_state: Any,
  opt_state: Any,
  statistics: Any,
  *,
  snapshots: int,
  critic: Any = (),
) -> TrainState:
  """Returns the state before the first step.

  Args:
    params: parameters.
    model_state: batch statistics.
    opt_state: optimiser state.
    statistics: normalisation statistics.
    snapshots: epoch ends to keep for averaging; 0 keeps none.
    critic: state of an adversary's critic.
  """
  kept: Any = ()
  if snapshots:
    kept = jax.tree.map(
      lambda x: jnp.zeros((snapshots, *jnp.shape(x)), jnp.result_type(x)),
      (params, model_state),
    )
  return TrainState(
    step=jnp.int32(0),
    skipped=jnp.int32(0),
    params=params,
    model_state=model_state,
    opt_state=opt_state,
    snapshots=kept,
    snapshot_count=jnp.int32(0),
    statistics=jax.tree.map(jnp.asarray, statistics),
    critic=critic,
  )


def end_epoch(state: TrainState, mode: str) -> TrainState:
  """Takes a snapshot and, in `replace` mode, trains on from the mean.

  The mean of the last snapshots replaces parameters and batch statistics
  while the optimiser keeps its moments (official code; specified as
  "snapshot averaging").

  Args:
    state: the state at the end of an epoch.
    mode: `replace`, `eval_only` or `off`.
  """
  if mode == "off":
    return state
  pushed = jax.tree.map(
    lambda old, new: jnp.concatenate([new[None], old[:-1]]),
    state.snapshots,
    (state.params, state.model_state),
  )
  size = jax.tree.leaves(pushed)[0].shape[0]
  state = state.replace(
    snapshots=pushed,
    snapshot_count=jnp.minimum(state.snapshot_count + 1, size),
  )
  return averaged(state) if mode == "replace" else state


@jax.jit
def averaged(state: TrainState) -> TrainState:
  """Returns the state with the mean of its snapshots as live weights.

  A state without snapshots comes back as it is.
  """
  if not jax.tree.leaves(state.snapshots):
    return state
  count = state.snapshot_count

  def mean(kept: jax.Array, live: jax.Array) -> jax.Array:
    index = jnp.arange(kept.shape[0]).reshape(-1, *([1] * (kept.ndim - 1)))
    total = jnp.where(index < count, kept, 0).sum(axis=0)
    filled = total / jnp.maximum(count, 1)
    return jnp.where(count > 0, filled, live).astype(live.dtype)

  params, model_state = jax.tree.map(
    mean, state.snapshots, (state.params, state.model_state)
  )
  return state.replace(params=params, model_state=model_state)
