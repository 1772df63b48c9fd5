"""The training loop: epochs of compiled steps, from any saved epoch on.

It knows no model: a task brings the update, this brings order, schedule,
logging, validation and checkpoints. Everything it writes to metrics.jsonl is
a function of (config, data, device type); times go to timing.jsonl.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tqdm
from absl import logging

from bgm2pose_jax import dispatch, evaluate, optim, steps
from bgm2pose_jax import mesh as mesh_lib
from bgm2pose_jax.checkpoint import Checkpoints
from bgm2pose_jax.config import Config
from bgm2pose_jax.data import device_cache, groups, pipeline
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.errors import InputError
from bgm2pose_jax.train_state import TrainState, averaged
from bgm2pose_jax.writer import JsonLines


class Trainer:
  """One run's compiled steps, data and order.

  Attributes:
    steps_per_epoch: updates between two learning rates.
    total_steps: of the whole run.
    mesh: the devices.
  """

  def __init__(
    self,
    config: Config,
    task: Any,
    table: WindowTable,
    rows: Rows,
    mesh: jax.sharding.Mesh,
  ):
    """Places the data and builds the steps.

    Args:
      config: of the run.
      task: from `tasks.registry`.
      table: windows.
      rows: which of them train and validate.
      mesh: devices.

    Raises:
      InputError: when a batch cannot be made of the training windows, or not
        be spread over the devices.
    """
    self.config, self.task, self.table, self.rows = config, task, table, rows
    self.mesh = mesh
    batch = config.batch.size
    if batch % mesh.devices.size:
      raise InputError(
        "batch.size",
        f"is {batch}, not a multiple of {mesh.devices.size} devices",
        f"give --set batch.size={batch + -batch % mesh.devices.size}",
      )
    if len(rows.train) < batch:
      raise InputError(
        "batch.size",
        f"is {batch}, but only {len(rows.train)} windows train",
        "make the batch smaller or the data larger",
      )
    self.steps_per_epoch = config.optim.steps_per_epoch or max(
      1, (len(rows.train) - 1) // batch
    )
    self.total_steps = self.steps_per_epoch * config.optim.epochs
    key = groups.group_key(
      table.track, table.window_index, config.batch.grouping
    )
    self.order = groups.EpochOrder(
      segment_key=key,
      rows=rows.train,
      batch_size=batch,
      seed=config.seed,
      mode=config.batch.grouping,
      dedup=config.batch.dedup,
      steps=self.steps_per_epoch,
    )
    self.cached = self._use_cache()
    self._cache: Any = None
    if self.cached:
      sharding = jax.NamedSharding(mesh, jax.P())
      self._cache = device_cache.put(table, task.fields, sharding)
    parallel = config.run.parallel
    self._train_step = steps.make_train_step(
      task, mesh, cached=self.cached, parallel=parallel
    )
    self._end_epoch = steps.make_end_epoch(config.optim.snapshot_average)
    self.predict_step = steps.make_predict_step(task, mesh, parallel=parallel)

  def run(
    self,
    state: TrainState,
    metrics_log: JsonLines,
    timing_log: JsonLines,
    checkpoints: Checkpoints,
  ) -> TrainState:
    """Trains from the state's step to the last epoch.

    Args:
      state: fresh or restored, at the start of an epoch.
      metrics_log: metrics.jsonl, already cut back to the state's step.
      timing_log: timing.jsonl.
      checkpoints: where states are saved.

    Returns:
      The state after the last epoch.

    Raises:
      InputError: when more updates were left out as non-finite than allowed.
    """
    with self._dispatches(int(state.step)) as calls:
      return self._epochs(state, calls, metrics_log, timing_log, checkpoints)

  def _epochs(
    self,
    state: TrainState,
    calls: dispatch.Dispatches,
    metrics_log: JsonLines,
    timing_log: JsonLines,
    checkpoints: Checkpoints,
  ) -> TrainState:
    config = self.config
    first_epoch = int(state.step) // self.steps_per_epoch
    state = mesh_lib.replicate(self.mesh, state)
    bar = tqdm.tqdm(
      total=self.total_steps,
      initial=int(state.step),
      desc="train",
      unit="step",
      mininterval=0.5 if sys.stderr.isatty() else 10.0,
    )
    for epoch in range(first_epoch, config.optim.epochs):
      started, waited = time.perf_counter(), calls.waited_s
      state = self._epoch(state, epoch, calls, metrics_log, bar)
      state = self._end_epoch(state)
      trained = time.perf_counter() - started
      waited = calls.waited_s - waited
      windows_per_s = self.steps_per_epoch * config.batch.size / trained
      done = epoch + 1
      line: dict[str, Any] = {"epoch": done, "step": int(state.step)}
      last = done == config.optim.epochs
      if last or done % config.run.validate_every_epochs == 0:
        line |= self.validate(state)
        metrics_log.write(line)
        logging.info(
          "epoch %d/%d: %s %.4f; %.0f windows/s, %.2f %% waiting for data",
          done,
          config.optim.epochs,
          self.task.best_metric,
          line[self.task.best_metric],
          windows_per_s,
          100 * waited / trained,
        )
        if last or done % config.run.save_every_epochs == 0:
          metrics_log.sync()
          checkpoints.save(state, line)
      timing_log.write(
        {
          "epoch": done,
          "train_s": trained,
          "data_wait_s": waited,
          "data_wait_share": waited / trained,
          "windows_per_s": windows_per_s,
          "validate_and_save_s": time.perf_counter() - started - trained,
        }
      )
    bar.close()
    return state

  def validate(self, state: TrainState) -> dict[str, float]:
    """Returns validation figures of a state's (averaged) weights.

    Args:
      state: at the end of an epoch.
    """
    predicted = self.predict(state, self.rows.validation)
    return self.task.validation_figures(
      predicted, self.table, self.rows.validation
    )

  def predict(self, state: TrainState, rows: np.ndarray) -> np.ndarray:
    """Predicts rows of the table with the weights to be reported.

    Args:
      state: whose snapshots are averaged when the config says so.
      rows: of the table.
    """
    if self.config.optim.snapshot_average == "eval_only":
      state = averaged(state)
    return evaluate.predict_rows(
      self.predict_step,
      state,
      self.table,
      rows,
      fields=[f for f in self.task.fields if f != "pose"],
      batch_size=self.config.run.eval_batch,
      mesh=self.mesh,
    )

  def _epoch(
    self,
    state: TrainState,
    epoch: int,
    calls: dispatch.Dispatches,
    log: JsonLines,
    bar: tqdm.tqdm,
  ) -> TrainState:
    config = self.config
    rate = optim.learning_rate(config.optim, epoch)
    control = steps.make_control(config.seed, rate, epoch)
    control = mesh_lib.replicate(self.mesh, control)
    pending: list[tuple[int, dict[str, jax.Array]]] = []
    due: Callable[[], None] | None = None
    before: Any = None
    done = 0
    # A bar that is switched off (TQDM_DISABLE=1) does not know its start.
    first = bar.n == getattr(bar, "initial", None)
    for source, index in calls.epoch(epoch):
      state, figures = self._train_step(state, source, index, control)
      # Two calls under way, never more: the device has one to do while the
      # host reads, and the host cannot fill its memory with batches.
      jax.block_until_ready(before)
      before = figures
      if due is not None:
        due()
        due = None
      count = index.shape[0]
      pending.append((count, figures))
      if first:
        # The first call compiles; the time left is that of the others.
        bar.unpause()
        first = False
      done += count
      bar.update(count)
      at_log = done // config.run.log_every_steps != (
        (done - count) // config.run.log_every_steps
      )
      # The epoch's last steps are logged too, so that no line mixes epochs
      # and a resumed run writes the same lines.
      if at_log or done == self.steps_per_epoch:
        where = {
          "step": epoch * self.steps_per_epoch + done,
          "epoch": epoch + 1,
          "learning_rate": rate,
        }
        # The next call takes over the memory of the state's own count.
        skipped = jnp.copy(state.skipped)
        due = functools.partial(self._log, where, pending, skipped, log, bar)
        pending = []
    if due is not None:
      due()
    return state

  def _log(
    self,
    where: dict[str, Any],
    pending: list[tuple[int, dict[str, jax.Array]]],
    skipped: jax.Array,
    log: JsonLines,
    bar: tqdm.tqdm,
  ) -> None:
    """Reads figures from the device, which waits for their step."""
    line = _mean(pending) | where
    self._check(line, int(skipped))
    log.write(line)
    bar.set_postfix(loss=f"{line['loss']:.3f}")

  def _dispatches(self, step: int) -> dispatch.Dispatches:
    """Opens the calls' data at a step, which an epoch starts with."""
    config, stream = self.config, None
    if not self.cached:
      stream = pipeline.grain_batches(
        self.table,
        self.order,
        self.steps_per_epoch,
        step,
        workers=config.batch.workers,
        shard=(jax.process_index(), jax.process_count()),
        fields=self.task.fields,
      )
    return dispatch.Dispatches(
      self.order,
      self.mesh,
      epochs=range(step // self.steps_per_epoch, config.optim.epochs),
      steps_per_call=steps.steps_per_dispatch(config.run.steps_per_dispatch),
      fields=self.task.fields,
      cache=self._cache,
      stream=stream,
    )

  def _use_cache(self) -> bool:
    config = self.config.batch
    if config.device_cache != "auto":
      return config.device_cache == "on"
    budget = config.cache_budget_gib * 2**30
    return device_cache.fits(self.table, budget, self.task.fields)

  def _check(self, line: dict[str, Any], skipped: int) -> None:
    allowed = self.config.optim.max_skipped_steps
    line["skipped_steps"] = skipped
    if skipped > allowed:
      raise InputError(
        f"step {line['step']}",
        f"{skipped} updates had a non-finite loss or gradient "
        f"(loss {line['loss']}, gradient norm {line['gradient_norm']})",
        "lower optim.learning_rate; the last good checkpoint is kept",
      )


def _mean(pending: list[tuple[int, dict[str, jax.Array]]]) -> dict[str, Any]:
  """Means over steps of (steps, figures); what is not finite stays so."""
  counts = [count for count, _ in pending]
  host = jax.device_get([figures for _, figures in pending])
  return {
    name: float(np.average([np.float64(h[name]) for h in host], weights=counts))
    for name in sorted(host[0])
  }
