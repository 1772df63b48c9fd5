"""Whole runs, read from top to bottom: data, model, training, report."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import jax
from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.data import load, prepared
from bgm2pose_jax.data.rows import Rows, split_rows
from bgm2pose_jax.data.source import Source
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.files.json_lines import JsonLines
from bgm2pose_jax.runtime import compilation, processes
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.training import outlook, spread, together, trackers
from bgm2pose_jax.training import write_up as write_up_lib
from bgm2pose_jax.training.loop import SEPARATE, Trainer
from bgm2pose_jax.training.options import Options
from bgm2pose_jax.training.plan import Plan
from bgm2pose_jax.training.replica import Replica, make_order


def run_all(
  system: System, configs: Sequence[Config], options: Options
) -> list[dict[str, Any] | None]:
  """Does runs that differ in seed or fold, on shared data and programs.

  Each run has its own folder, with the files and, to rounding, the numbers of
  a run of its own. Over several processes (see `processes`) all are given the
  same, and process 0 alone writes. The same call again goes on with unfinished
  runs from their last saved epoch and gives back the results of finished ones.

  Args:
    system: the runs' system.
    configs: the configurations asked for, one a run.
    options: where and how.

  Returns:
    For each run the content of results.json; None for `train`, and where this
    is not process 0.

  Raises:
    InputError: for data, settings or a folder that cannot be used.
  """
  started = time.perf_counter()
  with contextlib.ExitStack() as locks:
    # What there is, which part of it the runs need, and what cannot work:
    # before anything is made.
    system.check(configs[0])
    trackers.check(options.tracker)
    spread.check(system, configs, options)
    source = system.open_source(configs[0])
    plans = spread.claim(system, configs, source, options, locks)
    found = {plan.workdir: plan.found for plan in plans}
    if processes.leads():
      write_up_lib.print_finished(plans)
    todo = [plan for plan in plans if plan.found is None]
    if not todo:
      return list(found.values())

    table = _windows(source, todo, options.data_dir)
    rows = [split_rows(table, plan.split) for plan in todo]
    if configs[0].model in system.closed_form:
      if options.mode != "train":
        for plan, part in zip(todo, rows):
          found[plan.workdir] = _fit_at_once(plan, table, part, started)
      return list(found.values())

    trainer, runs = _trainer(source, table, todo, rows, options.tracker)
    for plan, run in zip(todo, _trained(trainer, runs, options)):
      found[plan.workdir] = _close(trainer, plan, run, options.mode, started)
    if processes.leads() and len(todo) > 1 and options.mode != "train":
      write_up_lib.print_all(plans, found)
    return list(found.values())


def _windows(
  source: Source, plans: Sequence[Plan], data_dir: str | None
) -> WindowTable:
  """Prepares and loads the sections that the runs read, and no others."""
  inventory = source.inventory()
  if inventory is not None:
    logging.info("found\n%s", inventory)
  sections = dict.fromkeys(s for plan in plans for s in plan.split.sections)
  found = prepared.prepare(source, data_dir=data_dir, sections=tuple(sections))
  table = load.load(found, tuple(sections), plans[0].system.table)
  processes.meet("data prepared")
  return table


def _trainer(
  source: Source,
  table: WindowTable,
  plans: Sequence[Plan],
  rows: Sequence[Rows],
  tracker: str | None,
) -> tuple[Trainer, list[Replica]]:
  """The compiled steps that the runs share, and the runs, not yet opened."""
  # Programs are kept, so that a run that goes on does not wait for the compiler
  # again: in the user's own cache, whatever folder the data lie in.
  compilation.keep_programs(compilation.own_folder())
  system, shared = plans[0].system, plans[0].config
  for plan in plans if processes.leads() else ():
    facts = system.facts(plan.config, source, table, plan.split)
    run_folder.write_json(plan.workdir / run_folder.MODEL, facts)
  facts = system.facts(shared, source, table, plans[0].split)
  task = system.make_task(shared, facts)
  mesh = mesh_lib.make_mesh()
  trainer = Trainer(shared, task, system.figures.metrics, table, mesh)
  runs = [
    Replica(
      plan.name,
      plan.workdir,
      plan.config,
      part,
      make_order(plan.config, table, part, mesh.devices.size),
      tracker,
    )
    for plan, part in zip(plans, rows)
  ]
  for plan, part in zip(plans, rows):
    _log_split(plan, table, part)
  outlook.say_disk(runs, task.state_shapes(task.fit(table, rows[0].train)))
  return trainer, runs


def _trained(
  trainer: Trainer, runs: Sequence[Replica], options: Options
) -> Iterator[Replica]:
  """Gives each run when it is trained, in one program or one after another."""
  if options.mode == "evaluate":
    for run in runs:
      trainer.open(run)
      if not run.finished:
        raise InputError(
          run.folder,
          f"has done {run.epoch} of {run.config.optim.epochs} epochs",
          "finish it first: the test windows are looked at once",
        )
      yield run
    return
  form = together.settle(options.replicas, runs, trainer)
  if form != SEPARATE:
    for run in runs:
      trainer.open(run)
    trainer.run(runs, form)
  for run in runs:
    trainer.open(run)
    trainer.run([run])  # nothing is left of it when trained above
    yield run


def _close(
  trainer: Trainer, plan: Plan, run: Replica, mode: str, started: float
) -> dict[str, Any] | None:
  """Evaluates a trained run and writes its report; its state is let go."""
  with contextlib.closing(run):
    if mode == "train":
      return None
    # The test rows are looked at here, once.
    state = run.reported_state()
    predicted = trainer.predict(state, run.rows.test)
    if not processes.leads():
      return None
    simple = write_up_lib.fit_baselines(
      plan, trainer.table, run.rows, run.timing_log
    )
    found = write_up_lib.write_up(
      plan,
      trainer.table,
      run.rows.test,
      predicted,
      simple,
      parameters=sum(x.size for x in jax.tree.leaves(state.params)),
      steps=int(state.step),
      curves=run.metrics_log.read(),
    )
    run.timing_log.write(
      {"event": "finished", "seconds": time.perf_counter() - started}
    )
    return found


def _fit_at_once(
  plan: Plan, table: WindowTable, rows: Rows, started: float
) -> dict[str, Any]:
  """Fits and reports a model that needs no training steps."""
  _log_split(plan, table, rows)
  with JsonLines(plan.workdir / run_folder.TIMING) as timing_log:
    simple = write_up_lib.fit_baselines(plan, table, rows, timing_log)
    if simple is None:
      raise InputError(
        f"--model={plan.config.model}",
        "is for recordings with ground truth",
        "take a network",
      )
    chosen = simple[plan.config.model]
    found = write_up_lib.write_up(
      plan,
      table,
      rows.test,
      chosen.values,
      simple,
      parameters=chosen.parameters,
      steps=0,
      curves=(),
    )
    timing_log.write(
      {"event": "finished", "seconds": time.perf_counter() - started}
    )
  return found


def _log_split(plan: Plan, table: WindowTable, rows: Rows) -> None:
  def listed(names: Any) -> str:
    return "; ".join(f"{k}: {', '.join(v)}" for k, v in names.items())

  split = plan.split
  logging.info(
    "%s data; %s; train on %s; test on %s (fold %d of %s)",
    "simulated" if table.simulated else "recorded",
    split.label,
    listed(split.train),
    listed(split.test),
    split.fold,
    ", ".join(split.fold_order),
  )
  logging.info(
    "windows: %d train, %d validation, %d test",
    len(rows.train),
    len(rows.validation),
    len(rows.test),
  )
