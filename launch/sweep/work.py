"""Does jobs of a sweep: what every engine starts.

    python -m launch.sweep.work --sweep=OUT --job=NAME
    python -m launch.sweep.work --sweep=OUT --index=3 --wait
    python -m launch.sweep.work --sweep=OUT --shard=0/4 --wait

Ends with 0 when the runs are finished, 1 when a command failed, 75 when
another process has the job, 2 on unusable input.
"""

from __future__ import annotations

import collections
import contextlib
import pathlib
import platform
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from absl import flags

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from launch.sweep import book as book_lib
from launch.sweep import child, claims
from launch.sweep.book import Book
from launch.sweep.run import Run

COMMAND = ("python", "-m", "launch.sweep.work")
DONE, FAILED, HELD = 0, 1, 75
_POLL_S = 0.1
_RETRY_S = 5.0


class Stopped(Exception):  # noqa: N818  (an order, not an error)
  """Asked to end, by signal `args[0]`."""


def do(book: Book, job: str, stop: threading.Event | None = None) -> int:
  """Does what is left of a job.

  Args:
    book: the book of the sweep.
    job: its name.
    stop: set to end early; nothing counts as failed then.

  Returns:
    `DONE`, `FAILED` or `HELD`.

  Raises:
    Stopped: when `stop` was set.
  """
  if not book.unfinished(job):
    return DONE
  claim = claims.take(book.folder / "claims", job)
  if claim is None:
    return HELD
  try:
    return _do_claimed(book, job, claim, stop or threading.Event())
  finally:
    claim.release()


def _do_claimed(
  book: Book, job: str, claim: claims.Claim, stop: threading.Event
) -> int:
  book.failure(job).unlink(missing_ok=True)
  failed: list[str] = []
  failure: dict[str, Any] = {}
  parts = collections.deque(book_lib.products(book.unfinished(job)))
  while parts:
    runs = parts.popleft()
    started = time.time()
    log = book.log(job)
    command = book_lib.command(book, runs)
    with log.open("a", encoding="utf-8") as file:
      file.write(f"$ {shlex.join(command)}\n")
    before = log.stat().st_size
    try:
      code = _attend(child.start(command, log), claim, stop)
    except OSError as error:
      code = 127
      with log.open("a", encoding="utf-8") as file:
        file.write(f"{command[0]}: {error.strerror}\n")
    if code is None:
      return HELD
    left = [run for run in runs if not book.is_finished(run.name)]
    done = [run for run in runs if run not in left]
    _note_times(book, job, done, (time.time() - started) / len(runs))
    if left and len(runs) > 1:
      # One of them ended the command: by themselves the others go on.
      parts.extend([run] for run in left)
    elif left:
      failed.append(left[0].name)
      failure = failure or {
        "exit_code": code,
        "host": platform.node(),
        "last_line": child.last_line(log, before) or "printed nothing",
        "time": time.time(),
      }
  if failed:
    workdir_lib.write_json(book.failure(job), {**failure, "runs": failed})
    return FAILED
  return DONE


def _attend(
  process: subprocess.Popen, claim: claims.Claim, stop: threading.Event
) -> int | None:
  """Waits for a command; returns its exit code, None if the job was lost."""
  beat = time.monotonic()
  try:
    while process.poll() is None:
      if stop.wait(_POLL_S):
        raise Stopped
      if time.monotonic() - beat > claims.HEARTBEAT_S:
        beat = time.monotonic()
        if not claim.heartbeat():
          return None
    return process.returncode
  finally:
    child.stop(process)  # also what a dead command left behind


def _note_times(
  book: Book, job: str, done: Sequence[Run], seconds: float
) -> None:
  if not done:
    return
  path, known = book.times(job), {}
  if path.exists():
    known = workdir_lib.read_json(path, "seconds")
  known |= {run.name: seconds for run in done}
  workdir_lib.write_json(path, {"seconds": known})


def _jobs(book: Book, values: flags.FlagValues) -> list[str]:
  names = list(book.jobs)
  given = [
    f"--{n}={values[n].value}"
    for n in ("job", "index", "shard")
    if values[n].value is not None
  ]
  if len(given) != 1:
    raise InputError(
      " ".join(given) or "--job", "is not one choice of jobs",
      "give one of --job, --index and --shard",
    )  # fmt: skip
  if values.job is not None:
    if values.job not in names:
      raise InputError(given[0], "no such job", f"see {book.folder}/sweep.json")
    return [values.job]
  if values.index is not None:
    if not 0 <= values.index < len(names):
      raise InputError(given[0], "no such job", f"give 0 to {len(names) - 1}")
    return [names[values.index]]
  part, _, parts = values.shard.partition("/")
  if not (part.isdecimal() and parts.isdecimal() and int(part) < int(parts)):
    raise InputError(given[0], "is no part of a whole", "write e.g. 0/4")
  return names[int(part) :: int(parts)]


def _main(argv: Sequence[str]) -> None:
  values = flags.FLAGS
  stop, number = threading.Event(), [signal.SIGTERM]

  def order(signum: int, frame: object) -> None:
    del frame
    number[0] = signal.Signals(signum)
    stop.set()

  for signum in (signal.SIGTERM, signal.SIGINT):
    signal.signal(signum, order)
  codes = []
  with command.ending():
    command.no_arguments(argv)
    book = book_lib.read(pathlib.Path(values.sweep))
    try:
      for job in _jobs(book, values):
        while (code := do(book, job, stop)) == HELD and values.wait:
          if stop.wait(_RETRY_S):
            raise Stopped
        codes.append(code)
    except Stopped:
      sys.exit(128 + number[0])
  sys.exit(FAILED if FAILED in codes else max(codes, default=DONE))


def run() -> None:
  """The command line."""
  flags.DEFINE_string("sweep", None, "folder of the sweep", required=True)
  flags.DEFINE_string("job", None, "name of the job to do")
  flags.DEFINE_integer("index", None, "or its place in the book, from 0")
  flags.DEFINE_string(
    "shard", None, "or i/n: the i-th of n parts of all jobs, one by one"
  )
  flags.DEFINE_bool(
    "wait",
    False,
    "wait for a job that another process has, to take it over if that dies",
  )
  with contextlib.suppress(KeyboardInterrupt):
    command.start(_main)


if __name__ == "__main__":
  run()
