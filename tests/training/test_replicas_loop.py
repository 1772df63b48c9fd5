"""The loop with several runs: each writes what it writes by itself."""

from __future__ import annotations

import json

import linear_case
import numpy as np
import pytest

from bgm2pose_jax.training import loop, replicated

# The second run has fewer windows, so its epochs are shorter.
ROWS = (np.arange(28), np.arange(4, 20))


class _KilledError(Exception):
  pass


def _configs():
  return [
    linear_case.make_config(
      **{
        "seed": seed,
        "optim.epochs": 3,
        "optim.steps_per_epoch": None,
        "run.steps_per_dispatch": 2,
      }
    )
    for seed in (0, 4)
  ]


def _open(trainer, folder):
  return [
    linear_case.open_run(trainer, config, rows, folder / f"seed{config.seed}")
    for config, rows in zip(_configs(), ROWS)
  ]


def _close(runs):
  for run in runs:
    run.close()


def _lines(folder, seed):
  text = (folder / f"seed{seed}" / "metrics.jsonl").read_text()
  return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def trainer():
  return linear_case.make_trainer(_configs()[0])


@pytest.fixture(scope="module")
def apart(trainer, tmp_path_factory):
  folder = tmp_path_factory.mktemp("apart")
  runs = _open(trainer, folder)
  for run in runs:
    trainer.run([run])
  _close(runs)
  return folder


@pytest.mark.parametrize("form", replicated.FORMS)
def test_each_run_writes_its_own_lines(trainer, apart, tmp_path, form):
  runs = _open(trainer, tmp_path)
  assert [run.order.steps_per_epoch for run in runs] == [6, 3]
  trainer.run(runs, form)
  assert all(run.finished for run in runs)
  assert [run.checkpoints.latest() for run in runs] == [18, 9]
  _close(runs)
  for seed in (0, 4):
    for ours, theirs in zip(
      _lines(tmp_path, seed), _lines(apart, seed), strict=True
    ):
      assert ours == pytest.approx(theirs, rel=1e-4)
  assert _lines(apart, 0)[0]["loss"] != _lines(apart, 4)[0]["loss"]


def test_runs_killed_at_different_epochs_go_on_to_the_same_bytes(
  trainer, tmp_path, monkeypatch
):
  runs = _open(trainer, tmp_path / "alone")
  trainer.run(runs, "vmap")
  _close(runs)

  # The first run has saved its second epoch, the second has not.
  runs = _open(trainer, tmp_path / "killed")
  closed = trainer._close_epoch

  def dies(run, timing):
    if run.epoch == 2 and run is runs[1]:
      raise _KilledError
    closed(run, timing)

  monkeypatch.setattr(trainer, "_close_epoch", dies)
  with pytest.raises(_KilledError):
    trainer.run(runs, "vmap")
  monkeypatch.undo()
  _close(runs)
  runs = _open(trainer, tmp_path / "killed")
  assert [run.epoch for run in runs] == [2, 1]
  trainer.run(runs, "vmap")
  _close(runs)
  for seed in (0, 4):
    name = f"seed{seed}/metrics.jsonl"
    again = (tmp_path / "killed" / name).read_bytes()
    assert again == (tmp_path / "alone" / name).read_bytes()


def test_the_fastest_form_is_one_that_was_tried(trainer, tmp_path):
  runs = _open(trainer, tmp_path)
  before = [int(run.state.step) for run in runs]
  form, speed = trainer.fastest(runs)
  assert speed.keys() == {loop.SEPARATE, *replicated.FORMS}
  assert speed[form] == max(speed.values())
  # Fewer can be asked for; what was compiled serves again.
  _, fewer = trainer.fastest(runs, ("unrolled",))
  assert fewer.keys() == {loop.SEPARATE, "unrolled"}
  # Trying them is not training them.
  assert [int(run.state.step) for run in runs] == before
  assert not np.asarray(runs[0].state.params).any()
  _close(runs)
