"""Train and evaluation steps: the only compiled programs of training.

One per-device step with collectives over the data axis; `mesh` wraps it for
one device or many. Keys are functions of (seed, step, position in the global
batch), so a run does not depend on how many devices share a batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Protocol

import jax
import jax.numpy as jnp

from bgm2pose_jax.data import device_cache
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import target
from bgm2pose_jax.state import train_state
from bgm2pose_jax.state.train_state import TrainState

Arrays = Mapping[str, jax.Array]


class Predicts(Protocol):
  """What the predict step needs of a task."""

  def predict(self, state: TrainState, batch: Arrays) -> jax.Array:
    """Predictions for this device's rows."""
    ...


class Updates(Predicts, Protocol):
  """What the train step needs of a task.

  Attributes:
    context: frames on either side of a window that a batch's features have.
  """

  context: int

  def update(
    self, state: TrainState, batch: Arrays, keys: jax.Array, control: Arrays
  ) -> tuple[TrainState, dict[str, jax.Array]]:
    """One update on this device's rows; metrics already averaged."""
    ...


def steps_per_dispatch(configured: int | None) -> int:
  """Returns how many updates one call of the train step does.

  Args:
    configured: `run.steps_per_dispatch`; None chooses for this backend.
  """
  if configured is not None:
    return configured
  # A convolution's weight gradient inside an XLA:CPU loop is 10-50 times
  # slower; accelerators gain from fewer dispatches.
  return 1 if target.platform() == "cpu" else 8


def make_control(seed: int, learning_rate: float, epoch: int) -> dict:
  """Returns the traced values that vary between runs and epochs."""
  return {
    "seed": jnp.uint32(seed),
    "learning_rate": jnp.float32(learning_rate),
    "epoch": jnp.int32(epoch),
  }


def example_keys(seed: jax.Array, step: jax.Array, rows: int) -> jax.Array:
  """Returns one key per row of this device.

  Args:
    seed: the run's seed.
    step: number of the update.
    rows: size of this device's share of the batch.

  Returns:
    Key array [rows]; row i of device d has global position d * rows + i.
  """
  base = jax.random.fold_in(jax.random.key(seed), step)
  first = jax.lax.axis_index(mesh_lib.DATA_AXIS) * rows
  return jax.vmap(lambda i: jax.random.fold_in(base, i))(
    first + jnp.arange(rows)
  )


def update(
  task: Updates, state: TrainState, batch: Arrays, control: Arrays
) -> tuple[TrainState, dict[str, jax.Array]]:
  """One update on this device's rows, its keys drawn from seed and step.

  Args:
    task: brings `update`.
    state: the run's state.
    batch: {field: [rows, ...]}.
    control: the control from `make_control`.
  """
  rows = jax.tree.leaves(batch)[0].shape[0]
  keys = example_keys(control["seed"], state.step, rows)
  return task.update(state, batch, keys, control)


def make_train_step(
  task: Updates,
  mesh: jax.sharding.Mesh,
  *,
  cached: bool,
  parallel: str = "jit",
) -> Callable[..., tuple[TrainState, dict[str, jax.Array]]]:
  """Builds the train step.

  Args:
    task: brings `update`.
    mesh: devices.
    cached: whether rows are gathered from a device cache by index.
    parallel: `jit` or `pmap`.

  Returns:
    f(state, source, index, control) -> (state, metrics averaged over the
    dispatched steps). With a cache, `source` holds whole columns [n, ...] (and
    what `device_cache.put` adds for context, where the task wants some) and
    `index` is int32 [steps, batch]; without one, `source` holds batches
    [steps, batch, ...] and `index` still names their rows.
  """

  def per_device(state, source, index, control):
    def body(state, item):
      position, batch = item
      if cached:
        around = task.context, task.context
        batch = device_cache.take(source, position, around)
      return update(task, state, batch, control)

    batches = {} if cached else source
    if index.shape[0] == 1:  # a loop of one is slow on CPU
      first = jax.tree.map(lambda x: x[0], (index, batches))
      return body(state, first)
    state, metrics = jax.lax.scan(body, state, (index, batches))
    return state, jax.tree.map(lambda x: x.mean(axis=0), metrics)

  return mesh_lib.over_devices(
    per_device,
    mesh,
    in_axes=(None, None if cached else 1, 1, None),
    out_axes=(None, None),
    donate=(0,),
    parallel=parallel,
  )


def make_predict_step(
  task: Predicts, mesh: jax.sharding.Mesh, *, parallel: str = "jit"
) -> Callable[..., jax.Array]:
  """Builds f(state, batch [rows, ...]) -> predictions [rows, ...]."""
  return mesh_lib.over_devices(
    task.predict,
    mesh,
    in_axes=(None, 0),
    out_axes=0,
    parallel=parallel,
  )


def make_end_epoch(mode: str) -> Callable[[TrainState], TrainState]:
  """Builds the snapshot step that closes an epoch."""
  return jax.jit(functools.partial(train_state.end_epoch, mode=mode))
