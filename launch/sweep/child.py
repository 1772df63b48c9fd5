"""A process started for a job: its log, its cores, and its end with ours."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

_PR_SET_PDEATHSIG = 1
_PROGRESS_BAR = re.compile(r"\d+%\|.*\| \d+/\d+")
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def start(
  command: Sequence[str],
  log: pathlib.Path,
  *,
  environment: Mapping[str, str] | None = None,
  cores: Sequence[int] | None = None,
  directory: str | None = None,
  death_signal: int = signal.SIGKILL,
) -> subprocess.Popen:
  """Starts a command whose output is appended to a log.

  Args:
    command: a first word "python" is the interpreter at hand.
    log: gets stdout and stderr.
    environment: added to our own.
    cores: it may run on; None is ours. Set before it starts, for libraries
      count cores once.
    directory: the directory to start in; None is ours.
    death_signal: it gets when this process dies (Linux): nobody would know
      of it any more, and another could begin the same run.

  Raises:
    OSError: when there is no such command.
  """
  words = list(command)
  if words[0] == "python":
    words[0] = sys.executable
  with log.open("ab") as file:
    return subprocess.Popen(
      words,
      stdin=subprocess.DEVNULL,
      stdout=file,
      stderr=subprocess.STDOUT,
      env={**os.environ, **(environment or {})},
      cwd=directory,
      # Ctrl-C in a terminal reaches us alone; we pass it on in order.
      start_new_session=True,
      preexec_fn=_before(cores, death_signal),
    )


def stop(process: subprocess.Popen, patience_s: float = 20.0) -> None:
  """Ends a process and all it started: asks first, then kills what is left."""
  for number, wait_s in (
    (signal.SIGTERM, patience_s),
    (signal.SIGKILL, None),
  ):
    with contextlib.suppress(ProcessLookupError):
      os.killpg(process.pid, number)
    try:
      process.wait(wait_s)
    except subprocess.TimeoutExpired:
      continue


def last_line(log: pathlib.Path, start: int = 0) -> str:
  """Returns the last line of a log that is not empty.

  Args:
    log: the log of a job.
    start: bytes to leave out, of earlier attempts.
  """
  try:
    with log.open("rb") as file:
      file.seek(max(start, log.stat().st_size - 8192))
      text = file.read().decode(errors="replace")
  except FileNotFoundError:
    return ""
  # A progress bar rewrites its line after a carriage return, and is often
  # drawn once more below the error that ended the process.
  lines = [line.strip() for line in text.replace("\r", "\n").splitlines()]
  lines = [line[-300:] for line in reversed(lines) if line]
  told = (line for line in lines if not _PROGRESS_BAR.search(line))
  return next(told, lines[0] if lines else "")


def _before(
  cores: Sequence[int] | None, death_signal: int
) -> Callable[[], None]:
  def prepare() -> None:
    if _LIBC is not None:
      _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal)
    if cores is not None and hasattr(os, "sched_setaffinity"):
      os.sched_setaffinity(0, cores)

  return prepare
