"""The training loop: epochs of compiled steps, from any saved epoch on.

It knows no model: a task brings the update, this brings order, schedule,
logging, validation and checkpoints. It trains one run, or several that differ
in seed or fold in one program. Everything it writes to metrics.jsonl is a
function of (config, data, device type) and, to rounding, of the program;
times go to timing.jsonl.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tqdm
from absl import logging

from bgm2pose_jax.base import progress
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.task import Task
from bgm2pose_jax.data import device_cache, pipeline
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.evaluation import predict_rows
from bgm2pose_jax.evaluation.metrics import Metrics
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import processes, stop_signal
from bgm2pose_jax.state.train_state import TrainState, averaged
from bgm2pose_jax.training import (
  dispatch,
  outlook,
  replicated,
  steps,
  stopping,
  validation,
)
from bgm2pose_jax.training.epoch_lines import EpochLines
from bgm2pose_jax.training.replica import Replica

# Runs one after another, each by the program of a single one.
SEPARATE = "separate"
# Calls that `fastest` times, after one that compiles.
_TRIALS = 3


class Trainer:
  """Compiled steps and windows, for any number of runs that share them.

  Attributes:
    mesh: the devices.
    cached: whether the windows lie on the device.
  """

  def __init__(
    self,
    config: Config,
    task: Task,
    metrics: Metrics,
    table: WindowTable,
    mesh: jax.sharding.Mesh,
  ):
    """Places the data and builds the steps.

    Args:
      config: a run's configuration; the others may differ in seed and fold.
      task: brings the update and the predictions.
      metrics: the validation's metrics.
      table: windows.
      mesh: devices.
    """
    self.config, self.task, self.table, self.mesh = config, task, table, mesh
    self._metrics = metrics
    budget = config.batch.cache_budget_gib * 2**30
    self.cached = config.batch.device_cache == "on" or (
      config.batch.device_cache == "auto"
      and device_cache.fits(table, budget, task.fields)
    )
    self._cache: Any = None
    if self.cached:
      sharding = jax.NamedSharding(mesh, jax.P())
      self._cache = device_cache.put(
        table, task.fields, sharding, context=task.context > 0
      )
    outlook.say_where(config, table, task.fields, self.cached)
    self._steps: dict[str, Callable[..., Any]] = {}
    self._end_epoch = steps.make_end_epoch(config.optim.snapshot_average)
    self.predict_step = steps.make_predict_step(
      task, mesh, parallel=config.run.parallel
    )

  def open(self, run: Replica) -> None:
    """Makes or restores a run's state, if that is not done."""
    run.open(self.task, self.table, self.mesh)

  def run(self, runs: Sequence[Replica], form: str = SEPARATE) -> None:
    """Trains from each run's state to its last epoch.

    Args:
      runs: their states are replaced as they go on. One, or with a form of
        `replicated.FORMS` several, which may be at different epochs and have
        epochs of different lengths.
      form: how the runs share a program.

    Raises:
      InputError: when more updates were left out as non-finite than allowed, or
        a state cannot be saved.
      Stopped: a signal asked to stop; every state is saved.
    """
    if all(run.finished for run in runs):
      return
    for run in runs:
      run.state = mesh_lib.replicate(self.mesh, run.state)
    # Left out for process 0: TQDM_DISABLE=1 switches its bar off.
    hidden: dict[str, Any] = {} if processes.leads() else {"disable": True}
    bar = progress.bar(
      total=sum(run.order.total_steps for run in runs),
      initial=sum(int(run.state.step) for run in runs),
      desc="compile",
      unit="step",
      **hidden,
    )
    self._estimate = outlook.Estimate(runs)
    with (
      stop_signal.held(),
      bar,
      stopping.saved(runs),
      self._dispatches(runs, form) as calls,
    ):
      number = 0
      while live := [run for run in runs if not run.finished]:
        started, waited = time.perf_counter(), calls.waited_s
        steps_left = [run.order.steps_per_epoch - run.done for run in live]
        self._epochs(runs, form, number, calls, bar)
        for run in live:
          run.state = self._end_epoch(run.state)
        trained = time.perf_counter() - started
        for run, did in zip(live, steps_left):
          self._close_epoch(
            run,
            {
              "train_s": trained,
              "data_wait_s": calls.waited_s - waited,
              "data_wait_share": (calls.waited_s - waited) / trained,
              "windows_per_s": did * self.config.batch.size / trained,
              "replicas": len(live),
            },
          )
        number += 1

  def predict(self, state: TrainState, rows: np.ndarray) -> np.ndarray:
    """Predicts rows of the table with the weights to be reported.

    Args:
      state: whose snapshots are averaged when the config says so.
      rows: positions in the table.
    """
    with progress.bar(
      total=len(rows),
      desc="evaluate",
      unit="window",
      disable=not processes.leads(),
    ) as bar:
      found = []
      for part, values in self._predicted(state, rows):
        found.append(values)
        bar.update(len(part))
    return np.concatenate(found)

  def validate(self, state: TrainState, rows: np.ndarray) -> dict[str, float]:
    """Figures of rows, see `validation.figures`.

    Args:
      state: the state, as in `predict`.
      rows: positions in the table.
    """
    return validation.figures(
      self._predicted(state, rows),
      self.table.column(self.task.target),
      self._metrics,
    )

  def _predicted(
    self, state: TrainState, rows: np.ndarray
  ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows, their predictions), batch by batch."""
    if self.config.optim.snapshot_average == "eval_only":
      state = averaged(state)
    return predict_rows.batches(
      self.predict_step,
      state,
      self.table,
      rows,
      fields=self.task.predicts_from,
      context=self.task.context,
      batch_size=self.config.run.eval_batch,
      mesh=self.mesh,
    )

  def fastest(
    self, runs: Sequence[Replica], forms: Sequence[str] = replicated.FORMS
  ) -> tuple[str, dict[str, float]]:
    """Tries how runs train fastest on these devices.

    Args:
      runs: the runs, at least two; their states are not touched.
      forms: the forms to try beside `SEPARATE`.

    Returns:
      `SEPARATE` or one of `forms`, and the windows a second of each that was
      tried, over all runs.
    """
    speed = {
      form: self._speed(runs if form != SEPARATE else runs[:1], form)
      for form in (SEPARATE, *forms)
    }
    return max(speed, key=lambda form: speed[form]), speed

  def _speed(self, runs: Sequence[Replica], form: str) -> float:
    """Windows a second of a few calls on copies of the states."""
    calls = self._dispatches(runs, form)
    lines = [EpochLines(run, self.table, self.task, None) for run in runs]
    control = self._control(lines, form)
    states = mesh_lib.replicate(
      self.mesh, jax.tree.map(jnp.copy, [run.state for run in runs])
    )
    with calls:
      item = next(calls.epoch(0), None)
    if item is None:
      return 0.0  # stopped when its epoch had nothing left to do
    source, index = item
    started = 0.0
    for trial in range(1 + _TRIALS):
      states, figures = self._advance(states, source, index, control, form)
      if not trial:
        jax.block_until_ready(figures)
        started = time.perf_counter()
    jax.block_until_ready(states)
    spent = time.perf_counter() - started
    windows = len(runs) * index.shape[0] * self.config.batch.size
    return _TRIALS * windows / spent

  def _epochs(
    self,
    runs: Sequence[Replica],
    form: str,
    number: int,
    calls: dispatch.Dispatches,
    bar: tqdm.tqdm,
  ) -> None:
    """One epoch of every run that is not finished."""
    several = form != SEPARATE
    lines = [
      EpochLines(run, self.table, self.task, i if several else None)
      for i, run in enumerate(runs)
    ]
    live = [not run.finished for run in runs]
    states, stop = self._steps_of(
      lines, live, [run.state for run in runs], form, calls.epoch(number), bar
    )
    for run, line, state in zip(runs, lines, states):
      line.flush()
      run.state = state
      run.begun = line.begun() if stop else None
    if stop is not None:
      stopping.save_and_stop(
        [run for run, goes in zip(runs, live) if goes], stop
      )

  def _steps_of(
    self,
    lines: Sequence[EpochLines],
    live: Sequence[bool],
    states: Sequence[TrainState],
    form: str,
    items: Iterator[dispatch.Item],
    bar: tqdm.tqdm,
  ) -> tuple[Sequence[TrainState], str | None]:
    """An epoch's steps: the new states, and the signal that asked to stop."""
    control = self._control(lines, form)
    self._estimate.begin_epoch()
    before: Any = None
    # A bar that is switched off (TQDM_DISABLE=1) does not know its start.
    first = bar.n == getattr(bar, "initial", None)
    alone = jax.process_count() == 1
    stop = stopping.asked()
    while stop is None and (item := stopping.next_item(items)) is not None:
      source, index = item
      states, figures = self._advance(states, source, index, control, form)
      # Two calls under way, never more: the device has one to do while the
      # host reads, and the host cannot fill its memory with batches.
      jax.block_until_ready(before)
      before = figures
      if first:
        # The first call compiles; the time left is that of the others.
        bar.unpause()
        bar.set_description("train", refresh=False)
        first = False
      for line, state, going in zip(lines, states, live):
        loss = line.flush()
        if loss is not None:
          bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        if going:
          bar.update(line.add(index.shape[0], figures, state))
      self._estimate.add(index.shape[0])
      # Several hosts have to agree, which is not worth it after each call.
      if alone or any(line.due for line in lines):
        stop = stopping.asked()
    return states, stop or (stop_signal.asked() if alone else None)

  def _close_epoch(self, run: Replica, timing: dict[str, Any]) -> None:
    """Validates, logs and saves a run that has done an epoch."""
    started = time.perf_counter()
    options, done = run.config.run, run.epoch
    line: dict[str, Any] = {"epoch": done, "step": int(run.state.step)}
    if run.finished or done % options.validate_every_epochs == 0:
      line |= self.validate(run.state, run.rows.validation)
      run.write(line)
      logging.info(
        "%sepoch %d/%d: %s %.4f; %.0f windows/s, %.2f %% waiting for data",
        f"{run.name}: " if timing["replicas"] > 1 else "",
        done,
        run.order.epochs,
        self.task.best.figure,
        line[self.task.best.figure],
        timing["windows_per_s"],
        100 * timing["data_wait_share"],
      )
      if run.finished or done % options.save_every_epochs == 0:
        run.save(line)
    spent = time.perf_counter() - started
    run.timing_log.write(
      {"epoch": done, **timing, "validate_and_save_s": spent}
    )

  def _advance(
    self, states: Sequence[TrainState], source, index, control, form: str
  ) -> tuple[Sequence[TrainState], dict[str, jax.Array]]:
    """One call of the train step."""
    if form not in self._steps:
      parallel = self.config.run.parallel
      if form == SEPARATE:
        self._steps[form] = steps.make_train_step(
          self.task, self.mesh, cached=self.cached, parallel=parallel
        )
      else:
        self._steps[form] = replicated.make_train_step(
          self.task, self.mesh, form=form, parallel=parallel
        )
    step = self._steps[form]
    if form == SEPARATE:
      state, figures = step(states[0], source, index, control)
      return [state], figures
    return step(tuple(states), source, index, control)

  def _control(self, lines: Sequence[EpochLines], form: str) -> dict:
    controls = [line.control() for line in lines]
    joined = (
      controls[0] if form == SEPARATE else replicated.stack_control(controls)
    )
    return mesh_lib.replicate(self.mesh, joined)

  def _dispatches(
    self, runs: Sequence[Replica], form: str
  ) -> dispatch.Dispatches:
    """Opens the calls' data from where the runs are."""
    started = [run.epoch for run in runs]
    done = [run.done for run in runs]
    left = [run.order.epochs - run.epoch for run in runs]

    def order(number: int) -> np.ndarray:
      tables = [
        run.order.table(first + number)[0 if number else begun :]
        if number < rest
        else None
        for run, first, begun, rest in zip(runs, started, done, left)
      ]
      if form == SEPARATE:
        assert tables[0] is not None
        return tables[0]
      return replicated.stack_orders(tables)

    stream = None
    if not self.cached:
      (run,) = runs
      stream = pipeline.grain_batches(
        self.table,
        run.order.table,
        run.order.steps_per_epoch,
        int(run.state.step),
        workers=self.config.batch.workers,
        shard=(jax.process_index(), jax.process_count()),
        fields=self.task.fields,
        frames=(self.task.context, self.task.context),
      )
    return dispatch.Dispatches(
      order,
      self.mesh,
      epochs=range(max(left)),
      steps_per_call=steps.steps_per_dispatch(
        self.config.run.steps_per_dispatch
      ),
      fields=self.task.fields,
      cache=self._cache,
      stream=stream,
    )
