"""The lines of metrics.jsonl that an epoch's steps leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.task import Task
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.runtime import processes
from bgm2pose_jax.state.train_state import TrainState
from bgm2pose_jax.training import nonfinite, steps
from bgm2pose_jax.training.replica import Begun, Figures, Replica


class EpochLines:
  """Turns the figures of an epoch's steps into lines of metrics.jsonl.

  A line that is due waits until `flush`, so that the device has its next
  steps to do while the host reads figures.
  """

  def __init__(
    self,
    run: Replica,
    table: WindowTable,
    task: Task,
    place: int | None,
  ):
    """Starts the run's next epoch, or goes on in the one it was stopped in.

    Args:
      run: whose lines these are.
      table: windows.
      task: gives the learning rates.
      place: position of its figures in those of several replicas; None when the
        figures are its own alone.
    """
    self._run, self._table, self._place = run, table, place
    self._epoch = run.epoch
    self._rate = task.learning_rate(self._epoch)
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
    self._run.write(line)
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
      if processes.leads() and not nonfinite.is_finite(values):
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
