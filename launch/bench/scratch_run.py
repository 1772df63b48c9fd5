"""A run of the real loop in a folder that is thrown away."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.files.json_lines import JsonLines
from bgm2pose_jax.state.checkpoint import Checkpoints
from bgm2pose_jax.training import loop, replica


@contextlib.contextmanager
def opened(trainer: loop.Trainer, rows: Rows) -> Iterator[replica.Replica]:
  """Opens a fresh run of a trainer's configuration.

  Args:
    trainer: with its windows in place.
    rows: of them that train and validate.

  Yields:
    The run; `metrics_log` and `timing_log` can be read until it is closed.
  """
  config, task = trainer.config, trainer.task
  state = task.init_state(config.seed, task.fit(trainer.table, rows.train))
  order = replica.make_order(
    config, trainer.table, rows, trainer.mesh.devices.size
  )
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    run = replica.Replica(
      "timed",
      config,
      rows,
      order,
      state,
      JsonLines(folder / "metrics.jsonl"),
      JsonLines(folder / "timing.jsonl"),
      Checkpoints(folder / "saved", metric=task.best_metric),
    )
    try:
      yield run
    finally:
      run.close()
