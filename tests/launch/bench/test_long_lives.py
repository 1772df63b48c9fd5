"""Nothing grows while the same work is done again, and a leak is seen."""

from __future__ import annotations

import mmap
import os
import threading

import linear_case
import numpy as np
import pytest

from bgm2pose_jax.files import lock
from bgm2pose_jax.files.json_lines import JsonLines
from bgm2pose_jax.runtime import mesh
from bgm2pose_jax.training import loop
from launch.bench import holdings

REPEATS = 32


def _flat(found):
  more = holdings.growth(found)
  assert more["descriptors"] == 0, found
  assert more["threads"] == 0, found
  return more["memory_mib"]


@pytest.mark.parametrize("leak", ["descriptors", "threads", "memory_mib"])
def test_a_leak_is_seen(leak):
  kept, ended = [], threading.Event()

  def work():
    if leak == "descriptors":
      kept.append(open(os.devnull))  # noqa: SIM115
    elif leak == "threads":
      kept.append(threading.Thread(target=ended.wait))
      kept[-1].start()
    else:
      # New pages: NumPy's may be ones that were freed before.
      kept.append(mmap.mmap(-1, 2 << 20))
      kept[-1].write(b"1" * (2 << 20))

  try:
    found = holdings.growth(holdings.repeated(work, 8))
  finally:
    ended.set()
    for each in kept:
      each.join() if leak == "threads" else each.close()
  assert found[leak] >= 2
  assert all(value < 4 for name, value in found.items() if name != leak)


def test_what_warms_up_is_no_leak():
  def at(memory):
    return holdings.Holding(memory, 10, 4)

  warm = [at(100 + 10 * min(i, 8)) for i in range(20)]
  assert holdings.growth(warm)["memory_mib"] == 0
  with pytest.raises(ValueError, match="too few"):
    holdings.growth(warm[:7])


def test_one_long_piece_of_work_is_watched():
  found = holdings.beside(lambda: threading.Event().wait(0.3), 0.02)
  assert len(found) >= 4
  assert all(each.descriptors > 2 for each in found)


def test_locks_and_logs_give_back_what_they_take(tmp_path):
  def work():
    for _ in range(5):
      with lock.held(tmp_path), JsonLines(tmp_path / "log") as lines:
        lines.write({"step": 1})

  assert _flat(holdings.repeated(work, 8)) < 2


@pytest.mark.long
def test_runs_one_after_another_hold_no_more(tmp_path):
  config = linear_case.make_config()
  trainer = loop.Trainer(
    config,
    linear_case.Linear(),
    linear_case.Error(),
    linear_case.make_table(),
    mesh.make_mesh(),
  )
  folders = iter(range(1000))

  def work():
    run = linear_case.open_run(
      trainer, config, np.arange(28), tmp_path / str(next(folders))
    )
    trainer.run([run])
    run.close()

  # Ten steps, two saves, a kept state and an open lock more would be seen.
  assert _flat(holdings.repeated(work, REPEATS)) < 8


@pytest.mark.slow
def test_a_long_run_holds_no_more(tmp_path):
  config = linear_case.make_config(
    **{"optim.epochs": 40, "optim.steps_per_epoch": 20}
  )
  trainer = loop.Trainer(
    config,
    linear_case.Linear(),
    linear_case.Error(),
    linear_case.make_table(),
    mesh.make_mesh(),
  )
  run = linear_case.open_run(trainer, config, np.arange(28), tmp_path / "run")
  try:
    found = holdings.beside(lambda: trainer.run([run]), 0.02)
  finally:
    run.close()
  assert len(found) >= 8
  # A quarter of the run has ten epochs and ten saves: a leak in one of them
  # would be ten more. Savers and readers under way are a few, now and then.
  more = holdings.growth(found)
  assert more["descriptors"] <= 5
  assert more["threads"] <= 5
  assert more["memory_mib"] < 8
