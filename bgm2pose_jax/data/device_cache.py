"""The whole split on the device; batches are gathered there by index.

It follows the same int32 index table as the grain pipeline and gives the same
batches, without moving anything but the table each epoch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.runtime import mesh as mesh_lib

# Entry of a cache beside its fields: {sequence column: first and last row of
# each row's stretch}, needed where context frames are gathered.
_BOUNDS = "bounds of stretches"


def nbytes(table: WindowTable, fields: Sequence[str]) -> int:
  """Returns the bytes that `put` would place on each device."""
  return int(sum(np.asarray(table.column(f)).nbytes for f in fields))


def fits(
  table: WindowTable, budget_bytes: float, fields: Sequence[str]
) -> bool:
  """Says whether a table's fields fit in a budget.

  Args:
    table: the windows.
    budget_bytes: the most that may be placed on a device.
    fields: columns that would be placed.

  Returns:
    True when they fit.
  """
  return nbytes(table, fields) <= budget_bytes


def put(
  table: WindowTable,
  fields: Sequence[str],
  sharding: jax.sharding.Sharding | None = None,
  *,
  context: bool = False,
) -> dict[str, Any]:
  """Places columns of a table on the device.

  Args:
    table: the windows.
    fields: columns to place.
    sharding: replicated over a mesh; None is the default device.
    context: also place what `take` needs to add neighbouring frames.

  Returns:
    {field: [n, ...]}, dtypes as in the table, for `take`.
  """
  host: dict[str, Any] = {
    name: np.ascontiguousarray(table.column(name)) for name in fields
  }
  if context:
    host[_BOUNDS] = {table.columns.sequence: (table.first_row, table.last_row)}
  if sharding is None:
    return jax.device_put(host)
  return mesh_lib.place(sharding, host)


def take(
  cache: Mapping[str, Any],
  rows: jax.Array,
  context: tuple[int, int] = (0, 0),
) -> dict[str, jax.Array]:
  """Gathers a batch; to be called inside `jax.jit`.

  Args:
    cache: the cache that `put` made.
    rows: int32 [batch] rows of the table, all of them inside it.
    context: frames of the same recording to add before and after; beyond the
      ends of an unbroken stretch its first and last frame are repeated.

  Returns:
    {field: [batch, ...]} and `row` int32 [batch]; the sequence column is
    [batch, before + t + after, ...].
  """
  before, after = context
  bounds = cache[_BOUNDS] if before or after else {}
  batch: dict[str, jax.Array] = {}
  for name, values in cache.items():
    if name == _BOUNDS:
      continue
    if name in bounds:
      first, last = bounds[name]
      frames = values.shape[1]
      offsets = jnp.arange(-before, frames + after)
      place = rows[:, None] * frames + offsets
      low = first[rows][:, None] * frames
      high = (last[rows][:, None] + 1) * frames - 1
      place = jnp.clip(place, low, high)
      # Two indices: one over n * t frames would need a copy of the cache.
      batch[name] = values[place // frames, place % frames]
    else:
      batch[name] = values.at[rows].get(mode="clip")
  batch["row"] = rows
  return batch
