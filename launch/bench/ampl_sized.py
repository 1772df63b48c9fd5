"""Trains on as many windows as AMPL has, by the trainer of a real run.

  python -m launch.bench.ampl_sized --preset=paper \
    --set run.compute_dtype=bfloat16

The windows are random numbers of the right size (1,024 different ones, again
and again), so only the time means something: order, device cache, steps,
validation, logs and checkpoints are those of a run. Two epochs are timed first;
if the second says that all would take longer than `--limit_s`, the rest is left
out, and the whole is what it would take: printed as an estimate, not measured.
"""

from __future__ import annotations

import dataclasses
import os
import time

os.environ.setdefault("TQDM_DISABLE", "1")

import jax
import numpy as np
from absl import flags

from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from launch.bench import harness, network, scratch_run

network.define_flags("paper")
_WINDOWS = flags.DEFINE_integer("windows", 25_354, "that train", 2)
_LIMIT = flags.DEFINE_float("limit_s", 150.0, "of training", 0)

# AMPL's recordings of one music segment, about: its people.
_PEOPLE = 7
_DIFFERENT = 1024


def _many_windows(count: int) -> MusicWindows:
  """Random windows, the same ones over and over, grouped by music segment."""
  few = network.made_up_windows(min(count, _DIFFERENT))
  rows = np.arange(count) % len(few)
  columns = {
    field.name: getattr(few, field.name)[rows]
    for field in dataclasses.fields(few)
    if isinstance(getattr(few, field.name), np.ndarray)
  }
  columns["window_index"] = np.arange(count, dtype=np.int32) // _PEOPLE
  return dataclasses.replace(few, **columns)


def _measure(config: Config, table: MusicWindows, limit_s: float) -> dict:
  """Trains and times."""
  count = len(table)
  started = time.perf_counter()
  with scratch_run.opened(config, table, max(1, count // 10)) as made:
    trainer, run = made
    jax.block_until_ready(run.state)
    ready = time.perf_counter() - started
    whole = run.order
    epochs = whole.epochs
    run.order = dataclasses.replace(whole, epochs=min(2, epochs))
    trainer.run([run])
    last = run.timing_log.read()[-1]
    each = last["train_s"] + last["validate_and_save_s"]
    run.order = whole
    if ready + each * epochs <= limit_s:
      trainer.run([run])
    lines = [line for line in run.timing_log.read() if "train_s" in line]
    loss = run.metrics_log.read()[-2]["loss"]
  spent = time.perf_counter() - started
  steady = lines[1:] or lines
  steady_s = float(np.median([line["train_s"] for line in steady]))
  done = len(lines)
  return {
    "windows": count,
    "batch": config.batch.size,
    "dtype": config.run.compute_dtype,
    "epochs": epochs,
    "epochs measured": done,
    "ready s": ready,
    "first epoch s": lines[0]["train_s"],
    "epoch s": steady_s,
    "validate and save s": float(
      np.median([line["validate_and_save_s"] for line in steady])
    ),
    "windows/s": whole.steps_per_epoch * config.batch.size / steady_s,
    "wait share": float(np.median([x["data_wait_share"] for x in steady])),
    "total s": spent if done == epochs else None,
    "estimate s": None if done == epochs else spent + (epochs - done) * each,
    "last loss": loss,
  }


def main() -> None:
  """Measures and prints."""
  config = network.one_config(**{"batch.device_cache": "on"})
  about = harness.begin("jaxlib", "flax", "orbax-checkpoint")
  found = _measure(config, _many_windows(_WINDOWS.value), _LIMIT.value)
  for name, value in found.items():
    print(f"{name:>20}  {value if value is not None else '-'}")
  harness.write(about, rows=[found])


if __name__ == "__main__":
  harness.start(main)
