"""Several runs in one program: replicas that differ in seed or fold.

Each replica has its own state, order of batches, learning rate and seed; the
windows on the device are shared. A replica gets the numbers of its own
separate run but for the rounding of another program.

Three forms. `unrolled` writes the replicas' steps one after another into one
program: the same operations as apart, with fewer calls. `vmap` gives every
operation a replica axis: small networks then fill a large device, but
convolutions become grouped ones, which some devices run slowly. `products` is
`vmap` with convolutions as batched matrix products. Which wins, or whether
separate programs do, depends on device and width:
`launch/bench/replicas.py` measures it, and a run tries them before it starts
(`loop.Trainer.fastest`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.data import device_cache
from bgm2pose_jax.nn import product_convolution
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.training import steps

FORMS = ("unrolled", "vmap", "products")
# A replica without a batch: its row numbers.
REST = -1


def make_train_step(
  task: steps.Updates,
  mesh: jax.sharding.Mesh,
  *,
  form: str,
  parallel: str = "jit",
) -> Callable[..., tuple[tuple[TrainState, ...], dict[str, jax.Array]]]:
  """Builds the train step of several replicas.

  Args:
    task: brings `update`; the same for all.
    mesh: devices; each replica's batch is spread over all of them.
    form: one of `FORMS`.
    parallel: `jit` or `pmap`.

  Returns:
    f(states, cache, index, control) -> (states, figures). `states` is one
    state a replica, `cache` whole columns [n, ...], `index` int32 [steps,
    replica, batch]; where it is `REST` the replica rests and its state stays
    as it is. `control` holds [replica] values. Figures are [replica] means
    over a replica's own steps.
  """

  def one(state, cache, rows, live, control):
    around = task.context, task.context
    batch = device_cache.take(cache, jnp.maximum(rows, 0), around)
    new, figures = steps.update(task, state, batch, control)
    new = jax.tree.map(lambda a, b: jnp.where(live, a, b), new, state)
    figures = {k: jnp.where(live, v, 0.0) for k, v in figures.items()}
    return new, figures

  def vmapped(states, cache, rows, live, control):
    run = jax.vmap(one, in_axes=(0, None, 0, 0, 0))
    return run(states, cache, rows, live, control)

  def unrolled(states, cache, rows, live, control):
    controls = [
      jax.tree.map(lambda x, i=i: x[i], control) for i in range(len(states))
    ]
    out = [
      one(state, cache, own_rows, goes, own)
      for state, own_rows, goes, own in zip(states, rows, live, controls)
    ]
    figures = jax.tree.map(lambda *x: jnp.stack(x), *(f for _, f in out))
    return tuple(state for state, _ in out), figures

  def per_device(states, cache, index, control):
    # A step never touches the snapshots: they need not travel through it.
    kept = [state.snapshots for state in states]
    moving: Any = tuple(state.replace(snapshots=()) for state in states)
    advance = unrolled
    if form != "unrolled":
      moving = jax.tree.map(lambda *x: jnp.stack(x), *moving)
      advance = vmapped

    # Every device's share of a batch says the same; now in type as well.
    live = jax.lax.pmax(index[:, :, 0], mesh_lib.DATA_AXIS) != REST

    def body(moving, item):
      rows, goes = item
      with product_convolution.as_products(form == "products"):
        return advance(moving, cache, rows, goes, control)

    if index.shape[0] == 1:  # a loop of one is slow on CPU
      moving, figures = body(moving, (index[0], live[0]))
    else:
      moving, figures = jax.lax.scan(body, moving, (index, live))
      count = jnp.maximum(live.sum(axis=0), 1)
      figures = jax.tree.map(lambda x: x.sum(axis=0) / count, figures)
    if form != "unrolled":
      moving = [
        jax.tree.map(lambda x, i=i: x[i], moving) for i in range(len(states))
      ]
    states = tuple(s.replace(snapshots=k) for s, k in zip(moving, kept))
    return states, figures

  return mesh_lib.over_devices(
    per_device,
    mesh,
    in_axes=(None, None, 2, None),
    out_axes=(None, None),
    donate=(0,),
    parallel=parallel,
  )


def stack_control(controls: Sequence[dict]) -> dict:
  """Joins `steps.make_control`'s values of all replicas, each [replica]."""
  return jax.tree.map(lambda *x: jnp.stack(x), *controls)


def stack_orders(tables: Sequence[np.ndarray | None]) -> np.ndarray:
  """Joins the replicas' epoch tables; the shorter ones rest at their end.

  Args:
    tables: int32 [steps, batch] of each replica, at least one of them; None
      for a replica that rests all through.

  Returns:
    int32 [most steps, replica, batch], `REST` where a replica rests.
  """
  given = [table for table in tables if table is not None]
  shape = max(map(len, given)), len(tables), given[0].shape[1]
  index = np.full(shape, REST, np.int32)
  for i, table in enumerate(tables):
    if table is not None:
      index[: len(table), i] = table
  return index
