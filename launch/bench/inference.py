"""Measures prediction: windows a second, latency of one window, cold start.

  python -m launch.bench.inference --preset=official --width=1 \
    --batch=1,16,128,512 --torch_peer=FILE

A call takes inputs from the host's memory and brings poses back to it; "device
ms" leaves both ways out. Weights lie on the device, and a call that would send
any of them again fails. From `features` is the network alone, from `audio` one
program computes the features first: four channels of a recording and two of
music, 0.6 s each. The floor is the longer of two times: the operations of
products and convolutions (our own count) at a large product's rate, and
weights, inputs and poses once at a large copy's rate; both ceilings are
measured in the same run. Share is the floor over the device's time.

With a PyTorch twin (`torch_peer.py` says what its file defines) both sides run
in turns; float32 is met by the eager twin, bfloat16 by autocast with
channels_last. The ratio is to our prediction from features in the same type.
The cold start is a process of its own: nothing compiled before, then with what
the first one kept, then with weights restored from a checkpoint too.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from typing import Any

# Both frameworks shall find room on one accelerator.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import numpy as np
from absl import flags

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.bgm2pose.config import Config
from launch.bench import (
  ceilings,
  cold_start,
  harness,
  network,
  timed_predict,
  torch_peer,
)

network.define_flags(
  "official", batch="1,16,128,512", compute_dtype="float32,bfloat16"
)
_SOURCE = flags.DEFINE_list(
  "source", list(timed_predict.SOURCES), "what a prediction starts from"
)
_CALLS = flags.DEFINE_integer("calls", 100, "of a single window in a round", 1)
_BATCH_CALLS = flags.DEFINE_integer(
  "batch_calls", 5, "of a larger batch in a round", 1
)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "all sides take turns", 1)
_PEER = flags.DEFINE_string("torch_peer", None, "file of a PyTorch twin")
_COLD = flags.DEFINE_bool("cold_start", True, "also measure fresh processes")

_COLUMNS = (
  "what", "dtype", "batch", "windows/s", "p50 ms", "p99 ms", "device ms",
  "cpu ms", "GFLOP", "floor ms", "share", "ratio",
)  # fmt: skip


def _peers(config: Config) -> list[torch_peer.Peer]:
  if _PEER.value is None:
    return []
  dtype = config.run.compute_dtype
  case = torch_peer.Case(
    _PEER.value,
    float(config.network["width"]),
    config.batch.size,
    dtype,
    channels_last=dtype == "bfloat16",
    predicts=True,
  )
  return [torch_peer.Peer(case, passive_wait=os.getloadavg()[0] > 0.5)]


def _measure(config: Config, ceiling: dict[str, float]) -> list[dict[str, Any]]:
  """Times predictions of one batch and type, all sides in turns."""
  dtype, batch = config.run.compute_dtype, config.batch.size
  calls = _CALLS.value if batch == 1 else _BATCH_CALLS.value
  ours = [timed_predict.OurPredict(config, batch, s) for s in _SOURCE.value]
  runners: list[Any] = [*ours, *_peers(config)]
  runs = [*(r.run for r in runners), *(r.run_on_device for r in ours)]
  sides: list[Any] = [lambda: ceilings.matmul_flops_per_second(dtype)]
  sides += [lambda run=run: np.array(run(calls)) for run in runs]
  try:
    peaks, *times = harness.turns(sides, _ROUNDS.value)
  finally:
    for runner in runners:
      runner.close()
  for runner in ours:
    if not runner.compiled_once():
      raise RuntimeError(f"{runner.name} was compiled more than once")
  ceiling[dtype] = max(ceiling.get(dtype, 0.0), *peaks)
  # [side][round, call] seconds; those on the device come last.
  inside = times[len(runners) :]
  rows = []
  for at, (runner, found) in enumerate(zip(runners, times)):
    wall, cpu = 1e3 * np.concatenate(found).T
    row: dict[str, Any] = {
      "what": runner.name,
      "dtype": dtype,
      "batch": batch,
      "windows/s": 1e3 * batch / float(np.median(wall)),
      "p50 ms": float(np.median(wall)),
      "p99 ms": float(np.quantile(wall, 0.99)) if batch == 1 else None,
      "cpu ms": float(np.median(cpu)),
    }
    if at < len(ours):
      device = float(np.median(1e3 * np.concatenate(inside[at])[:, 0]))
      peak = ceilings.Ceilings(ceiling[dtype], ceiling["bytes"])
      floor = 1e3 * peak.floor_s(runner.flops, runner.least_bytes)
      row |= {
        "device ms": device,
        "GFLOP": runner.flops / 1e9,
        "floor ms": floor,
        "share": floor / device,
      }
    elif "features" in _SOURCE.value:
      own = times[_SOURCE.value.index("features")]
      rounds = [
        float(np.median(p[:, 0]) / np.median(o[:, 0]))
        for p, o in zip(found, own)
      ]
      ratio = float(np.median(rounds))
      row |= {"ratio": ratio, "ratio_rounds": rounds, **runner.about}
    rows.append(row)
  return rows


def _cold_starts(config: Config) -> list[dict[str, Any]]:
  """Times fresh processes up to their first prediction of one window."""
  rows = []
  changes = schema.flatten(config) | {"batch.size": 1}
  for source in _SOURCE.value:
    with tempfile.TemporaryDirectory() as folder:
      place = pathlib.Path(folder)
      case = cold_start.Case(
        f"predict {source}", config.preset, changes, str(place / "programs")
      )
      restoring = cold_start.Case(
        case.kind, case.preset, changes, case.programs, str(place / "saved")
      )
      cold_start.save_state(case, place / "saved")
      # The restoring start is run once before it counts: it reads the
      # checkpoint by small programs of its own.
      for name, now, counts in (
        ("nothing kept", case, True),
        ("programs kept", case, True),
        ("", restoring, False),
        ("programs kept, weights restored", restoring, True),
      ):
        found = cold_start.measure(now)
        if counts:
          rows.append({"from": source, "start": name, **found})
  return rows


def main() -> None:
  """Measures every case and prints."""
  harness.numbers(flags.FLAGS["batch"])
  todo = network.configs()
  harness.among(_SOURCE, timed_predict.SOURCES)
  if _PEER.value is not None:
    torch_peer.check(_PEER.value)
  about = harness.begin("jaxlib", "flax", "torch")
  print(f"{network.title(todo[0])} and so on, one device, warm", flush=True)
  found: dict[str, Any] = {
    "rows": [],
    "ceilings": {"bytes": ceilings.copy_bytes_per_second()},
    "cold_start": [],
  }
  for config in todo:
    new = _measure(config, found["ceilings"])
    found["rows"] += new
    # Line by line: a run that is cut short has shown what it has.
    harness.show(new, _COLUMNS)
    harness.write(about, **found)
  if _COLD.value:
    found["cold_start"] = _cold_starts(todo[0])
    print("\nseconds of a fresh process up to its first prediction")
    harness.show(found["cold_start"])
  harness.write(about, **found)


if __name__ == "__main__":
  harness.start(main)
