"""A whole run, read from top to bottom: data, model, training, report."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from typing import Any

import jax
from absl import logging

from bgm2pose_jax import baselines, compilation, results, settings
from bgm2pose_jax import checkpoint as checkpoint_lib
from bgm2pose_jax import config as config_lib
from bgm2pose_jax import mesh as mesh_lib
from bgm2pose_jax import workdir as workdir_lib
from bgm2pose_jax.config import Config
from bgm2pose_jax.data import prepare, source
from bgm2pose_jax.data.rows import Rows, split_rows
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.errors import InputError
from bgm2pose_jax.loop import Trainer
from bgm2pose_jax.report import page
from bgm2pose_jax.report import table as table_lib
from bgm2pose_jax.tasks import registry as task_registry
from bgm2pose_jax.writer import JsonLines, host_facts


def run(
  config: Config,
  *,
  data_dir: pathlib.Path | None,
  workdir: pathlib.Path | None = None,
  mode: str = "train_and_evaluate",
) -> dict[str, Any] | None:
  """Prepares the data, trains, evaluates and reports.

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
  started = time.perf_counter()

  if mode not in config_lib.MODES:
    raise InputError(
      f"--mode={mode}", "unknown", f"choose one of {config_lib.MODES}"
    )

  # What there is, which part of it this run needs, and what cannot work:
  # before anything is made.
  task_registry.check(config)
  data = config.data
  recordings = prepare.open_source(
    data.dataset,
    data.ampl_dir,
    data.simulate,
    data.mocap_dir,
    data.music_dir,
  )
  split = settings.resolve(
    config.setting,
    recordings.holdings(),
    test_track=config.test_track,
    test_subject=config.test_subject,
    fold=config.fold,
    fold_by=config.fold_by,
  )
  config = _resolved(config, split)
  workdir = workdir or pathlib.Path("runs") / workdir_lib.default_name(config)
  saved = checkpoint_lib.committed_steps(workdir / workdir_lib.CHECKPOINTS)
  if mode == "evaluate" and not saved:
    raise InputError(workdir, "holds no checkpoint to evaluate", "train first")
  if config.init_from and not saved:
    checkpoint_lib.find_step(config.init_from)
  fingerprint, simulated = prepare.identify(
    recordings, feature_set=data.feature_set
  )
  workdir_lib.claim(
    workdir,
    config,
    {
      "fingerprint": fingerprint,
      "name": data.dataset,
      "simulated": simulated,
    },
  )
  logging.info("work folder: %s", workdir)
  finished = workdir / workdir_lib.RESULTS
  if mode != "train" and finished.exists():
    found = workdir_lib.read_json(finished)
    print(table_lib.render(found))
    print(f"\nfinished before: {finished}")
    return found

  # Data: only the tracks the setting needs are made.
  inventory = recordings.inventory()
  if inventory is not None:
    logging.info("found\n%s", inventory)
  prepared = prepare.prepare(
    recordings,
    data_dir=data_dir,
    tracks=split.tracks,
    feature_set=data.feature_set,
  )
  windows = source.load(prepared, split.tracks)
  rows = split_rows(windows, split, data.validation_fraction)
  _log_split(split, windows, rows)

  # Model, state and steps. Compiled programs are kept, so that a run that goes
  # on does not wait for the compiler again: in the user's own cache, whatever
  # folder the data lie in.
  compilation.keep_programs(prepare.default_data_dir() / "compiled")
  task = task_registry.make_task(config, windows.spec, len(windows.tracks))
  mesh = mesh_lib.make_mesh()
  trainer = Trainer(config, task, windows, rows, mesh)
  state = mesh_lib.replicate(
    mesh, task.init_state(config.seed, task.fit(windows, rows.train))
  )
  parameters = sum(x.size for x in jax.tree.leaves(state.params))
  logging.info(
    "%s: %d parameters; %d steps of %d windows; data %s",
    config.model,
    parameters,
    trainer.total_steps,
    config.batch.size,
    "cached on the device" if trainer.cached else "streamed by grain",
  )

  # Restore.
  checkpoints = checkpoint_lib.Checkpoints(
    workdir / workdir_lib.CHECKPOINTS, metric=task.best_metric
  )
  newest = checkpoints.latest()
  if newest is not None:
    state = checkpoints.restore(newest, state)
    logging.info("resuming after step %d", newest)
  elif config.init_from:
    state = checkpoint_lib.load_weights(config.init_from, state)
  metrics_log = JsonLines(workdir / workdir_lib.METRICS)
  metrics_log.truncate_after_step(int(state.step))
  timing_log = JsonLines(workdir / workdir_lib.TIMING)
  timing_log.write({"event": "start", **host_facts()})

  # Train.
  if mode != "evaluate":
    state = trainer.run(state, metrics_log, timing_log, checkpoints)
  elif int(state.step) < trainer.total_steps:
    raise InputError(
      workdir,
      f"has done {int(state.step)} of {trainer.total_steps} steps",
      "finish it first: the test subject is looked at once",
    )
  if mode == "train":
    checkpoints.close()
    return None

  # Evaluate: the test rows are looked at here, once.
  if config.run.report_weights == "best":
    best = checkpoints.best()
    if best is not None:
      state = checkpoints.restore(best, state)
  checkpoints.close()
  predicted = trainer.predict(state, rows.test)
  evaluated = time.perf_counter()
  simple = (
    None
    if split.setting == "plain_clothes"
    else baselines.all_baselines(
      windows,
      rows.train,
      rows.test,
      per_recording=config.data.feature_norm == "per_recording",
    )
  )
  timing_log.write(
    {"event": "baselines", "seconds": time.perf_counter() - evaluated}
  )

  # Report.
  found = results.build_results(
    config=config_lib.to_dict(config),
    split=split,
    table=windows,
    rows=rows.test,
    predicted=predicted,
    baselines=simple,
    parameters=parameters,
    steps=int(state.step),
  )
  arrays = results.predictions(windows, rows.test, predicted)
  results.write_predictions(workdir / workdir_lib.PREDICTIONS, arrays)
  page.write_page(
    workdir / workdir_lib.REPORT,
    results=found,
    curves=metrics_log.read(),
    predictions=arrays,
  )
  results.write_results(finished, found)
  timing_log.write(
    {"event": "finished", "seconds": time.perf_counter() - started}
  )
  metrics_log.close()
  timing_log.close()
  print(table_lib.render(found))
  print(f"\nwrote {workdir}: results.json, report.html, predictions.npz")
  return found


def _resolved(config: Config, split: settings.Split) -> Config:
  """The config with the names that its track, subject and fold stood for."""
  one_subject = split.fold_by == "subject" and len(split.test_subjects) == 1
  return dataclasses.replace(
    config,
    test_track=split.test_tracks[0],
    test_subject=split.test_subjects[0] if one_subject else None,
    fold=split.fold,
    fold_by=split.fold_by,
  )


def _log_split(split: settings.Split, windows: WindowTable, rows: Rows) -> None:
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
