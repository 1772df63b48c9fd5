from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap

import pytest
import script_runs

WORKER = """
import json, os, pathlib, sys, time
print("said", *sys.argv[1:])
figures = sys.argv[-1] if "--json" in sys.argv[-1] else sys.argv[-2]
path = pathlib.Path(figures.removeprefix("--json="))
what = sys.argv[1]
if what == "hang":
  if not os.fork():
    path.with_suffix(".child").write_text(str(os.getpid()))
  time.sleep(600)
if what == "fail":
  sys.exit(3)
path.write_text(json.dumps({"flags": os.environ.get("XLA_FLAGS")}))
"""
JOBS = """
from launch.bench.real_jobs import Job
JOBS = (
  Job("good", "work", "good", "small", 60, twin=True,
      environment={"XLA_FLAGS": "--a"}),
  Job("bad", "work", "fail", "", 60),
  Job("gone", "gone", "", "", 60),
  Job("stuck", "work", "hang", "", 3),
  Job("last", "work", "good", "", 60),
)
"""


@pytest.fixture
def folder(tmp_path):
  """A checkout whose only command is a worker that does what it is told."""
  bench = tmp_path / "launch" / "bench"
  bench.mkdir(parents=True)
  (bench.parent / "__init__.py").touch()
  real = script_runs.ROOT / "launch" / "bench"
  for name in ("__init__.py", "child.py", "device.py"):
    shutil.copy(real / name, bench)
  shutil.copy(real / "device_jobs.py", bench / "real_jobs.py")
  (bench / "device_jobs.py").write_text(JOBS)
  (bench / "work.py").write_text(textwrap.dedent(WORKER))
  (tmp_path / "twin.py").touch()
  return tmp_path


def _measure(folder, *arguments):
  return subprocess.run(
    [
      sys.executable,
      "-m",
      "launch.bench.device",
      f"--out={folder / 'out'}",
      *arguments,
    ],
    capture_output=True,
    text=True,
    check=False,
    timeout=120,
    cwd=folder,
    env={**os.environ, "PYTHONPATH": f"{folder}:{script_runs.ROOT}"},
  )


def test_no_benchmark_holds_up_the_others(folder):
  done = _measure(folder, f"--torch_peer={folder / 'twin.py'}")
  assert done.returncode == 0, done.stderr
  out = folder / "out"
  jobs = json.loads((out / "summary.json").read_text())["jobs"]
  assert {row["job"]: row["outcome"] for row in jobs} == {
    "good": "done",
    "bad": "failed with 3",
    "gone": "no such command",
    "stuck": "ended at its limit",
    "last": "done",
  }
  assert json.loads((out / "good.json").read_text()) == {"flags": "--a"}
  assert f"--torch_peer={folder / 'twin.py'}" in (out / "good.log").read_text()
  assert "torch_peer" not in (out / "last.log").read_text()
  # What a benchmark started ends with it.
  child = int((out / "stuck.child").read_text())
  status = pathlib.Path(f"/proc/{child}/status")
  assert not status.exists() or "State:\tZ" in status.read_text()


def test_a_budget_leaves_the_rest_for_another_call(folder):
  done = _measure(folder, "--budget_s=10", "--only=good,last")
  assert done.returncode == 1
  assert "no time left" in done.stdout
  done = _measure(folder, "--start_at=last", "--small")
  assert done.returncode == 0
  assert "good" not in done.stdout


@pytest.mark.parametrize(
  ("flag", "said"),
  [
    ("--only=nothing", "no such job; choose of good"),
    ("--torch_peer=none.py", "no such file"),
  ],
)
def test_wrong_flags_are_one_line_and_code_2(folder, flag, said):
  done = _measure(folder, flag)
  assert done.returncode == 2
  assert said in done.stderr
  assert "Traceback" not in done.stderr


def test_every_job_names_a_command_that_takes_its_arguments():
  from launch.bench import device_jobs

  bench = script_runs.ROOT / "launch" / "bench"
  assert len({job.name for job in device_jobs.JOBS}) == len(device_jobs.JOBS)
  for job in device_jobs.JOBS:
    text = (bench / f"{job.command}.py").read_text()
    assert "harness.start(main)" in text
    used = ["harness"] + ["network"] * ("network.define_flags(" in text)
    text += "".join((bench / f"{name}.py").read_text() for name in used)
    names = {
      argument.removeprefix("--").split("=")[0]
      for argument in f"{job.flags} {job.small} --json=x".split()
    } | ({"torch_peer"} if job.twin else set())
    for name in names:
      known = f'"{name}"' in text or f'"{name.removeprefix("no")}"' in text
      assert known, (job.name, name)


@pytest.mark.long
def test_a_run_of_ampls_size_ends_or_is_estimated(tmp_path):
  tiny = (
    *script_runs.TINY,
    "--set=network.width=0.03125",
    "--windows=40",
    "--set=optim.epochs=3",
  )
  (whole,) = script_runs.figures(
    "launch.bench.ampl_sized", tmp_path / "a.json", *tiny
  )["rows"]
  assert (whole["epochs measured"], whole["estimate s"]) == (3, None)
  assert whole["total s"] > 0
  (cut,) = script_runs.figures(
    "launch.bench.ampl_sized", tmp_path / "b.json", *tiny, "--limit_s=0"
  )["rows"]
  assert (cut["epochs measured"], cut["total s"]) == (2, None)
  assert cut["estimate s"] > 0


@pytest.mark.long
def test_the_forms_of_accelerators_give_the_cpus_gradient(tmp_path):
  arguments = (*script_runs.TINY, "--width=0.03125", "--batch=4")
  found = script_runs.figures(
    "launch.bench.compare_with_cpu", tmp_path / "rows.json", *arguments
  )
  exact, _, low = found["rows"]
  assert exact["gradient error"] < 1e-3 < low["gradient error"]
