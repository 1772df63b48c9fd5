"""Sweeps on this machine, with a quick script for the main command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
import quick_sweep
from quick_sweep import ran

from bgm2pose_jax.base.errors import InputError
from launch.sweep import book as book_lib
from launch.sweep import claims, local, status, work

# What the command does for --engine=local, without its flags and data.
_ENGINE = """
import pathlib, sys
from launch.sweep import book, local
found = book.read(pathlib.Path(sys.argv[1]))
local.run(found, local.make_slots(1, local.usable_cores(), []))
"""


def _start(*words):
  return subprocess.Popen(
    [sys.executable, *map(str, words)],
    cwd=quick_sweep.ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    # A suite in the background of a shell has it ignored, and so would this.
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
  )


def _wait_for(condition, process=None):
  deadline = time.monotonic() + 60
  while not condition():
    assert process is None or process.poll() is None
    assert time.monotonic() < deadline
    time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_half_way_only_what_is_missing_is_done(tmp_path, capfd, number):
  book = quick_sweep.make_book(tmp_path)
  (tmp_path / "waits-fold1-seed0").touch()
  if number == signal.SIGINT:
    process = _start(
      "-m", "launch.sweep", f"--out={book.folder}", "--workers=1"
    )
  else:
    process = _start("-c", _ENGINE, book.folder)
  _wait_for(lambda: len(ran(tmp_path)) == 3, process)
  process.send_signal(number)
  out, _ = process.communicate(timeout=60)
  # The run went down with it, and its job is free again.
  _wait_for(lambda: not list((book.folder / "claims").glob("*.json")))
  found = status.look(book)
  assert (len(found.done), len(found.waiting)) == (2, 2)
  if number == signal.SIGINT:
    assert process.returncode == 130
    assert re.search(r"waiting +2", out)
  (tmp_path / "waits-fold1-seed0").unlink()
  assert local.run(book, local.make_slots(1, local.usable_cores(), []))
  assert ran(tmp_path) == [
    "fold0-seed0",
    "fold0-seed1",
    "fold1-seed0",
    "fold1-seed0",
    "fold1-seed1",
  ]
  assert "done: single-haze-ridge-fold1-seed1" in capfd.readouterr().out


def test_a_failed_run_is_named_the_others_go_on_and_it_is_tried_again(tmp_path):
  book = quick_sweep.make_book(tmp_path)
  fails = tmp_path / "fails-fold0-seed1"
  fails.touch()
  slots = local.make_slots(2, local.usable_cores(), [])
  assert not local.run(book, slots)
  found = status.look(book)
  assert (len(found.done), len(found.failed)) == (3, 1)
  text = status.render(found)
  assert (
    "failed   single-haze-ridge-fold0-seed1: exit code 1: "
    "error: fold 0, seed 1 fails" in text
  )
  fails.unlink()
  assert local.run(book, slots)
  assert sorted(ran(tmp_path)) == [
    "fold0-seed0",
    "fold0-seed1",
    "fold0-seed1",
    "fold1-seed0",
    "fold1-seed1",
  ]
  assert list((book.folder / "failed").iterdir()) == []
  assert len(status.look(book).seconds) == 4


def test_workers_run_on_their_own_cores_and_gpus(tmp_path):
  slots = local.make_slots(3, [0, 1, 2, 3, 4, 5], ["0", "7"])
  assert [slot.cores for slot in slots] == [(0, 1), (2, 3), (4, 5)]
  assert [s.environment["CUDA_VISIBLE_DEVICES"] for s in slots] == list("070")
  assert [s.environment["XLA_PYTHON_CLIENT_MEM_FRACTION"] for s in slots] == [
    "0.450",
    "0.900",
    "0.450",
  ]
  assert [slot.cores for slot in local.make_slots(3, [4, 5], [])] == [
    (4,),
    (4,),
    (5,),
  ]
  assert len(local.make_slots(None, [0, 1, 2, 3], [])) == 2
  with pytest.raises(InputError, match="give 1 or more"):
    local.make_slots(0, [0], [])
  core = local.usable_cores()[-1]
  book = quick_sweep.make_book(tmp_path, folds=1, seeds=1)
  assert local.run(book, [local.Slot((core,), {"NPROC": "1"})])
  (name,) = book.runs
  seen = json.loads((book.workdir(name) / "environment.json").read_text())
  assert seen["cores"] == [core]
  assert seen["NPROC"] == "1"


def test_a_group_is_one_command_and_what_is_left_of_it_full_products(tmp_path):
  book = quick_sweep.make_book(tmp_path, group=True, folds=3)
  assert list(book.jobs) == ["single-haze-ridge"]
  (whole,) = book_lib.products(list(book.runs.values()))
  assert book_lib.command(book, whole)[2:] == [
    "--model=ridge",
    "--folds=0,1,2",
    "--seeds=0,1",
    f"--workdir={book.folder}/runs/single-haze-ridge-fold{{fold}}-seed{{seed}}",
  ]
  for name in ("fold0-seed1", "fold2-seed1"):
    done = book.workdir(f"single-haze-ridge-{name}")
    done.mkdir()
    (done / "results.json").touch()
  parts = book_lib.products(book.unfinished("single-haze-ridge"))
  assert [[(r.fold, r.seed) for r in part] for part in parts] == [
    [(0, 0), (2, 0)],
    [(1, 0), (1, 1)],
  ]
  assert work.do(book, "single-haze-ridge") == work.DONE
  assert ran(tmp_path) == [
    "fold0-seed0",
    "fold2-seed0",
    "fold1-seed0",
    "fold1-seed1",
  ]


def test_one_failing_member_leaves_the_others_of_its_group(tmp_path):
  book = quick_sweep.make_book(tmp_path, group=True)
  (tmp_path / "fails-fold0-seed1").touch()
  assert work.do(book, "single-haze-ridge") == work.FAILED
  found = status.look(book)
  assert list(found.failed) == ["single-haze-ridge-fold0-seed1"]
  assert len(found.done) == 3


def test_a_job_of_another_process_is_left_alone(tmp_path):
  book = quick_sweep.make_book(tmp_path)
  (job, *_) = book.jobs
  claim = claims.take(book.folder / "claims", job)
  assert work.do(book, job) == work.HELD
  running = status.look(book).running
  assert running[job]["pid"] == os.getpid()
  assert f"running  {job}: " in status.render(status.look(book))
  assert ran(tmp_path) == []
  claim.release()
  assert work.do(book, job) == work.DONE
  assert work.do(book, job) == work.DONE
  assert ran(tmp_path) == ["fold0-seed0"]


def test_a_command_ends_when_its_job_was_taken_over(tmp_path, monkeypatch):
  monkeypatch.setattr(claims, "HEARTBEAT_S", 0.05)
  book = quick_sweep.make_book(tmp_path, folds=1, seeds=1)
  (tmp_path / "waits-fold0-seed0").touch()
  (job,) = book.jobs
  codes = []
  worker = threading.Thread(target=lambda: codes.append(work.do(book, job)))
  worker.start()
  _wait_for(lambda: ran(tmp_path))
  # A second link in the chain: the worker slept, or its clock stood still.
  first = book.folder / "claims" / f"{job}.json"
  token = json.loads(first.read_text())["token"]
  taken = {"pid": os.getpid(), "token": "b", "host": "other"}
  first.with_name(f"{first.name}.{token}").write_text(json.dumps(taken))
  worker.join(60)
  assert codes == [work.HELD]
  assert not book.failure(job).exists()
  assert not (book.workdir(job) / "results.json").exists()


def test_time_left_counts_runs_workers_and_what_has_passed():
  now = time.time()
  found = status.Status(
    done=("a", "b"),
    waiting=("c", "d", "e"),
    running={"f": {"token": "t", "time": now - 30, "host": "h", "pid": 1}},
    failed={},
    seconds=(50.0, 70.0),
  )
  assert found.left_s(2) == pytest.approx((4 * 60 - 30) / 2, abs=2)
  text = status.render(found, 2)
  assert "about 2 min left for 2 at a time, 60 s a run" in text
  assert "for 30 s" in text


def test_time_left_before_any_run_is_finished(tmp_path):
  book = quick_sweep.make_book(tmp_path, folds=1, seeds=2)
  book_lib.save(book)
  first = next(iter(book.runs))
  assert "time left: not known" in status.render(status.look(book), 1)
  claim = claims.take(book.folder / "claims", first)
  path = book.folder / "claims" / f"{first}.json"
  record = json.loads(path.read_text())
  path.write_text(json.dumps({**record, "time": time.time() - 60}))
  assert "time left: not known" in status.render(status.look(book), 1)
  folder = book.workdir(first)
  folder.mkdir()
  (folder / "config.json").write_text('{"config": {"optim": {"epochs": 5}}}')
  (folder / "metrics.jsonl").write_text('{"step": 9, "epoch": 3}\n')
  # 60 s for two and a half epochs of five; another run waits.
  assert status.look(book).each_s == pytest.approx(120, abs=3)
  assert "about 3 min left for 1 at a time, 2 min a run" in status.render(
    status.look(book), 1
  )
  claim.release()


def test_another_sweep_in_the_folder_is_refused_naming_what_differs(tmp_path):
  book = quick_sweep.make_book(tmp_path)
  book_lib.save(book)  # the same is no other
  assert book_lib.read(book.folder) == book
  runs = list(book.runs.values())

  def refused(words, *, runs=runs, flags=(), **more):
    more = {"command": book.command, **more}
    other = book_lib.make(book.folder, runs, flags, **more)
    with pytest.raises(InputError, match=words):
      book_lib.save(other)

  refused("--preset=paper", flags=("--preset=paper",))
  refused("holds the run single-haze-ridge-fold1-seed1", runs=runs[:-1])
  refused("--group", group=True)
  refused("fold0-seed2", runs=quick_sweep.make_runs(2, 3))
  with pytest.raises(InputError, match="give the --out of a sweep"):
    book_lib.read(tmp_path)


def test_the_order_of_shared_flags_makes_no_other_sweep(tmp_path):
  runs = quick_sweep.make_runs(1, 1)
  shared = ("--preset=paper", "--nodeterministic")
  for flags in (shared, shared[::-1]):
    book_lib.save(book_lib.make(tmp_path, runs, flags))
  assert book_lib.read(tmp_path).base_flags == shared


def test_tables_are_made_when_there_is_something_to_make_them(
  tmp_path, monkeypatch
):
  book = quick_sweep.make_book(tmp_path, folds=1, seeds=1)
  assert status.write_tables(book) == "no results yet: no tables"
  (name,) = book.runs
  book.workdir(name).mkdir()
  (book.workdir(name) / "results.json").touch()

  def write(root, find):
    if root.name != "sweep":
      raise InputError(root, "cannot be compared", "compare less")
    assert find("wipose").name == "bgm2pose"
    written = [root / "tables" / name for name in ("grid.md", "report.html")]
    written[0].parent.mkdir(exist_ok=True)
    written[0].write_text("| model | error |\n")
    return written

  monkeypatch.setattr(status.comparison, "write_comparison", write)
  said = status.write_tables(book).splitlines()
  assert said[0] == "| model | error |"
  assert said[-2:] == [
    f"tables of the results: {book.folder}/tables",
    f"page: {book.folder}/tables/report.html",
  ]
  moved = book.folder.rename(tmp_path / "moved")
  said = status.write_tables(book_lib.read(moved))
  assert said == f"no tables: {moved}: cannot be compared; compare less"
