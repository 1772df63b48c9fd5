"""Runs stopped by a signal, anywhere, go on to the same bytes."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import linear_case
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.runtime import stop_signal
from bgm2pose_jax.state import seal
from bgm2pose_jax.training import loop, replica

EPOCHS, STEPS = 3, 5
# Lines of several calls, epochs that no line fits, saves every other epoch.
SLOW_SAVES = {"run.save_every_epochs": 2, "run.log_every_steps": 3}


def _config(**changes):
  return linear_case.make_config(
    **{"optim.epochs": EPOCHS, "optim.snapshot_average": "off", **changes}
  )


def _go(trainer, config, folder, *, stop_after=None, form=loop.SEPARATE, n=1):
  """Trains until the end or until so many calls are done; the runs' steps."""
  runs = [
    linear_case.open_run(
      trainer, config, np.arange(28 - 12 * i), folder / f"run{i}"
    )
    for i in range(n)
  ]
  calls = 0
  advance = trainer._advance

  def counted(*arguments):
    nonlocal calls
    calls += 1
    if calls == stop_after:
      os.kill(os.getpid(), signal.SIGTERM)
    return advance(*arguments)

  trainer._advance = counted
  said = None
  try:
    with stop_signal.listening(), stop_signal.held():
      if stop_after == 0:
        os.kill(os.getpid(), signal.SIGTERM)
      trainer.run(runs, form)
  except stop_signal.Stopped as stopped:
    said = str(stopped)
  finally:
    trainer._advance = advance
  steps = [int(run.state.step) for run in runs]
  for run in runs:
    run.close()
  return steps, said


def _left(folder: pathlib.Path) -> dict[str, object]:
  """What must be the same: lines, and the sums of the arrays kept."""
  left: dict[str, object] = {}
  for run in sorted(folder.iterdir()):
    left[f"{run.name} lines"] = (run / "metrics.jsonl").read_bytes()
    place = run / "checkpoints"
    for step in sorted(place.iterdir()):
      body = seal.read(step)
      left[f"{run.name} {step.name}"] = body["leaves"], body["metrics"]
  return left


