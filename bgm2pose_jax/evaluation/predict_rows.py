"""Predictions for any rows of a table, exact on the last batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.data.table import context as frames_around
from bgm2pose_jax.runtime import mesh as mesh_lib


def batches(
  predict_step: Callable[[Any, Mapping[str, jax.Array]], jax.Array],
  state: Any,
  table: WindowTable,
  rows: np.ndarray,
  *,
  fields: Sequence[str],
  batch_size: int,
  mesh: jax.sharding.Mesh,
  context: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Predicts windows batch by batch, in row order.

  The last batch is filled up with its first row, and what that adds is cut
  off again: every figure is over the true rows alone.

  Args:
    predict_step: the step that `steps.make_predict_step` made.
    state: the state with the weights to use.
    table: the windows.
    rows: which of them.
    fields: columns that a batch needs.
    batch_size: over all devices; rounded up to a multiple of them.
    mesh: devices.
    context: frames on either side of a window that its sequence gets.

  Yields:
    (rows of the batch, their float32 predictions [rows, ...]).

  Raises:
    InputError: when a prediction is not finite.
  """
  devices = mesh.devices.size
  batch_size = -(-batch_size // devices) * devices
  for start in range(0, len(rows), batch_size):
    part = rows[start : start + batch_size]
    padded = np.concatenate(
      [part, np.full(batch_size - len(part), part[0], part.dtype)]
    )
    batch = {}
    for name in fields:
      if name == table.columns.sequence and context:
        batch[name] = frames_around(table, padded, context, context)
      else:
        batch[name] = table.column(name)[padded]
    found = _whole(predict_step(state, _spread(mesh, batch)))[: len(part)]
    finite = np.isfinite(found).reshape(len(part), -1).all(axis=1)
    if not finite.all():
      raise InputError(
        f"window row {part[~finite][0]}",
        f"prediction is not finite ({(~finite).sum()} of {len(part)} windows)",
        "train again with a lower learning rate; see metrics.jsonl",
      )
    yield part, found


def _spread(mesh: jax.sharding.Mesh, batch: dict[str, np.ndarray]) -> Any:
  if jax.process_count() == 1:
    return mesh_lib.shard_rows(mesh, batch)
  share = jax.process_index(), jax.process_count()

  def own(x: np.ndarray) -> np.ndarray:
    rows = len(x) // share[1]
    return x[share[0] * rows : (share[0] + 1) * rows]

  return mesh_lib.shard_rows(mesh, jax.tree.map(own, batch))


def _whole(x: jax.Array) -> np.ndarray:
  if jax.process_count() == 1:
    return np.asarray(x)
  from jax.experimental import multihost_utils

  return np.asarray(multihost_utils.process_allgather(x, tiled=True))
