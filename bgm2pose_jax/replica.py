"""One run inside a trainer: its rows, order, state and logs.

Runs that share their windows and differ in seed or fold are replicas of each
other; a trainer takes one or several.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax import nonfinite, optim, steps
from bgm2pose_jax.checkpoint import Checkpoints
from bgm2pose_jax.config import Config
from bgm2pose_jax.data import groups
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.errors import InputError
from bgm2pose_jax.train_state import TrainState
from bgm2pose_jax.writer import JsonLines

Figures = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Order:
  """Which windows each step of a run sees.

  Attributes:
    table: epoch -> int32 [steps, batch].
    steps_per_epoch: updates between two learning rates.
    epochs: of the whole run.
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
    config: of the run.
    table: windows.
    rows: which of them train.
    devices: that a batch is spread over.

  Raises:
    InputError: when a batch cannot be made of the training windows, or not
      be spread over the devices.
  """
  batch = config.batch.size
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
    segment_key=groups.group_key(
      table.track, table.window_index, config.batch.grouping
    ),
    rows=rows.train,
    batch_size=batch,
    seed=config.seed,
    mode=config.batch.grouping,
    dedup=config.batch.dedup,
    steps=per_epoch,
  )
  stream = {
    "order version": groups.VERSION,
    "batch.size": batch,
    "batch.grouping": config.batch.grouping,
    "batch.dedup": config.batch.dedup,
    "seed": config.seed,
    "steps per epoch": per_epoch,
    "training windows": _digest(rows.train),
    "validation windows": _digest(rows.validation),
    "groups of windows": _digest(order.segment_key),
  }
  return Order(order, per_epoch, config.optim.epochs, stream)


@dataclasses.dataclass(frozen=True)
class Begun:
  """An epoch that a run was stopped in, or at the end of.

  Attributes:
    epoch: counts from 0.
    done: its steps.
    pending: (steps, their means) since the last line of metrics.jsonl.
    log_bytes: of metrics.jsonl.
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


@dataclasses.dataclass
class Replica:
  """A run in the making.

  Attributes:
    name: for log lines.
    config: of the run.
    rows: which windows train, validate and test.
    order: of its batches.
    state: fresh or restored, at the start of an epoch or where it was stopped;
      replaced as it trains.
    metrics_log: metrics.jsonl, already cut back to the state's step.
    timing_log: timing.jsonl.
    checkpoints: where states are saved.
    begun: the epoch that the state was stopped in; None at an epoch's start.
  """

  name: str
  config: Config
  rows: Rows
  order: Order
  state: TrainState
  metrics_log: JsonLines
  timing_log: JsonLines
  checkpoints: Checkpoints
  begun: Begun | None = None

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

  def save(self, figures: Mapping[str, Any] | None) -> None:
    """Saves the state, after the lines of metrics.jsonl that led to it.

    Args:
      figures: of the validation; None for a state that a run is stopped with,
        which is kept until the next one is saved.

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
    self.metrics_log.close()
    self.timing_log.close()
    self.checkpoints.close()
    del self.state


def resume(
  checkpoints: Checkpoints,
  state: TrainState,
  order: Order,
  metrics_log: JsonLines,
) -> tuple[TrainState, Begun | None] | None:
  """Takes up a run where it was saved last.

  Args:
    checkpoints: of the run.
    state: fresh; gives shapes and placement.
    order: of the batches of the run as it would go on.
    metrics_log: of the run; cut back to what the state has done.

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