CASES = {
  "cached": {},
  "streamed, two a call, slow saves": {
    "batch.device_cache": "off",
    "run.steps_per_dispatch": 2,
    **SLOW_SAVES,
  },
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_stopped_after_any_call(case, tmp_path):
  config = _config(**CASES[case])
  trainer = linear_case.make_trainer(config)
  _go(trainer, config, tmp_path / "alone")
  wanted = _left(tmp_path / "alone")
  each = config.run.steps_per_dispatch or 1
  calls = EPOCHS * -(-STEPS // each)
  # At the start, in an epoch, at its end, at the very end.
  for after in (0, 1, calls // 3, calls):
    folder = tmp_path / f"stopped{after}"
    steps, said = _go(trainer, config, folder, stop_after=after)
    assert said == (
      f"stopped by SIGTERM after step {steps[0]}; the same command goes on"
    )
    # Once more, a call later.
    _go(trainer, config, folder, stop_after=1)
    _, said = _go(trainer, config, folder)
    assert said is None
    assert _left(folder) == wanted, after


@pytest.mark.parametrize(
  "form", ["unrolled", pytest.param("vmap", marks=pytest.mark.long)]
)
def test_several_runs_stopped_in_one_program(form, tmp_path):
  config = _config(
    **{"optim.steps_per_epoch": None, "run.steps_per_dispatch": 2}
  )
  trainer = linear_case.make_trainer(config)
  _go(trainer, config, tmp_path / "alone", form=form, n=2)
  wanted = _left(tmp_path / "alone")
  for after in (2, 4):
    folder = tmp_path / f"stopped{after}"
    steps, said = _go(trainer, config, folder, stop_after=after, form=form, n=2)
    # The second has three steps in an epoch, and waits for the first.
    assert steps == {2: [4, 3], 4: [8, 5]}[after]
    assert said is not None
    _go(trainer, config, folder, form=form, n=2)
    assert _left(folder) == wanted, after


def test_stopped_then_killed_before_the_epoch_is_saved(tmp_path):
  # The validation's line is there twice unless the log is cut to its length.
  config = _config()
  trainer = linear_case.make_trainer(config)
  _go(trainer, config, tmp_path / "alone")
  folder = tmp_path / "killed"
  _go(trainer, config, folder, stop_after=STEPS)
  run = linear_case.open_run(trainer, config, np.arange(28), folder / "run0")
  assert run.begun is not None
  assert (run.epoch, run.done, run.begun.pending) == (0, STEPS, ())
  run.metrics_log.write({"epoch": 1, "step": STEPS, "validation_error": 1.0})
  run.close()
  _go(trainer, config, folder)
  assert _left(folder) == _left(tmp_path / "alone")


def test_figures_survive_a_stop_exactly():
  values = {"a": float(np.float32(0.1)), "b": float("nan"), "c": -np.inf}
  begun = replica.Begun(2, 3, ((2, values),), 17)
  again = replica.Begun.from_dict(json.loads(json.dumps(begun.to_dict())))
  assert repr(again) == repr(begun)


@pytest.mark.slow
@pytest.mark.parametrize(
  "changes",
  [
    {"batch.workers": 2},
    {"run.steps_per_dispatch": 4},
    {"batch.device_cache": "on"},
  ],
)
def test_a_run_goes_on_with_other_workers_and_calls(tmp_path, changes):
  base = {"batch.device_cache": "off"}
  config = _config(**base)
  trainer = linear_case.make_trainer(config)
  _go(trainer, config, tmp_path / "alone")
  _go(trainer, config, tmp_path / "on", stop_after=7)
  other = _config(**base | changes)
  trainer = linear_case.make_trainer(other)
  seen = _rows_seen(trainer)
  assert _go(trainer, other, tmp_path / "on") == ([EPOCHS * STEPS], None)
  table = linear_case.open_run(
    trainer, other, np.arange(28), tmp_path / "fresh"
  ).order.table
  wanted = np.concatenate([table(epoch) for epoch in range(EPOCHS)])
  np.testing.assert_array_equal(np.concatenate(seen), wanted[7:])
  last = f"run0 {EPOCHS * STEPS}"
  kernels = [
    seal.read(tmp_path / name / "run0" / "checkpoints" / last.split()[1])
    for name in ("alone", "on")
  ]
  assert kernels[0]["metrics"]["validation_error"] == pytest.approx(
    kernels[1]["metrics"]["validation_error"], rel=1e-6
  )


def _rows_seen(trainer) -> list[np.ndarray]:
  """Collects the rows of every call; a stream's are those of its batches."""
  seen: list[np.ndarray] = []
  advance = trainer._advance

  def noted(states, source, index, control, form):
    seen.append(np.asarray(index))
    if not trainer.cached:
      np.testing.assert_array_equal(source["row"], index)
      for row, pose in zip(np.ravel(index), np.asarray(source["pose"]).reshape(
        -1, 12, 21, 3)):  # fmt: skip
        np.testing.assert_array_equal(pose, trainer.table.pose[row])
    return advance(states, source, index, control, form)

  trainer._advance = noted
  return seen


def test_another_order_is_refused_by_name(tmp_path, monkeypatch):
  config = _config()
  trainer = linear_case.make_trainer(config)
  _go(trainer, config, tmp_path, stop_after=3)
  monkeypatch.setattr(replica.groups, "VERSION", 0)
  with pytest.raises(InputError, match="order version 1, this run has 0"):
    _go(trainer, config, tmp_path)
  monkeypatch.undo()
  with pytest.raises(InputError, match="was begun with training windows"):
    linear_case.open_run(trainer, config, np.arange(27), tmp_path / "run0")
  _go(trainer, config, tmp_path)
  # With nothing left to train the order is of no account.
  monkeypatch.setattr(replica.groups, "VERSION", 0)
  _go(trainer, config, tmp_path)


LISTENS = """
import hashlib, os, sys, time
from bgm2pose_jax.runtime import stop_signal
try:
  with stop_signal.listening():
    print("ready", flush=True)
    if sys.argv[1] == "computes":
      # One call that takes no signal until it is done, as a compiler's.
      hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
    elif sys.argv[1] == "held":
      with stop_signal.held():
        time.sleep(0.2)
        print("held", flush=True)
    elif sys.argv[1] == "mistaken":
      try:
        time.sleep(60)
      except BaseException:
        raise ValueError("cannot be read") from None
    time.sleep(60)
except stop_signal.Stopped as stopped:
  print(stopped)
  sys.exit(stop_signal.EXIT_CODE)
"""


@pytest.mark.parametrize(
  ("how", "signals", "code", "words"),
  [
    ("waits", (signal.SIGTERM,), 75, "stopped by SIGTERM; the same"),
    ("waits", (signal.SIGINT,), 75, "stopped by SIGINT; the same"),
    ("held", (signal.SIGTERM,), 75, "held\nstopped by SIGTERM"),
    ("mistaken", (signal.SIGTERM,), 75, "stopped by SIGTERM"),
    ("computes", (signal.SIGTERM, signal.SIGTERM), 128 + 15, "ready"),
    ("computes", (signal.SIGTERM, signal.SIGINT), 128 + 2, "ready"),
  ],
)
def test_first_and_second_signal(how, signals, code, words):
  process = subprocess.Popen(
    [sys.executable, "-c", LISTENS, how], stdout=subprocess.PIPE, text=True
  )
  assert process.stdout is not None
  assert process.stdout.readline() == "ready\n"
  for number in signals:
    time.sleep(0.05)
    process.send_signal(number)
  # Two of one kind that come at once are one to the system: sent again.
  while how == "computes" and process.poll() is None:
    time.sleep(0.2)
    process.send_signal(signals[-1])
  said = "ready\n" + process.stdout.read()
  assert process.wait(30) == code
  assert words in said


def test_outside_signals_are_as_before():
  before = signal.getsignal(signal.SIGTERM)
  with stop_signal.listening():
    assert signal.getsignal(signal.SIGTERM) is not before
  assert signal.getsignal(signal.SIGTERM) is before
  assert stop_signal.asked() is None
