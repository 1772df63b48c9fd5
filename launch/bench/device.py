"""Measures all there is to measure on the device at hand, in one command.

  python -m launch.bench.device --out=DIR --torch_peer=FILE

It runs the benchmarks of this folder one after another, the most important
first (`device_jobs.py`), each in a process of its own with a limit of its own,
and all within `--budget_s`. A benchmark that fails, hangs or is not there
leaves the others alone. DIR gets each one's output (NAME.log) and figures
(NAME.json) as soon as it ends, and summary.json, written anew after each. What
the budget leaves out goes into another call: `--start_at=NAME`. Nothing has to
be installed but what a benchmark itself imports: the package is taken from
beside this folder.

`--small` runs everything at a size for tests.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from absl import flags

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError
from launch.bench import child
from launch.bench.device_jobs import JOBS, Job

_OUT = flags.DEFINE_string("out", None, "folder for output and figures")
_PEER = flags.DEFINE_string("torch_peer", None, "file of a PyTorch twin")
_ONLY = flags.DEFINE_list("only", None, "names of jobs, by commas")
_BUDGET = flags.DEFINE_float("budget_s", 570.0, "for everything", 1)
_SMALL = flags.DEFINE_bool("small", False, "at a size for tests")
_START = flags.DEFINE_string("start_at", None, "name of the first job to run")
_ROWS = flags.DEFINE_integer("lines", 12, "of each output to show", 0)

# Less is not worth starting a benchmark for.
_LEAST_S = 15.0
# A machine that only tests may be slow, and compiles on its CPU.
_SMALL_LIMIT_S = 400.0


def _run(job: Job, folder: pathlib.Path, left_s: float) -> dict[str, Any]:
  """Runs one job."""
  module = f"launch.bench.{job.command}"
  if importlib.util.find_spec(module) is None:
    return {"job": job.name, "outcome": "no such command", "seconds": None}
  if left_s < _LEAST_S:
    return {"job": job.name, "outcome": "no time left", "seconds": None}
  given = job.small if _SMALL.value else job.flags
  line = [sys.executable, "-m", module, *given.split()]
  line.append(f"--json={folder / job.name}.json")
  if job.twin and _PEER.value is not None:
    line.append(f"--torch_peer={pathlib.Path(_PEER.value).resolve()}")
  limit = _SMALL_LIMIT_S if _SMALL.value else job.limit_s
  started = time.monotonic()
  with open(folder / f"{job.name}.log", "w") as log:
    print("$", *line, file=log, flush=True)
    process = subprocess.Popen(
      line,
      stdin=subprocess.DEVNULL,
      stdout=log,
      stderr=subprocess.STDOUT,
      env=child.environment({"PYTHONUNBUFFERED": "1", **job.environment}),
      # A group of its own, so that a limit ends a benchmark's peers too.
      start_new_session=True,
    )
    try:
      code = process.wait(timeout=min(limit, left_s))
      outcome = "done" if code == 0 else f"failed with {code}"
    except subprocess.TimeoutExpired:
      outcome = "ended at its limit"
    finally:
      with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
      process.wait()
  seconds = round(time.monotonic() - started, 1)
  return {"job": job.name, "outcome": outcome, "seconds": seconds}


def _chosen() -> Sequence[Job]:
  """The jobs to run."""
  names = [job.name for job in JOBS]
  for name in [*(_ONLY.value or []), _START.value or names[0]]:
    if name not in names:
      raise InputError(name, "no such job", f"choose of {', '.join(names)}")
  later = JOBS[names.index(_START.value) if _START.value else 0 :]
  return [job for job in later if job.name in (_ONLY.value or names)]


def _run_all(jobs: Sequence[Job], folder: pathlib.Path) -> bool:
  """Runs the jobs and prints; whether one of them came to its end."""
  end = time.monotonic() + _BUDGET.value
  rows: list[dict[str, Any]] = []
  for job in jobs:
    row = _run(job, folder, end - time.monotonic())
    rows.append(row)
    took = "" if row["seconds"] is None else f" in {row['seconds']} s"
    print(f"\n== {job.name}: {row['outcome']}{took}", flush=True)
    log = folder / f"{job.name}.log"
    if row["seconds"] is not None and _ROWS.value:
      shown = log.read_text().splitlines()[1:][-_ROWS.value :]
      print("\n".join(shown), flush=True)
    text = json.dumps({"small": _SMALL.value, "jobs": rows}, indent=1)
    (folder / "summary.json").write_text(text + "\n")
  print()
  for row in rows:
    seconds = "-" if row["seconds"] is None else row["seconds"]
    print(f"{row['job']:<20} {row['outcome']:<20} {seconds:>7} s")
  return any(row["outcome"] == "done" for row in rows)


def main(argv: Sequence[str]) -> None:
  """Runs the jobs; input errors end with code 2."""
  with command.ending():
    command.no_arguments(argv)
    if _OUT.value is None:
      raise InputError("--out", "is missing", "name a folder for the figures")
    jobs = _chosen()
    if _PEER.value is not None and not pathlib.Path(_PEER.value).is_file():
      raise InputError(
        f"--torch_peer={_PEER.value}", "no such file", "give a Python file"
      )
    folder = pathlib.Path(_OUT.value).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(0 if _run_all(jobs, folder) else 1)


if __name__ == "__main__":
  command.start(main)
