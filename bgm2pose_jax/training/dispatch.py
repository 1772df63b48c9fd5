"""What each call of the train step is given, made while the last one runs.

A thread works one unit ahead of the training loop. From a device cache a unit
is an epoch: its index tables, placed before its first step, so that nothing
crosses to the device inside an epoch. From a stream it is one call's batches,
gathered, stacked and sent on their way while the device is still at the call
before: a double buffer.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.runtime import mesh as mesh_lib

# (source, index), the second and third argument of the train step.
Item = tuple[Any, jax.Array]


class Dispatches:
  """(source, index) of every call of the train step, in order.

  Which batches come is a function of order and epoch alone; neither the
  thread nor the number of steps in a call changes them.

  Attributes:
    waited_s: seconds so far that a call was asked for and its data were not
      there yet: the time in which the loop could not dispatch for want of
      data, whatever the device still had to do.
  """

  def __init__(
    self,
    order: Callable[[int], np.ndarray],
    mesh: jax.sharding.Mesh,
    *,
    epochs: range,
    steps_per_call: int,
    fields: Sequence[str] = (),
    cache: Mapping[str, jax.Array] | None = None,
    stream: Iterator[Mapping[str, np.ndarray]] | None = None,
  ):
    """Starts to make the first unit.

    Args:
      order: epoch -> int32 [steps, ..., batch] over all devices; of the first
        epoch what is left of it.
      mesh: devices that share a batch.
      epochs: those still to come; the unit after the last is never made.
      steps_per_call: updates of one call; an epoch's last call may have fewer.
      fields: columns that are streamed.
      cache: the cache from `device_cache.put`; or
      stream: this host's batches {field: [batch / hosts, ...]}, opened at
        the first step of `epochs`; read by the thread alone, closed here.

    Raises:
      ValueError: unless one of cache and stream is given.
    """
    if (cache is None) == (stream is None):
      raise ValueError("give a cache or a stream")
    self.waited_s = 0.0
    self._order = order
    self._mesh = mesh
    self._calls = steps_per_call
    self._fields = (*fields, "row")
    self._cache = cache
    self._stream = stream
    self._share = jax.process_index(), jax.process_count()
    self._thread = concurrent.futures.ThreadPoolExecutor(1, "dispatch")
    self._units = (
      self._by_call(epochs) if cache is None else self._by_epoch(epochs)
    )
    self._ahead = self._thread.submit(self._make)

  def epoch(self, epoch: int) -> Iterator[Item]:
    """Yields the calls of one epoch; no call crosses an epoch's end.

    Args:
      epoch: the next one of `epochs`.

    Raises:
      ValueError: for an epoch that is not the next one.
    """
    last = False
    while not last:
      asked = time.perf_counter()
      unit = self._ahead.result()
      self.waited_s += time.perf_counter() - asked
      if unit is None or unit[0] != epoch:
        raise ValueError(f"epoch {epoch} is not the next one")
      _, last, items = unit
      yield from items[:-1]
      # Before the unit's last call: the device has that to do meanwhile.
      self._ahead = self._thread.submit(self._make)
      yield from items[-1:]

  def close(self) -> None:
    """Waits for the unit in the making, then ends the thread and the stream."""
    self._thread.shutdown(wait=True, cancel_futures=True)
    close = getattr(self._stream, "close", None)
    if close is not None:
      close()

  def __enter__(self) -> Dispatches:
    return self

  def __exit__(self, *error: object) -> None:
    self.close()

  def _make(self) -> tuple[int, bool, list[Item]] | None:
    """(epoch, whether it ends there, items) of the next unit; on the thread."""
    return next(self._units, None)

  def _by_epoch(self, epochs: range) -> Iterator[tuple[int, bool, list[Item]]]:
    for epoch in epochs:
      yield (
        epoch,
        True,
        [(self._cache, index) for index in map(self._own, self._cut(epoch))],
      )

  def _by_call(self, epochs: range) -> Iterator[tuple[int, bool, list[Item]]]:
    for epoch in epochs:
      tables = self._cut(epoch)
      for number, table in enumerate(tables):
        item = self._streamed(len(table)), self._own(table)
        yield epoch, number + 1 == len(tables), [item]
      if not tables:  # a run that was stopped when it had done all of them
        yield epoch, True, []

  def _cut(self, epoch: int) -> list[np.ndarray]:
    table = self._order(epoch)
    starts = range(0, len(table), self._calls)
    return [table[start : start + self._calls] for start in starts]

  def _streamed(self, steps: int) -> dict[str, jax.Array]:
    assert self._stream is not None
    parts = [next(self._stream) for _ in range(steps)]
    return {
      name: self._place(_stacked([part[name] for part in parts]), axis=1)
      for name in self._fields
    }

  def _own(self, table: np.ndarray) -> jax.Array:
    """This host's part of an index table, [steps, ..., batch], placed."""
    index, count = self._share
    axis = table.ndim - 1
    return self._place(np.split(table, count, axis=axis)[index], axis)

  def _place(self, x: np.ndarray, axis: int) -> jax.Array:
    """Starts the transfer of this host's rows, which lie along an axis."""
    spec = jax.P(*[None] * axis, mesh_lib.DATA_AXIS)
    # Local to each host, so it may be done on a thread: hosts need not agree
    # on an order.
    return jax.make_array_from_process_local_data(
      jax.NamedSharding(self._mesh, spec), x
    )


def _stacked(parts: list[np.ndarray]) -> np.ndarray:
  """[steps, ...]; a single step is not copied."""
  return parts[0][None] if len(parts) == 1 else np.stack(parts)
