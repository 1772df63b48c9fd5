"""Whole runs, read from top to bottom: data, model, training, report."""

from __future__ import annotations

import contextlib
import functools
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import jax
from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.data import load
from bgm2pose_jax.data.rows import Rows, split_rows
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.files.json_lines import JsonLines
from bgm2pose_jax.report import table as table_lib
from bgm2pose_jax.runtime import compilation, processes
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime.host_facts import host_facts
from bgm2pose_jax.state import checkpoint as checkpoint_lib
from bgm2pose_jax.systems.bgm2pose import baselines, prepare, splits
from bgm2pose_jax.systems.bgm2pose import tasks as task_registry
from bgm2pose_jax.training import spread, together, write_up
from bgm2pose_jax.training.loop import SEPARATE, Trainer
from bgm2pose_jax.training.plan import Plan, ambisonic_format
from bgm2pose_jax.training.replica import Order, Replica, make_order, resume


def run(
  config: Config,
  *,
  data_dir: pathlib.Path | None,
  workdir: pathlib.Path | None = None,
  mode: str = "train_and_evaluate",
) -> dict[str, Any] | None:
  """Prepares the data, trains, evaluates and reports one run.

  The same call again resumes an unfinished run from its last saved epoch and
  gives back the result of a finished one.

  Args:
    config: as asked for; test track and fold are resolved here.
    data_dir: cache of simulated and prepared data; None is the user's.
    workdir: where the run writes; None is `runs/<name>`.
    mode: one of `config.MODES`.

  Returns:
    The content of results.json, or None for `train`.

  Raises:
    InputError: for data, settings or a folder that cannot be used.
  """
  (found,) = run_all([config], data_dir=data_dir, workdir=workdir, mode=mode)
  return found


def run_all(
  configs: Sequence[Config],
  *,
  data_dir: pathlib.Path | None,
  workdir: pathlib.Path | None = None,
  mode: str = "train_and_evaluate",
  replicas: str = "auto",
) -> list[dict[str, Any] | None]:
  """Does runs that differ in seed or fold, on shared data and programs.

  Each run has its own folder, with the files and, to rounding, the numbers of
  a run of its own. Over several processes (see `processes`) all are given the
  same, and process 0 alone writes.

  Args:
    configs: as asked for, one a run.
    data_dir: cache of simulated and prepared data; None is the user's.
    workdir: the run's folder; of several runs the folder that theirs lie in,
      or a pattern of their own, see `plan.make_plans`.
    mode: one of `config.MODES`.
    replicas: one of `config.REPLICAS`.

  Returns:
    For each run the content of results.json; None for `train`, and where this
    is not process 0.

  Raises:
    InputError: for data, settings or a folder that cannot be used.
  """
  if mode not in config_lib.MODES:
    raise InputError(
      f"--mode={mode}", "unknown", f"choose one of {config_lib.MODES}"
    )
  with contextlib.ExitStack() as locks:
    return _run_all(configs, data_dir, workdir, mode, replicas, locks)


