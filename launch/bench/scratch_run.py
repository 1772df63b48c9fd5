"""A run of the real training loop in a folder that is thrown away."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from bgm2pose_jax.config import schema
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.metrics import METRICS
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.training import loop, replica
from launch.bench import network


@contextlib.contextmanager
def opened(
  config: Config, table: MusicWindows, validated: int
) -> Iterator[tuple[loop.Trainer, replica.Replica]]:
  """Opens a fresh run.

  Args:
    config: the run's configuration.
    table: windows, all of which train.
    validated: how many of them, the last ones, validate too.

  Yields:
    The trainer, and the run; its `metrics_log` and `timing_log` can be read
    until it is closed.
  """
  task = network.task_of(config, table)
  trainer = loop.Trainer(config, task, METRICS, table, mesh_lib.make_mesh())
  every = np.arange(len(table))
  rows = Rows(every, every[-validated:], every[:0])
  order = replica.make_order(config, table, rows, trainer.mesh.devices.size)
  with tempfile.TemporaryDirectory() as name:
    run = replica.Replica("timed", pathlib.Path(name), config, rows, order)
    trainer.open(run)
    try:
      yield trainer, run
    finally:
      run.close()


def data_wait(
  config: Config, table: MusicWindows, steps: int, workers: int | None
) -> dict[str, Any]:
  """Trains two epochs and reports the second, which compiles nothing.

  Args:
    config: the run's configuration; batch, network and types are kept.
    table: windows, all of which train.
    steps: the number of steps in an epoch.
    workers: the number of grain's workers; None keeps the split on the device.

  Returns:
    One row: `input`, `step ms`, `wait ms` (of a step) and `wait %`.
  """
  config = schema.overlay(
    config,
    {
      "batch.device_cache": "on" if workers is None else "off",
      "batch.workers": workers or 0,
      "optim.epochs": 2,
      "optim.steps_per_epoch": steps,
      "run.validate_every_epochs": 2,
      "run.save_every_epochs": 2,
      "run.eval_batch": config.batch.size,
    },
  )
  with opened(config, table, config.batch.size) as (trainer, run):
    trainer.run([run])
    second = run.timing_log.read()[-1]
  return {
    "input": "device cache" if workers is None else f"grain, {workers} workers",
    "step ms": second["train_s"] / steps * 1e3,
    "wait ms": second["data_wait_s"] / steps * 1e3,
    "wait %": second["data_wait_share"] * 100,
  }
