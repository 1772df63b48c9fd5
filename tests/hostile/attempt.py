"""Puts a case before a reader and judges what comes of it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import resource
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError
from tests.hostile import arrays, readers
from tests.hostile.files import Case

REFUSED, READ, WRONG = "refused", "legal", "wrong"
_LONGEST_S = 20
_LONGEST_LINE = 4000


class _TooLong(BaseException):
  """A reader that does not end. No `except Exception` takes it."""


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What came of a case.

  Attributes:
    case: what it was, in words.
    fault: its class.
    verdict: `REFUSED` in one line, `READ` where that is legal, or `WRONG`.
    said: the line, or what is wrong.
    seconds: it took.
  """

  case: str
  fault: str
  verdict: str
  said: str
  seconds: float


def attempt(
  case: Case, name: str, reader: Callable[[pathlib.Path], object]
) -> Outcome:
  """Puts a case before a reader, in a folder that is thrown away.

  Args:
    case: the input.
    name: of the reader.
    reader: takes a path; must raise `InputError` where it cannot be used.
  """
  with tempfile.TemporaryDirectory(prefix="hostile-") as place, _inside(place):
    folder = pathlib.Path(place, "in")
    folder.mkdir()
    path = case.make(folder)
    before = _listed(place)
    started = time.perf_counter()
    first = next(iter(readers.READERS[case.kind]))
    verdict, said = _judged(case, reader, path, name == first)
    seconds = time.perf_counter() - started
    new = _listed(place) - before - {"in/a.wav", "in/a.bvh"}
    if new:
      verdict, said = WRONG, f"left {sorted(new)}"
    with contextlib.suppress(OSError, ValueError):
      path.chmod(0o600)
  return Outcome(
    f"{name}: {case.kind}, {case.fault}, {case.name}",
    case.fault,
    verdict,
    said,
    seconds,
  )


def _judged(
  case: Case,
  reader: Callable[[pathlib.Path], object],
  path: pathlib.Path,
  is_first: bool,
) -> tuple[str, str]:
  try:
    with _time_limit(), warnings.catch_warnings():
      # NumPy's would be lines on the screen, with no word about the file.
      warnings.simplefilter("error", RuntimeWarning)
      reader(path)
  except InputError as error:
    line = str(error)
    if "\n" in line or not line.isprintable() or len(line) > _LONGEST_LINE:
      return WRONG, f"no printable line: {ascii(line)[:200]}"
    if not error.fix:
      return WRONG, f"no fix: {line}"
    if case.fault == "good" and is_first:
      return WRONG, f"is good: {line}"
    return REFUSED, line
  except _TooLong:
    return WRONG, f"no end after {_LONGEST_S} s"
  except Exception as error:
    return WRONG, f"{type(error).__name__}: {ascii(str(error))[:300]}"
  if readers.is_legal(case):
    return READ, ""
  return WRONG, "was read without a word"


def attempts(cases: Iterator[Case]) -> Iterator[Outcome]:
  """Puts cases before all readers of their kind that they are meant for."""
  for number, case in enumerate(cases):
    for name, reader in readers.readers_of(case, number).items():
      yield attempt(case, name, reader)


def limit_memory(more_bytes: int) -> None:
  """Lets this process grow by no more than so much.

  Args:
    more_bytes: of addresses, which is more than memory.
  """
  pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
  most = pages * resource.getpagesize() + more_bytes
  resource.setrlimit(resource.RLIMIT_AS, (most, most))


def table(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
  """A row for each class of faults, all of them last."""
  faults = sorted({outcome.fault for outcome in outcomes})
  rows = [_row(f, [o for o in outcomes if o.fault == f]) for f in faults]
  return [*rows, _row("all", outcomes)]


def _row(fault: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
  counts = {
    verdict: sum(o.verdict == verdict for o in outcomes)
    for verdict in (REFUSED, READ, WRONG)
  }
  slowest = max((o.seconds for o in outcomes), default=0.0)
  return {
    "fault class": fault,
    "tried": len(outcomes),
    "refused in one line": counts[REFUSED],
    "legal": counts[READ],
    "wrong": counts[WRONG],
    "slowest s": round(slowest, 2),
  }


def _listed(place: str) -> set[str]:
  root = pathlib.Path(place)
  return {
    os.path.relpath(os.path.join(base, name), root)
    for base, folders, files in os.walk(root)
    for name in (*folders, *files)
    if name != arrays.MARK or base == place
  }


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
  """Works in another folder: what is left behind lies there."""
  before = os.getcwd()
  os.chdir(folder)
  try:
    yield
  finally:
    os.chdir(before)


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
  def stop(number: int, frame: object) -> None:
    del number, frame
    raise _TooLong

  before = signal.signal(signal.SIGALRM, stop)
  signal.setitimer(signal.ITIMER_REAL, _LONGEST_S)
  try:
    yield
  finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
