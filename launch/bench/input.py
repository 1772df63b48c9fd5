"""Measures the input: windows a second, and what a train step waits for it.

  python -m launch.bench.input --preset=official --width=0.25 --batch=64

First table: batches delivered as device arrays that nobody uses, from the
device cache (a gather by the epoch's index table) and streamed by grain from
the table in memory, beside a PyTorch DataLoader over .npy files, one file a
window for each array as the published code stores them (just written, so they
lie in the system's file cache). All sides take turns, deliver the same rows
and are held to the same sum; a round's first batches, which lay ready, are not
timed. The floor is the bytes of the batches over a measured ceiling: a large
copy on the device (read and write) for the cache and on CPU, a large transfer
to the device for what is streamed to an accelerator.

Second table: the training loop itself on the same windows, two epochs of
`--steps` steps, and what the second waited for data, as every run writes it
into timing.jsonl. `--steps=0` leaves it out.

Without grain only the cache is measured, without PyTorch there is no peer.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

# The training loop's bar would write into the tables.
os.environ.setdefault("TQDM_DISABLE", "1")

import jax
import numpy as np
from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import device_cache, groups
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from launch.bench import ceilings, harness, input_sides, network, scratch_run

network.define_flags("paper", batch="64")
_WINDOWS = flags.DEFINE_integer("windows", 2048, "in the split", 2)
_WORKERS = flags.DEFINE_multi_integer("workers", [0, 1, 2], "of grain", 0)
_PEER_WORKERS = flags.DEFINE_multi_integer(
  "torch_workers", [0, 2], "of DataLoader", 0
)
_BATCHES = flags.DEFINE_integer("batches", 60, "timed in a round", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "the sides take turns", 1)
_STEPS = flags.DEFINE_integer("steps", 10, "in an epoch of the loop", 0)


def _deliver(
  table: MusicWindows,
  batch: int,
  workers: Sequence[int | None],
  peers: Sequence[int],
) -> list[dict[str, Any]]:
  """Times every side on the same rows."""
  order = groups.EpochOrder(
    None,
    np.arange(len(table)),
    batch,
    seed=0,
    steps=input_sides.UNTIMED + _BATCHES.value,
  )
  rounds = 1 + _ROUNDS.value
  sides: list[Any] = []
  with tempfile.TemporaryDirectory() as folder:
    try:
      for count in workers:
        sides.append(input_sides.Ours(table, order, count, rounds))
      for count in peers:
        sides.append(input_sides.TorchFiles(folder, table, order, count))
      spent: dict[str, list[float]] = {side.name: [] for side in sides}
      for number in range(rounds):
        last = table.features[order(number)[-1]]
        wanted = np.sum(last, dtype=np.float64)
        for side in sides:
          seconds, found = side.run(number)
          if not np.isclose(found, wanted, rtol=1e-9):
            raise InputError(side.name, "delivers other windows", "mend it")
          # The first round starts workers and compiles.
          if number:
            spent[side.name].append(seconds)
    finally:
      for side in sides:
        side.close()
  nbytes = device_cache.nbytes(table, input_sides.FIELDS) / len(table)
  return _rows(spent, batch, nbytes)


def _rows(
  spent: Mapping[str, Sequence[float]], batch: int, window_bytes: float
) -> list[dict[str, Any]]:
  """Windows a second, share of the floor, ratio to each round's best peer."""
  windows = _BATCHES.value * batch
  moved = window_bytes * windows
  copy_s = 2 * moved / ceilings.copy_bytes_per_second()
  send_s = moved / ceilings.transfer_bytes_per_second()
  peers = [times for name, times in spent.items() if "torch" in name]
  best = [min(of_round) for of_round in zip(*peers)]
  rows = []
  for name, times in spent.items():
    seconds = statistics.median(times)
    sent = name != "device cache" and jax.default_backend() != "cpu"
    floor_s = send_s if sent else copy_s
    row: dict[str, Any] = {
      "input": name,
      "windows/s": windows / seconds,
      "ms/batch": seconds / _BATCHES.value * 1e3,
      "floor ms": floor_s / _BATCHES.value * 1e3,
      "share %": floor_s / seconds * 100,
    }
    if best:
      row["x best torch"] = harness.ratio(best, times)
    rows.append(row)
  return rows


def main() -> None:
  """Measures and prints."""
  config = network.one_config()
  batch = config.batch.size
  if _WINDOWS.value < batch:
    raise InputError(
      "--windows", f"is {_WINDOWS.value}", "give a batch's at least"
    )
  about = harness.begin("jaxlib", "grain", "numpy", "torch")
  table = network.made_up_windows(_WINDOWS.value)
  workers: list[int | None] = [None]
  if harness.installed("grain", "nothing is streamed"):
    workers += _WORKERS.value
  peers = []
  if harness.installed("torch", "the peer is missing"):
    peers = _PEER_WORKERS.value
  size = device_cache.nbytes(table, input_sides.FIELDS)
  print(f"{len(table)} windows, {size / 2**20:.0f} MiB; batch {batch}")
  found = {"delivered": _deliver(table, batch, workers, peers), "loop": []}
  harness.show(found["delivered"])
  if _STEPS.value:
    with tempfile.TemporaryDirectory() as compiled:
      # The loops share one program but for the cache's gather.
      jax.config.update("jax_compilation_cache_dir", compiled)
      found["loop"] = [
        scratch_run.data_wait(config, table, _STEPS.value, count)
        for count in workers
      ]
    print(f"\nthe training loop, {config.preset}:")
    harness.show(found["loop"])
  harness.write(about, **found)


if __name__ == "__main__":
  harness.start(main)
