"""Sides of the input benchmark: each delivers the same rounds of batches.

A side has a `name`, `run(round)`, which gives (seconds, sum of the last
batch's features), and `close()`.
"""

from __future__ import annotations

import pathlib
import time
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.data import device_cache, groups, pipeline
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.training import dispatch
from launch.bench import child, torch_files

FIELDS = ("features", "pose", "track")
# A round's first batches lay ready: 2 of grain's reader, 2 or 4 a worker, ours.
UNTIMED = 12


class Ours:
  """Batches as the training loop gets them, one a call.

  Attributes:
    name: the name in the table.
  """

  def __init__(
    self,
    table: MusicWindows,
    order: groups.EpochOrder,
    workers: int | None,
    rounds: int,
  ):
    """Opens the input; the first batches are made at once.

    Args:
      table: the split.
      order: round -> rows [steps, batch].
      workers: the number of grain's workers; None keeps the split on the
        device.
      rounds: how many rounds will be asked for.
    """
    mesh = mesh_lib.make_mesh()
    given: dict[str, Any] = {}
    if workers is None:
      self.name = "device cache"
      whole = jax.NamedSharding(mesh, jax.P())
      given["cache"] = device_cache.put(table, FIELDS, whole)
    else:
      self.name = f"grain, {workers} workers"
      given["stream"] = pipeline.grain_batches(
        table, order, len(order(0)), workers=workers, fields=FIELDS
      )
    self._gather = None
    if workers is None:
      self._gather = jax.jit(lambda c, i: device_cache.take(c, i[0]))
    self._calls = dispatch.Dispatches(
      order,
      mesh,
      epochs=range(rounds),
      steps_per_call=1,
      fields=FIELDS,
      **given,
    )

  def run(self, number: int) -> tuple[float, float]:
    """Delivers a round, two batches under way as in training."""
    started, before, batch = 0.0, None, {}
    for call, (source, index) in enumerate(self._calls.epoch(number)):
      batch = self._gather(source, index) if self._gather else source
      jax.block_until_ready(before)
      before = batch
      if call + 1 == UNTIMED:
        jax.block_until_ready(batch)
        started = time.perf_counter()
    jax.block_until_ready(batch)
    spent = time.perf_counter() - started
    delivered = np.asarray(batch["features"])
    return spent, float(np.sum(delivered, dtype=np.float64))

  def close(self) -> None:
    """Ends thread and workers."""
    self._calls.close()


class TorchFiles:
  """A PyTorch DataLoader over .npy files; see `torch_files`.

  Attributes:
    name: the name in the table.
  """

  def __init__(
    self,
    folder: str,
    table: MusicWindows,
    order: groups.EpochOrder,
    workers: int,
  ):
    """Writes the files unless they are there, and starts its process.

    Args:
      folder: the folder of the files, empty at first.
      table: the split.
      order: round -> rows [steps, batch].
      workers: the number of the DataLoader's workers.

    Raises:
      InputError: it does not run.
    """
    self.name = f"torch DataLoader, {workers} workers"
    self._order = order
    if not any(pathlib.Path(folder).iterdir()):
      torch_files.write(pathlib.Path(folder), table.features, table.pose)
    self._process = child.Peer(
      "launch.bench.torch_files",
      {"folder": folder, "count": len(table), "workers": workers},
      where=self.name,
    )

  def run(self, number: int) -> tuple[float, float]:
    """Delivers a round."""
    rows = self._order(number).tolist()
    said = self._process.ask({"rows": rows, "untimed": UNTIMED})
    return said["seconds"], said["sum"]

  def close(self) -> None:
    """Ends the process and its workers."""
    self._process.close()
