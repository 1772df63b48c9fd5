"""Batches on the host, by grain, in the order of the index table.

There is no iterator state: batch number `step` is a function of the table and
`step`, so a run is resumed by opening the pipeline at its step, with any number
of workers and of hosts.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from absl import flags

from bgm2pose_jax.base import surroundings
from bgm2pose_jax.data.table import WindowTable, context

Batch = dict[str, np.ndarray]

# More steps than any run takes; grain asks a source for a length.
_ENDLESS = 2**40
# Epoch tables kept: prefetching crosses one epoch's end at a time.
_TABLES = 2
# Batches that a worker process keeps ready.
_WAITING = 2


class BatchSource:
  """Random access to batches by step: what grain reads from.

  Attributes:
    table: the windows.
    steps_per_epoch: batches between two epoch tables.
  """

  def __init__(
    self,
    table: WindowTable,
    order_fn: Callable[[int], np.ndarray],
    steps_per_epoch: int,
    *,
    fields: Sequence[str],
    shard: tuple[int, int] = (0, 1),
    frames: tuple[int, int] = (0, 0),
  ):
    self.table = table
    self.steps_per_epoch = steps_per_epoch
    self._order_fn = order_fn
    self._shard = shard
    self._fields = tuple(fields)
    self._frames = frames
    self._epochs: collections.OrderedDict[int, np.ndarray] = (
      collections.OrderedDict()
    )

  def __len__(self) -> int:
    return _ENDLESS

  def __repr__(self) -> str:
    return (
      f"BatchSource(fingerprint={self.table.fingerprint!r}, "
      f"fields={self._fields}, shard={self._shard})"
    )

  def __getstate__(self) -> dict[str, Any]:
    # Only the columns that are read travel to a worker process, and not the
    # description, whose package may import JAX.
    table = dataclasses.replace(self.table.only(self._fields), spec=None)
    state = dict(self.__dict__, table=table)
    state["_epochs"] = collections.OrderedDict()
    return state

  def rows(self, step: int) -> np.ndarray:
    """Returns this host's rows of batch `step`, int32 [batch / hosts]."""
    epoch, offset = divmod(int(step), self.steps_per_epoch)
    order = self._epochs.get(epoch)
    if order is None:
      order = np.asarray(self._order_fn(epoch), np.int32)
      if len(order) != self.steps_per_epoch:
        raise ValueError(
          f"epoch {epoch} has {len(order)} batches, not the "
          f"{self.steps_per_epoch} of steps_per_epoch"
        )
      self._epochs[epoch] = order
      # Several reading threads may be here at once.
      while len(self._epochs) > _TABLES:
        self._epochs.popitem(last=False)
    batch = order[offset]
    index, count = self._shard
    if len(batch) % count:
      raise ValueError(
        f"a batch of {len(batch)} cannot be split over {count} hosts"
      )
    # A contiguous block: hosts in order then make up the batch in order.
    return np.split(batch, count)[index]

  def __getitem__(self, index: int) -> Batch:
    """Returns batch `index`: {field: [batch, ...], 'row': int32 [batch]}."""
    rows = self.rows(index)
    batch = {}
    sequence = self.table.columns.sequence
    for name in self._fields:
      if name == sequence and any(self._frames):
        batch[name] = context(self.table, rows, *self._frames)
      else:
        batch[name] = self.table.column(name)[rows]
    batch["row"] = rows
    return batch


def grain_batches(
  table: WindowTable,
  order_fn: Callable[[int], np.ndarray],
  steps_per_epoch: int,
  start_step: int = 0,
  *,
  fields: Sequence[str],
  workers: int = 0,
  shard: tuple[int, int] = (0, 1),
  frames: tuple[int, int] = (0, 0),
) -> Iterator[Batch]:
  """Opens an endless stream of batches at a step.

  Args:
    table: the windows.
    order_fn: epoch -> int32 [steps_per_epoch, batch], e.g. `EpochOrder`; it is
      sent to the workers.
    steps_per_epoch: batches in each epoch's table.
    start_step: number of the first batch, counted over all epochs.
    fields: columns of the table to gather.
    workers: processes that gather; 0 gathers in a thread of this one. The
      batches are the same for any number.
    shard: (index, count): this host's part of every batch.
    frames: context frames before and after the windows' own, of the table's
      sequence column.

  Yields:
    {field: [batch / hosts, ...], 'row': int32 [batch / hosts]}. Close the
    iterator when done (`it.close()`), which ends the workers.
  """
  # Only streaming needs it: a split that fits the device trains without.
  import grain

  source = BatchSource(
    table, order_fn, steps_per_epoch, shard=shard, fields=fields, frames=frames
  )
  dataset = grain.MapDataset.source(source)[start_step:]
  # The default buffer of 500 elements would be 500 batches here.
  reading = grain.ReadOptions(num_threads=1, prefetch_buffer_size=2)
  batches = dataset.to_iter_dataset(reading)
  if workers:
    one = sum(np.asarray(x).nbytes for x in source[start_step].values())
    # Those that wait, the one that is made, and the one that is read.
    waiting = workers * (_WAITING + 2)
    surroundings.check_shared_memory(waiting * one, workers)
    if not flags.FLAGS.is_parsed():
      # grain's worker processes read a flag, which outside absl's app (tests,
      # notebooks) nobody has parsed.
      flags.FLAGS.mark_as_parsed()
    batches = batches.mp_prefetch(
      grain.MultiprocessingOptions(
        num_workers=workers, per_worker_buffer_size=_WAITING
      )
    )
  iterator = iter(batches)
  try:
    yield from iterator
  finally:
    close = getattr(iterator, "close", None)
    if close is not None:
      close()