class EpochLines:
  """Turns the figures of an epoch's steps into lines of metrics.jsonl.

  A line that is due waits until `flush`, so that the device has its next
  steps to do while the host reads figures.
  """

  def __init__(self, run: Replica, table: WindowTable, place: int | None):
    """Starts the run's next epoch, or goes on in the one it was stopped in.

    Args:
      run: whose lines these are.
      table: windows.
      place: of its figures in those of several replicas; None when the
        figures are its own alone.
    """
    self._run, self._table, self._place = run, table, place
    self._epoch = run.epoch
    self._rate = optim.learning_rate(run.config.optim, self._epoch)
    self._done = run.done
    self._pending: list[tuple[int, Figures | Mapping[str, float]]] = []
    if run.begun is not None:
      self._pending.extend(run.begun.pending)
    self._due: tuple[dict[str, Any], list, jax.Array] | None = None

  def control(self) -> dict:
    """Returns the epoch's `steps.make_control`."""
    return steps.make_control(self._run.config.seed, self._rate, self._epoch)

  def add(self, offered: int, figures: Figures, state: TrainState) -> int:
    """Takes the figures of one call of the train step.

    Args:
      offered: steps of the call; the run rests in those beyond its epoch.
      figures: their means, [replica] each when there are several.
      state: the run's, after them.

    Returns:
      Steps that the run did.
    """
    steps_per_epoch = self._run.order.steps_per_epoch
    count = min(offered, steps_per_epoch - self._done)
    if not count:
      return 0
    self._pending.append((count, figures))
    every = self._run.config.run.log_every_steps
    before, self._done = self._done, self._done + count
    # The epoch's last steps are logged too, so that no line mixes epochs
    # and a resumed run writes the same lines.
    if self._done // every != before // every or self._done == steps_per_epoch:
      line = {
        "step": self._epoch * steps_per_epoch + self._done,
        "epoch": self._epoch + 1,
        "learning_rate": self._rate,
      }
      # The next call takes over the memory of the state's own count.
      self._due = line, self._pending, jnp.copy(state.skipped)
      self._pending = []
    return count

  @property
  def due(self) -> bool:
    """Whether a line waits."""
    return self._due is not None

  def begun(self) -> Begun | None:
    """Returns where the epoch is; None at its start. No line may be due."""
    if not self._done:
      return None
    host = jax.device_get(self._pending)
    pending = tuple(
      (count, {k: float(_own(v, self._place)) for k, v in figures.items()})
      for count, figures in host
    )
    return Begun(self._epoch, self._done, pending, self._run.metrics_log.size())

  def flush(self) -> float | None:
    """Writes the line that is due, which waits for its steps.

    Returns:
      Its loss, or None when no line was due.

    Raises:
      InputError: when more updates were left out as non-finite than allowed.
    """
    if self._due is None:
      return None
    line, pending, skipped = self._due
    self._due = None
    figures = _on_host(pending, self._place)
    line |= mean(figures)
    self._check(line, int(skipped), figures)
    self._run.metrics_log.write(line)
    return line["loss"]

  def _check(
    self,
    line: dict[str, Any],
    skipped: int,
    figures: Sequence[tuple[int, Mapping[str, Any]]],
  ) -> None:
    path = self._run.metrics_log.path.with_name(nonfinite.NAME)
    first = line["step"] - sum(count for count, _ in figures)
    for count, values in figures:
      if not nonfinite.is_finite(values):
        place = first - self._epoch * self._run.order.steps_per_epoch
        rows = self._run.order.table(self._epoch)[place : place + count]
        nonfinite.note(path, self._table, first + 1, rows, values)
      first += count
    allowed = self._run.config.optim.max_skipped_steps
    line["skipped_steps"] = skipped
    if skipped > allowed:
      raise InputError(
        f"step {line['step']}",
        f"{skipped} updates had a non-finite loss or gradient "
        f"(loss {line['loss']}, gradient norm {line['gradient_norm']}; terms "
        f"and windows are in {path})",
        "look at those windows, or lower optim.learning_rate; the last good "
        "checkpoint is kept",
      )


def mean(
  figures: Sequence[tuple[int, Mapping[str, Any]]],
) -> dict[str, float]:
  """Means over steps; what is not finite stays so.

  Args:
    figures: for each call its steps and the means over them, on the host.
  """
  counts = [count for count, _ in figures]
  return {
    name: float(
      np.average([values[name] for _, values in figures], weights=counts)
    )
    for name in sorted(figures[0][1])
  }


def _on_host(
  pending: Sequence[tuple[int, Figures | Mapping[str, float]]],
  place: int | None,
) -> list[tuple[int, dict[str, np.float64]]]:
  """Figures of calls; of one replica where they are those of several."""
  host = jax.device_get([figures for _, figures in pending])
  return [
    (count, {name: np.float64(_own(x, place)) for name, x in values.items()})
    for (count, _), values in zip(pending, host)
  ]


def _own(figure: Any, place: int | None) -> Any:
  """A replica's share of a figure; one of before a stop is its own alone."""
  return figure if place is None or not np.ndim(figure) else figure[place]


def _digest(numbers: np.ndarray | None) -> str | None:
  """A name for row numbers or keys."""
  if numbers is None:
    return None
  return hashlib.sha256(np.asarray(numbers, "<i8").tobytes()).hexdigest()[:16]
