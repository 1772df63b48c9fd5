"""Jobs on a Slurm cluster: one array, an element a job."""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from bgm2pose_jax.base.errors import InputError
from launch.sweep import work
from launch.sweep.book import Book

SCRIPT = "sweep.sbatch"


def script(
  book: Book,
  *,
  directory: str,
  time: str | None = None,
  partition: str | None = None,
  gres: str | None = None,
  cpus: int | None = None,
  workers: int | None = None,
) -> str:
  """Writes the text of the batch script.

  Args:
    book: the book of the sweep; jobs that are finished are left out.
    directory: the repository's root, on every node.
    time: limit of a job, as sbatch takes it.
    partition: the partition of the cluster; None is its default.
    gres: devices a job needs, e.g. gpu:1.
    cpus: cores a job needs.
    workers: jobs at a time; None is as many as the cluster gives.
  """
  left = [i for i, job in enumerate(book.jobs) if book.unfinished(job)]
  at_a_time = f"%{workers}" if workers else ""
  options = {
    "job-name": "bgm2pose-sweep",
    "array": f"{ranges(left)}{at_a_time}",
    "output": str(book.folder / "logs" / "slurm-%A_%a.log"),
    "open-mode": "append",
    # To the batch shell, which is the worker itself (exec below), so that it
    # ends its run and gives the job back.
    "signal": "B:TERM@60",
    "time": time,
    "partition": partition,
    "gres": gres,
    "cpus-per-task": cpus,
  }
  lines = [f"#SBATCH --{k}={v}" for k, v in options.items() if v is not None]
  words = [sys.executable, *work.COMMAND[1:], f"--sweep={book.folder}"]
  return "\n".join(
    [
      "#!/bin/bash",
      *lines,
      # A job that lost its node or its place starts again, and resumes.
      "#SBATCH --requeue",
      "set -eu",
      f"cd {shlex.quote(directory)}",
      f'exec {shlex.join(words)} --index="$SLURM_ARRAY_TASK_ID" --wait',
      "",
    ]
  )


def ranges(numbers: Sequence[int]) -> str:
  """Rising numbers as sbatch writes them: 0-2,5,7-8."""
  parts: list[list[int]] = []
  for number in numbers:
    if parts and parts[-1][-1] == number - 1:
      parts[-1][1:] = [number]
    else:
      parts.append([number])
  return ",".join("-".join(map(str, part)) for part in parts)


def submit(path: pathlib.Path) -> str:
  """Hands a script to sbatch where there is one; says what was done.

  Raises:
    InputError: when sbatch refuses it.
  """
  if shutil.which("sbatch") is None:
    return f"no sbatch here: run `sbatch {path}` where Slurm is"
  done = subprocess.run(
    ["sbatch", os.fspath(path)], capture_output=True, text=True, check=False
  )
  if done.returncode:
    found = done.stderr.strip() or f"ended with {done.returncode}"
    raise InputError(path, f"sbatch: {found}", "correct the flags of Slurm")
  return done.stdout.strip()
