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

With a PyTorch twin (`launch/bench/torch_peer.py` says what its file defines) both
sides run in turns; float32 is met by the eager twin, bfloat16 by autocast with
channels_last. The ratio is to our prediction from features in the same type.
The cold start is a process of its own: nothing compiled before, then with what
the first one kept, then with weights restored from a checkpoint too.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

# Both frameworks shall find room on one accelerator.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import numpy as np
from absl import app, flags, logging

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config import tree
from bgm2pose_jax.systems.bgm2pose import presets
from launch.bench import (
  ceilings,
  cold_start,
  harness,
  timed_predict,
  torch_peer,
)

_PRESET = flags.DEFINE_enum(
  "preset", "official", list(presets.PRESETS), "start"
)
_WIDTH = flags.DEFINE_float("width", None, "of the network", 0)
_BATCH = flags.DEFINE_list("batch", ["1", "16", "128", "512"], "windows a call")
_DTYPE = flags.DEFINE_list(
  "compute_dtype", ["float32", "bfloat16"], "types to compute in"
)
_SOURCE = flags.DEFINE_list(
  "source", list(timed_predict.SOURCES), "what a prediction starts from"
)
_SET = flags.DEFINE_multi_string(
  "set", [], "key.path=value, as in the main command"
)
_CALLS = flags.DEFINE_integer("calls", 100, "of a single window in a round", 1)
_BATCH_CALLS = flags.DEFINE_integer(
  "batch_calls", 5, "of a larger batch in a round", 1
)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "all sides take turns", 1)
_PEER = flags.DEFINE_string("torch_peer", None, "file of a PyTorch twin")
_COLD = flags.DEFINE_bool("cold_start", True, "also measure fresh processes")
_JSON = flags.DEFINE_string("json", None, "file to write the rows to")

_COLUMNS = (
  "what",
  "dtype",
  "batch",
  "windows/s",
  "p50 ms",
  "p99 ms",
  "device ms",
  "cpu ms",
  "GFLOP",
  "floor ms",
  "share",
  "ratio",
)


def case_of(dtype: str) -> config_lib.Config:
  """The configuration of a type.

  Args:
    dtype: to compute in.

  Raises:
    InputError: for a value that cannot be right.
  """
  changes: dict[str, Any] = {
    "preset": _PRESET.value,
    "run.compute_dtype": dtype,
  }
  if _WIDTH.value is not None:
    changes["network.width"] = _WIDTH.value
  base = config_lib.overlay(presets.get_config(_PRESET.value), changes)
  return config_lib.overlay(base, tree.parse_assignments(_SET.value))


def measure(
  config: config_lib.Config, batch: int, ceiling: dict[str, float]
) -> list[dict[str, Any]]:
  """Times predictions of one batch and type, all sides in turns.

  Args:
    config: of the network.
    batch: windows a call.
    ceiling: operations and bytes a second, updated when more are reached.

  Returns:
    One row each, from features first.

  Raises:
    InputError: a twin does not run.
  """
  dtype = config.run.compute_dtype
  calls = _CALLS.value if batch == 1 else _BATCH_CALLS.value
  ours = [
    timed_predict.OurPredict(config, batch, source) for source in _SOURCE.value
  ]
  peers = []
  if _PEER.value is not None:
    case = torch_peer.Case(
      _PEER.value,
      float(config.network["width"]),
      batch,
      dtype,
      {},
      channels_last=dtype == "bfloat16",
      predicts=True,
    )
    peers.append(torch_peer.Peer(case, passive_wait=os.getloadavg()[0] > 0.5))
  runners: list[Any] = [*ours, *peers]
  times: list[list[Any]] = [[] for _ in runners]
  inside: list[list[Any]] = [[] for _ in ours]
  try:
    for _ in range(_ROUNDS.value):
      ceiling[dtype] = max(
        ceiling.get(dtype, 0.0), ceilings.matmul_flops_per_second(dtype)
      )
      for runner, found in zip(runners, times):
        found.append(np.array(runner.run(calls)))
      for runner, found in zip(ours, inside):
        found.append(np.array(runner.run_on_device(calls)))
  finally:
    for runner in runners:
      runner.close()
  for runner in ours:
    if not runner.compiled_once():
      raise RuntimeError(f"{runner.name} was compiled more than once")
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
      floor = 1e3 * max(
        runner.flops / ceiling[dtype], runner.least_bytes / ceiling["bytes"]
      )
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
      row |= {
        "ratio": float(np.median(rounds)),
        "ratio_rounds": rounds,
        **runner.about,
      }
    rows.append(row)
  return rows


def cold_starts(config: config_lib.Config) -> list[dict[str, Any]]:
  """Times fresh processes up to their first prediction of one window.

  Args:
    config: of the network.
  """
  rows = []
  changes = config_lib.flatten(config) | {"batch.size": 1}
  for source in _SOURCE.value:
    with tempfile.TemporaryDirectory() as folder:
      place = pathlib.Path(folder)
      case = cold_start.Case(
        f"predict {source}", _PRESET.value, changes, str(place / "programs")
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


def main(argv: Sequence[str]) -> None:
  """Measures every case and prints; input errors end with code 2."""
  if len(argv) > 1:
    raise app.UsageError(f"unknown argument {argv[1]!r}; see --help")
  logging.set_verbosity(logging.WARNING)
  with command.ending():
    todo = [case_of(dtype) for dtype in _DTYPE.value]
    for source in _SOURCE.value:
      if source not in timed_predict.SOURCES:
        raise InputError(
          f"--source={source}",
          "unknown",
          f"choose of {', '.join(timed_predict.SOURCES)}",
        )
    if not all(text.isdecimal() and int(text) for text in _BATCH.value):
      raise InputError(
        f"--batch={','.join(_BATCH.value)}", "no numbers", "write 1,16"
      )
    if _PEER.value is not None:
      torch_peer.check(_PEER.value)
    about = harness.facts("jaxlib", "flax", "torch")
    width = todo[0].network["width"]
    print(harness.headline(about))
    print(f"{_PRESET.value}, width {width:g}, one device, warm", flush=True)
    ceiling = {"bytes": ceilings.copy_bytes_per_second()}
    rows: list[dict[str, Any]] = []
    for config in todo:
      for batch in _BATCH.value:
        new = measure(config, int(batch), ceiling)
        rows += new
        # Line by line: a run that is cut short has shown what it has.
        print(harness.table(new, _COLUMNS), flush=True)
        harness.write_json(_JSON.value, about, rows=rows, ceilings=ceiling)
    starts = cold_starts(todo[0]) if _COLD.value else []
  if starts:
    print("\nseconds of a fresh process up to its first prediction")
    columns = ("from", "start", *cold_start.PHASES, "total")
    print(harness.table(starts, columns))
  harness.write_json(
    _JSON.value, about, rows=rows, ceilings=ceiling, cold_start=starts
  )


if __name__ == "__main__":
  app.run(main)
