"""One run inside a trainer: its rows, order, state and logs.

Runs that share their windows and differ in seed or fold are replicas of each
other; a trainer takes one or several.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.task import Task
from bgm2pose_jax.data import groups
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.files.json_lines import JsonLines
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import processes
from bgm2pose_jax.runtime.host_facts import host_facts
from bgm2pose_jax.state.checkpoint import Checkpoints, load_weights
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.training import trackers
from bgm2pose_jax.training.trackers import Tracker

Figures = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Order:
  """Which windows each step of a run sees.

  Attributes:
    table: epoch -> int32 [steps, batch].
    steps_per_epoch: updates between two learning rates.
    epochs: number of epochs of the whole run.
    stream: what decides which windows come when, by name.
  """

  table: groups.EpochOrder
  steps_per_epoch: int
  epochs: int
  stream: Mapping[str, Any]

  @property
  def total_steps(self) -> int:
    """Updates of the whole run."""
    return self.steps_per_epoch * self.epochs


def make_order(
  config: Config, table: WindowTable, rows: Rows, devices: int
) -> Order:
  """Settles the order of a run's batches.

  Args:
    config: the run's configuration.
    table: windows.
    rows: which of them train.
    devices: how many devices a batch is spread over.

  Raises:
    InputError: when a batch cannot be made of the training windows, or not
      be spread over the devices.
  """
  batch, grouping = config.batch.size, config.batch.grouping
  if batch % devices:
    raise InputError(
      "batch.size",
      f"is {batch}, not a multiple of {devices} devices",
      f"give --set batch.size={batch + -batch % devices}",
    )
  if len(rows.train) < batch:
    raise InputError(
      "batch.size",
      f"is {batch}, but only {len(rows.train)} windows train",
      "make the batch smaller or the data larger",
    )
  per_epoch = config.optim.steps_per_epoch or max(
    1, (len(rows.train) - 1) // batch
  )
  order = groups.EpochOrder(
    key=groups.group_key(
      [table.column(name) for name in table.columns.groupings[grouping]]
    ),
    rows=rows.train,
    batch_size=batch,
    seed=config.seed,
    dedup=config.batch.dedup,
    steps=per_epoch,
  )
  stream = {
    "order version": groups.VERSION,
    "batch.size": batch,
    "batch.grouping": grouping,
    "batch.dedup": config.batch.dedup,
    "seed": config.seed,
    "steps per epoch": per_epoch,
    "training windows": _digest(rows.train),
    "validation windows": _digest(rows.validation),
    "groups of windows": _digest(order.key),
  }
  return Order(order, per_epoch, config.optim.epochs, stream)


@dataclasses.dataclass(frozen=True)
class Begun:
  """An epoch that a run was stopped in, or at the end of.

  Attributes:
    epoch: counts from 0.
    done: its steps.
    pending: (steps, their means) since the last line of metrics.jsonl.
    log_bytes: length of metrics.jsonl.
  """

  epoch: int
  done: int
  pending: tuple[tuple[int, Mapping[str, float]], ...]
  log_bytes: int

  def to_dict(self) -> dict[str, Any]:
    """Returns what JSON holds without loss, also what is not finite."""
    pending = [
      [count, {name: value.hex() for name, value in figures.items()}]
      for count, figures in self.pending
    ]
    return dataclasses.asdict(self) | {"pending": pending}

  @classmethod
  def from_dict(cls, found: Mapping[str, Any]) -> Begun:
    """Reads what `to_dict` gave."""
    pending = tuple(
      (count, {k: float.fromhex(v) for k, v in figures.items()})
      for count, figures in found["pending"]
    )
    return cls(**{**found, "pending": pending})


class Replica:
  """A run in the making.

  It is made before its state is: `open` reads or draws that, and opens logs and
  checkpoints.

  Attributes:
    name: the name in log lines.
    folder: the run's own.
    config: the run's configuration.
    rows: which windows train, validate and test.
    order: order of its batches.
    state: fresh or restored, at the start of an epoch or where it was stopped;
      replaced as it trains.
    metrics_log: metrics.jsonl, already cut back to the state's step.
    timing_log: timing.jsonl.
    checkpoints: where states are saved.
    tracker: gets each line of metrics.jsonl too; None without one.
    begun: the epoch that the state was stopped in; None at an epoch's start.
  """

  state: TrainState
  metrics_log: JsonLines
  timing_log: JsonLines
  checkpoints: Checkpoints

  def __init__(
    self,
    name: str,
    folder: pathlib.Path,
    config: Config,
    rows: Rows,
    order: Order,
    tracker: str | None = None,
  ):
    """Says what the run is; `open` makes its state.

    Args:
      name: the name in log lines.
      folder: the run's own.
      config: the run's configuration.
      rows: which windows train, validate and test.
      order: order of its batches.
      tracker: a key of `trackers.PACKAGES`; None for no tracker.
    """
    self._tracker_name = tracker
    self.tracker: Tracker | None = None
    self.name, self.folder, self.config = name, folder, config
    self.rows, self.order = rows, order
    self.begun: Begun | None = None
    self._is_open = False

  def open(
    self, task: Task, table: WindowTable, mesh: jax.sharding.Mesh
  ) -> None:
    """Makes or restores the state and opens the logs; once.

    Args:
      task: draws the state.
      table: windows.
      mesh: devices that hold the state.

    Raises:
      InputError: a checkpoint or log that cannot be gone on with.
    """
    if self._is_open:
      return
    statistics = task.fit(table, self.rows.train)
    state = mesh_lib.replicate(
      mesh, task.init_state(self.config.seed, statistics)
    )
    logging.info(
      "%s: %d parameters; %d steps of %d windows",
      self.config.model,
      sum(x.size for x in jax.tree.leaves(state.params)),
      self.order.total_steps,
      self.config.batch.size,
    )
    self.checkpoints = Checkpoints(
      self.folder / run_folder.CHECKPOINTS, best=task.best
    )
    self.metrics_log = JsonLines(self.folder / run_folder.METRICS)
    found = resume(self.checkpoints, state, self.order, self.metrics_log)
    if found is not None:
      state, self.begun = found
      logging.info("resuming after step %d", int(state.step))
    elif self.config.init_from:
      state = load_weights(self.config.init_from, state)
    self.state = state
    self.timing_log = JsonLines(self.folder / run_folder.TIMING)
    self.timing_log.write({"event": "start", **host_facts()})
    if self._tracker_name is not None and processes.leads():
      self.tracker = trackers.open_tracker(
        self._tracker_name, self.folder.name, self.folder, self.config
      )
      if self.tracker is not None:
        self.tracker.replay(self.metrics_log.read())
    self._is_open = True

  @property
  def epoch(self) -> int:
    """Epochs done."""
    if self.begun is not None:
      return self.begun.epoch
    return int(self.state.step) // self.order.steps_per_epoch

  @property
  def finished(self) -> bool:
    """Whether every epoch is done."""
    return self.epoch >= self.order.epochs

  @property
  def done(self) -> int:
    """Steps done of the epoch that comes next."""
    return self.begun.done if self.begun is not None else 0

  def write(self, line: Mapping[str, Any]) -> None:
    """Adds a line to metrics.jsonl, and to the tracker where there is one.

    Args:
      line: has `step`.

    Raises:
      InputError: the line cannot be written to metrics.jsonl.
    """
    self.metrics_log.write(line)
    if self.tracker is not None:
      self.tracker.write(line)

  def reported_state(self) -> TrainState:
    """Returns the weights that the run reports: the last, or the best."""
    if self.config.run.report_weights == "best":
      best = self.checkpoints.best()
      if best is not None:
        return self.checkpoints.restore(best, self.state)
    return self.state

  def save(self, figures: Mapping[str, Any] | None) -> None:
    """Saves the state, after the lines of metrics.jsonl that led to it.

    Args:
      figures: the validation's figures; None when the run is stopped. That
        state is kept until the next one is saved.

    Raises:
      InputError: this save or the one before cannot be done.
    """
    self.metrics_log.sync()
    begun = self.begun
    facts = {
      "stream": dict(self.order.stream),
      "begun": None if begun is None else begun.to_dict(),
    }
    self.checkpoints.save(self.state, figures, facts, passing=figures is None)

  def close(self) -> None:
    """Closes logs and checkpoints and lets the state's memory go."""
    self._is_open = False
    self.metrics_log.close()
    self.timing_log.close()
    self.checkpoints.close()
    if self.tracker is not None:
      page = self.folder / run_folder.REPORT
      self.tracker.close(page if self.finished and page.exists() else None)
      self.tracker = None
    del self.state