def _run_all(
  configs: Sequence[Config],
  data_dir: pathlib.Path | None,
  workdir: pathlib.Path | None,
  mode: str,
  replicas: str,
  locks: contextlib.ExitStack,
) -> list[dict[str, Any] | None]:
  """`run_all`, holding on to the folders that it writes to."""
  started = time.perf_counter()

  # What there is, which part of it the runs need, and what cannot work:
  # before anything is made.
  shared = configs[0]
  task_registry.check(shared)
  leads = processes.leads()
  if processes.count() > 1:
    spread.check(configs, workdir, mode, replicas)
  data = shared.data
  recordings = prepare.open_source(
    data.dataset,
    data.ampl_dir,
    data.simulate,
    data.mocap_dir,
    data.music_dir,
  )
  plans = spread.claim(configs, recordings, workdir, mode, locks)
  todo = [plan for plan in plans if plan.found is None]
  found = {plan.workdir: plan.found for plan in plans}
  for plan in plans:
    if leads and plan.found is not None:
      print(table_lib.render(plan.found))
      print(f"\nfinished before: {plan.workdir / workdir_lib.RESULTS}")
  if not todo:
    return list(found.values())

  # Data: only the tracks the setting needs are made.
  inventory = recordings.inventory()
  if inventory is not None:
    logging.info("found\n%s", inventory)
  tracks = tuple(dict.fromkeys(t for plan in plans for t in plan.split.tracks))
  prepared = prepare.prepare(
    recordings,
    data_dir=data_dir,
    tracks=tracks,
    recipe=prepare.recipe_of(data),
  )
  windows = load.load(prepared, tracks)
  processes.meet("data prepared")

  rows = [
    split_rows(windows, plan.split, data.validation_fraction) for plan in todo
  ]
  if task_registry.is_closed_form(shared):
    if mode != "train":
      for plan, part in zip(todo, rows):
        found[plan.workdir] = _fit_at_once(plan, windows, part, started)
    return list(found.values())

  # Model and steps. Compiled programs are kept, so that a run that goes on does
  # not wait for the compiler again: in the user's own cache, whatever folder
  # the data lie in.
  compilation.keep_programs(prepare.default_data_dir() / "compiled")
  task = task_registry.make_task(shared, windows.spec, len(windows.tracks))
  mesh = mesh_lib.make_mesh()
  trainer = Trainer(shared, task, windows, mesh)
  orders = [
    make_order(plan.config, windows, part, mesh.devices.size)
    for plan, part in zip(todo, rows)
  ]

  # Train, in one program or one after another, and evaluate each.
  opened: list[Replica] = []

  for plan in todo if leads else ():
    # What a prediction needs to know besides configuration and weights.
    workdir_lib.write_json(
      plan.workdir / workdir_lib.MODEL,
      {
        "ambisonic_format": ambisonic_format(shared, recordings),
        "simulated": windows.simulated,
        "spec": windows.spec.to_dict(),
        "tracks": list(windows.tracks),
        "train_tracks": list(plan.split.train_tracks),
      },
    )

  def open_all() -> list[Replica]:
    if not opened:
      opened.extend(map(functools.partial(_open, trainer), todo, rows, orders))
    return opened

  training = mode != "evaluate"
  if training:
    folders = [plan.workdir for plan in todo]
    shortest = min(order.total_steps for order in orders)
    form = together.settle(replicas, folders, trainer, open_all, shortest)
    if form != SEPARATE:
      trainer.run(open_all(), form)
  for i, plan in enumerate(todo):
    replica = opened[i] if opened else _open(trainer, plan, rows[i], orders[i])
    if training:
      trainer.run([replica])  # nothing is left of it when trained above
    elif not replica.finished:
      raise InputError(
        plan.workdir,
        f"has done {replica.epoch} of {plan.config.optim.epochs} epochs",
        "finish it first: the test subject is looked at once",
      )
    found[plan.workdir] = _close(trainer, plan, replica, mode, started)
  if leads and len(todo) > 1 and mode != "train":
    write_up.print_all(plans, found)
  return list(found.values())


def _open(trainer: Trainer, plan: Plan, rows: Rows, order: Order) -> Replica:
  """Makes or restores a run's state and opens its logs."""
  windows, config, task = trainer.table, plan.config, trainer.task
  _log_split(plan.split, windows, rows)
  state = mesh_lib.replicate(
    trainer.mesh,
    task.init_state(config.seed, task.fit(windows, rows.train)),
  )
  logging.info(
    "%s: %d parameters; %d steps of %d windows; data %s",
    config.model,
    sum(x.size for x in jax.tree.leaves(state.params)),
    order.total_steps,
    config.batch.size,
    "cached on the device" if trainer.cached else "streamed by grain",
  )
  checkpoints = checkpoint_lib.Checkpoints(
    plan.workdir / workdir_lib.CHECKPOINTS, metric=task.best_metric
  )
  metrics_log = JsonLines(plan.workdir / workdir_lib.METRICS)
  begun = None
  found = resume(checkpoints, state, order, metrics_log)
  if found is not None:
    state, begun = found
    logging.info("resuming after step %d", int(state.step))
  elif config.init_from:
    state = checkpoint_lib.load_weights(config.init_from, state)
  timing_log = JsonLines(plan.workdir / workdir_lib.TIMING)
  timing_log.write({"event": "start", **host_facts()})
  return Replica(
    plan.name,
    config,
    rows,
    order,
    state,
    metrics_log,
    timing_log,
    checkpoints,
    begun,
  )


