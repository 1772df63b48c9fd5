"""The estimate of the whole, and the disk that checkpoints need."""

from __future__ import annotations

import shutil
import types

import linear_case
import numpy as np
import pytest

from bgm2pose_jax.training import outlook


def _run(folder):
  trainer = linear_case.make_trainer(linear_case.make_config())
  return linear_case.open_run(trainer, trainer.config, np.arange(28), folder)


def test_the_estimate_counts_steps_and_test_windows(tmp_path, caplog):
  run = _run(tmp_path / "run")
  estimate = outlook.Estimate([run])
  # Ten steps of four windows; 28 test windows at a third of the time.
  assert estimate.left_s(0.6) == pytest.approx(10 * 0.6 + 28 * 0.6 / 4 / 3)
  with caplog.at_level("INFO"), pytest.MonkeyPatch.context() as patch:
    # Compiled at 100; then 3 s, a pause of 50 s between epochs, and 3 s.
    now = iter([100.0, 103.0, 153.0, 156.0])
    clock = types.SimpleNamespace(perf_counter=lambda: next(now))
    patch.setattr(outlook, "time", clock)
    estimate.begin_epoch()
    estimate.add(2)
    estimate.add(2)
    estimate.begin_epoch()
    estimate.add(2)
    estimate.add(2)
  # Two calls of two steps took 6 s; four steps are left and 28 windows.
  assert "about 10 s left for training and evaluation" in caplog.text
  assert caplog.text.count("left for") == 1
  run.close()


def test_the_disk_for_checkpoints_is_said_and_missed(
  tmp_path, caplog, monkeypatch
):
  run = _run(tmp_path / "run")
  needed = 4 * 128 * 9 * 63 * 4  # at the least: four times the weights
  with caplog.at_level("INFO"):
    outlook.say_disk([run], run.state)
  assert "checkpoints need about 1.2 MB" in caplog.text
  assert "too little room" not in caplog.text
  small = types.SimpleNamespace(free=needed - 1)
  monkeypatch.setattr(shutil, "disk_usage", lambda _: small)
  outlook.say_disk([run], run.state)
  assert "too little room" in caplog.text
  run.close()
