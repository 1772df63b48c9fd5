"""What the training loop waits for data, as every run writes it down."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.systems.bgm2pose.tasks import make_task
from bgm2pose_jax.training import loop
from launch.bench import scratch_run


def measure(
  config: Config, table: WindowTable, steps: int, workers: int | None
) -> dict[str, Any]:
  """Trains two epochs and reports the second, which compiles nothing.

  Args:
    config: of the run; batch, network and types are kept.
    table: windows, all of which train.
    steps: of an epoch.
    workers: of grain; None keeps the split on the device.

  Returns:
    One row: `input`, `step ms`, `wait ms` (of a step) and `wait %`.
  """
  config = config_lib.overlay(
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
  rows = np.arange(len(table))
  rows = Rows(rows, rows[: config.batch.size], rows[:0])
  task = make_task(config, table.spec, len(table.tracks))
  trainer = loop.Trainer(config, task, table, mesh_lib.make_mesh())
  with scratch_run.opened(trainer, rows) as run:
    trainer.run([run])
    second = run.timing_log.read()[-1]
  return {
    "input": "device cache" if workers is None else f"grain, {workers} workers",
    "step ms": second["train_s"] / steps * 1e3,
    "wait ms": second["data_wait_s"] / steps * 1e3,
    "wait %": second["data_wait_share"] * 100,
  }
