"""What a training says at its start: where, how much, and how long."""

from __future__ import annotations

import math
import pathlib
import shutil
import time
from collections.abc import Sequence
from typing import Any

import jax
from absl import logging

from bgm2pose_jax.base import progress
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.data import device_cache
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.training.replica import Replica

# Two checkpoints are kept beside the best one, and one is being written.
_CHECKPOINTS = 4
# Seconds of prediction over seconds of training, for one window: the backward
# pass takes about twice the forward pass's time.
_FORWARD_SHARE = 1 / 3
# Steps are timed for so long before the estimate.
_TRIED_S = 5.0


def say_where(
  config: Config, table: WindowTable, fields: Sequence[str], cached: bool
) -> None:
  """Says devices, precision and size of the data.

  Args:
    config: of the runs.
    table: windows.
    fields: columns that training reads.
    cached: whether they lie on the device.
  """
  devices = jax.devices()
  kind = devices[0].device_kind
  size = device_cache.nbytes(table, fields)
  logging.info(
    "computing on %d %s (%s), %s; %s of windows %s",
    len(devices),
    "device" if len(devices) == 1 else "devices",
    kind,
    config.run.compute_dtype,
    progress.in_bytes(size),
    "cached on the device" if cached else "streamed by grain",
  )


def say_disk(runs: Sequence[Replica], shapes: Any) -> None:
  """Says what the runs' checkpoints need of the disk, and what is free.

  Args:
    runs: in folders of one disk.
    shapes: shapes and types of a run's state, a tree.
  """
  state = sum(
    math.prod(leaf.shape) * leaf.dtype.itemsize
    for leaf in jax.tree.leaves(shapes)
  )
  needed = _CHECKPOINTS * len(runs) * state
  folder = _existing(runs[0].folder)
  free = shutil.disk_usage(folder).free
  logging.info(
    "checkpoints need about %s; %s are free in %s",
    progress.in_bytes(needed),
    progress.in_bytes(free),
    folder,
  )
  if needed > free:
    logging.warning(
      "%s has too little room for the checkpoints: free some, or give another"
      " --workdir",
      folder,
    )


class Estimate:
  """Says once, some steps after compiling, how long the whole will take."""

  def __init__(self, runs: Sequence[Replica]):
    """Counts what is left.

    Args:
      runs: those that one program trains; their states are where they begin.
    """
    self._runs = runs
    self._steps_left = max(
      run.order.total_steps - int(run.state.step) for run in runs
    )
    self._windows = sum(len(run.rows.test) for run in runs)
    self._mark_s: float | None = None
    self._spent_s = 0.0
    self._steps = 0
    self._told = False

  def begin_epoch(self) -> None:
    """Leaves out what was done between two epochs: it compiles too."""
    if self._steps:
      self._mark_s = time.perf_counter()

  def add(self, steps: int) -> None:
    """Counts the steps of one call; the first call compiles.

    Args:
      steps: of each run.
    """
    if self._told:
      return
    self._steps_left -= steps
    now_s = time.perf_counter()
    before_s, self._mark_s = self._mark_s, now_s
    if before_s is None:
      return
    self._spent_s += now_s - before_s
    self._steps += steps
    if self._spent_s < _TRIED_S or not self._steps_left:
      return
    self._told = True
    logging.info(
      "about %s left for training and evaluation, without validation, saving"
      " and baselines",
      progress.in_time(self.left_s(self._spent_s / self._steps)),
    )

  def left_s(self, step_s: float) -> float:
    """Seconds until every run is trained and its test windows predicted.

    Args:
      step_s: seconds of a step of all runs together.
    """
    batch = len(self._runs) * self._runs[0].config.batch.size
    evaluation_s = self._windows * step_s / batch * _FORWARD_SHARE
    return self._steps_left * step_s + evaluation_s


def _existing(folder: pathlib.Path) -> pathlib.Path:
  while not folder.exists():
    folder = folder.parent
  return folder