def resume(
  checkpoints: Checkpoints,
  state: TrainState,
  order: Order,
  metrics_log: JsonLines,
) -> tuple[TrainState, Begun | None] | None:
  """Takes up a run where it was saved last.

  Args:
    checkpoints: the run's checkpoints.
    state: fresh; gives shapes and placement.
    order: order of the run's batches as it would go on.
    metrics_log: the run's log; cut back to what the state has done.

  Returns:
    The state and the epoch it was stopped in; None when nothing was saved.

  Raises:
    InputError: the checkpoint does not fit, or what is left to do would come
      in another order; the message names what differs.
  """
  newest = checkpoints.latest()
  if newest is None:
    metrics_log.truncate_after_step(0)
    return None
  facts = checkpoints.facts(newest)
  begun = facts.get("begun") and Begun.from_dict(facts["begun"])
  saved = facts.get("stream", {})
  going_on = begun is not None or newest < order.total_steps
  for name in saved if going_on else ():
    if saved[name] != order.stream.get(name):
      raise InputError(
        checkpoints.folder,
        f"was begun with {name} {saved[name]}, this run has "
        f"{order.stream.get(name)}",
        "give another --workdir, or the version and data that began it",
      )
  state = checkpoints.restore(newest, state)
  metrics_log.truncate_after_step(
    newest, None if begun is None else begun.log_bytes
  )
  return state, begun


def _digest(numbers: np.ndarray | None) -> str | None:
  """A name for row numbers or keys."""
  if numbers is None:
    return None
  return hashlib.sha256(np.asarray(numbers, "<i8").tobytes()).hexdigest()[:16]