def _close(
  trainer: Trainer, plan: Plan, run: Replica, mode: str, started: float
) -> dict[str, Any] | None:
  """Evaluates a trained run and writes its report; its state is let go."""
  state, rows, windows = run.state, run.rows, trainer.table
  if mode == "train":
    run.close()
    return None

  # Evaluate: the test rows are looked at here, once.
  if plan.config.run.report_weights == "best":
    best = run.checkpoints.best()
    if best is not None:
      state = run.checkpoints.restore(best, state)
  predicted = trainer.predict(state, rows.test)
  if not processes.leads():
    run.close()
    return None
  simple = _baselines(plan, windows, rows, run.timing_log)
  found = write_up.write_up(
    plan,
    windows,
    rows.test,
    predicted,
    simple,
    parameters=sum(x.size for x in jax.tree.leaves(state.params)),
    steps=int(state.step),
    curves=run.metrics_log.read(),
  )
  run.timing_log.write(
    {"event": "finished", "seconds": time.perf_counter() - started}
  )
  run.close()
  write_up.print_up(plan, found)
  return found


def _fit_at_once(
  plan: Plan, windows: WindowTable, rows: Rows, started: float
) -> dict[str, Any]:
  """Fits and reports a model that needs no training steps."""
  _log_split(plan.split, windows, rows)
  with JsonLines(plan.workdir / workdir_lib.TIMING) as timing_log:
    simple = _baselines(plan, windows, rows, timing_log)
    if simple is None:
      raise InputError(
        f"--model={plan.config.model}",
        "is for recordings with poses",
        "take a network for plain_clothes",
      )
    chosen = simple[plan.config.model]
    found = write_up.write_up(
      plan,
      windows,
      rows.test,
      chosen.pose,
      simple,
      parameters=chosen.parameters,
      steps=0,
      curves=(),
    )
    timing_log.write(
      {"event": "finished", "seconds": time.perf_counter() - started}
    )
  write_up.print_up(plan, found)
  return found


def _baselines(
  plan: Plan, windows: WindowTable, rows: Rows, timing_log: JsonLines
) -> dict[str, baselines.Prediction] | None:
  """What stands beside every model; None without ground truth."""
  if plan.split.setting == "plain_clothes":
    return None
  started = time.perf_counter()
  simple = baselines.all_baselines(
    windows,
    rows.train,
    rows.test,
    per_recording=plan.config.data.feature_norm == "per_recording",
  )
  timing_log.write(
    {"event": "baselines", "seconds": time.perf_counter() - started}
  )
  return simple


def _log_split(split: splits.Split, windows: WindowTable, rows: Rows) -> None:
  logging.info(
    "%s data; setting %s; train on tracks %s of subjects %s; test on %s of "
    "subjects %s (fold %d of %s)",
    "simulated" if windows.simulated else "recorded",
    split.setting,
    ", ".join(split.train_tracks),
    ", ".join(split.train_subjects),
    ", ".join(split.test_tracks),
    ", ".join(split.test_subjects),
    split.fold,
    ", ".join(split.fold_order),
  )
  logging.info(
    "windows: %d train, %d validation, %d test",
    len(rows.train),
    len(rows.validation),
    len(rows.test),
  )
