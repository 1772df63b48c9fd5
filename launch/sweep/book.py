"""The book of a sweep: its runs and jobs, written once to `sweep.json`.

    OUT/sweep.json            runs, jobs and the flags that all runs share
    OUT/runs/<run>/           work folder of a run; results.json when finished
    OUT/logs/<job>.log        what the job's commands printed
    OUT/claims/<job>.json     who does the job now
    OUT/failed/<job>.json     why the job's last attempt failed
    OUT/finished/<job>.json   seconds that the job's finished runs took

A job is what one process does at a time: a run, or runs that differ in fold
and seed alone. The book of another sweep is refused, so that the names in it
always mean the same.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.comparison import entries, sweep_folder
from bgm2pose_jax.config import run_folder as workdir_lib
from launch.sweep import run as run_lib
from launch.sweep.run import Run

BOOK = entries.SWEEP
MAIN = ("python", "-m", "bgm2pose_jax.main")
_FOLDERS = (
  sweep_folder.RUNS,
  sweep_folder.FAILED,
  "logs",
  "claims",
  "finished",
)


@dataclasses.dataclass(frozen=True)
class Book:
  """What a sweep consists of.

  Attributes:
    folder: OUT.
    runs: {name: run}, in the order they are done.
    jobs: {name: names of its runs}.
    base_flags: flags of the main command that all runs share.
    command: what runs them; a first word "python" is the interpreter at hand.
  """

  folder: pathlib.Path
  runs: Mapping[str, Run]
  jobs: Mapping[str, Sequence[str]]
  base_flags: Sequence[str] = ()
  command: Sequence[str] = MAIN

  def workdir(self, run: str) -> pathlib.Path:
    """Where a run writes."""
    return self.folder / sweep_folder.RUNS / run

  def is_finished(self, run: str) -> bool:
    """Whether a run has its results."""
    return (self.workdir(run) / workdir_lib.RESULTS).exists()

  def unfinished(self, job: str) -> list[Run]:
    """A job's runs that are still to be done."""
    return [self.runs[n] for n in self.jobs[job] if not self.is_finished(n)]

  def log(self, job: str) -> pathlib.Path:
    """What a job's commands printed."""
    return self.folder / "logs" / f"{job}.log"

  def failure(self, job: str) -> pathlib.Path:
    """Why a job's last attempt failed."""
    return self.folder / sweep_folder.FAILED / f"{job}.json"

  def times(self, job: str) -> pathlib.Path:
    """How long a job's finished runs took."""
    return self.folder / "finished" / f"{job}.json"


def make(
  folder: pathlib.Path,
  runs: Sequence[Run],
  base_flags: Sequence[str],
  *,
  group: bool = False,
  command: Sequence[str] = MAIN,
) -> Book:
  """Puts runs into jobs; writes nothing.

  Args:
    folder: OUT.
    runs: the runs from `expansion.expand`.
    base_flags: flags of the main command that all runs share.
    group: runs that differ in fold and seed alone become one job.
    command: what runs them.
  """
  jobs: dict[str, list[str]] = {}
  for run in runs:
    jobs.setdefault(run.group if group else run.name, []).append(run.name)
  return Book(
    folder,
    {run.name: run for run in runs},
    {job: tuple(names) for job, names in jobs.items()},
    tuple(base_flags),
    tuple(command),
  )


def save(book: Book) -> None:
  """Writes the book, or checks that the one in its folder is the same.

  Raises:
    InputError: when the folder holds another sweep, naming what differs, or
      cannot be written to.
  """
  path = book.folder / BOOK
  if path.exists():
    _compare(path, _content(read(book.folder)), _content(book))
  try:
    for name in _FOLDERS:
      (book.folder / name).mkdir(parents=True, exist_ok=True)
    if not path.exists():
      workdir_lib.write_json(path, _content(book))
  except OSError as error:
    raise InputError(
      book.folder, f"cannot be written ({error.strerror})", "give another --out"
    ) from error


def read(folder: pathlib.Path) -> Book:
  """Reads the book in a sweep's folder.

  Raises:
    InputError: when there is none, or it cannot be read.
  """
  path = folder / BOOK
  if not path.exists():
    raise InputError(
      folder, f"holds no {BOOK}", "give the --out of a sweep, or start one"
    )
  content = workdir_lib.read_json(path)
  try:
    runs = [
      run_lib.read(f"{path}, run {number}", line)
      for number, line in enumerate(content["runs"])
    ]
    return Book(
      folder,
      {run.name: run for run in runs},
      {job["name"]: tuple(job["runs"]) for job in content["jobs"]},
      tuple(content["base_flags"]),
      tuple(content["command"]),
    )
  except (KeyError, TypeError) as error:
    raise InputError(
      path, f"is no sweep's book ({error})", "give another --out"
    ) from error


def command(book: Book, runs: Sequence[Run]) -> list[str]:
  """The command that does some runs.

  Args:
    book: the book of the sweep.
    runs: one, or a full product of folds and seeds.
  """
  return [*book.command, *book.base_flags, *_arguments(book, runs)]


def products(runs: Sequence[Run]) -> list[list[Run]]:
  """Parts runs into full products of folds and seeds."""
  seeds_of: dict[int, list[int]] = {}
  for run in runs:
    seeds_of.setdefault(run.fold, []).append(run.seed)
  parts: dict[tuple[int, ...], list[Run]] = {}
  for run in runs:
    parts.setdefault(tuple(sorted(seeds_of[run.fold])), []).append(run)
  return list(parts.values())


def _arguments(book: Book, runs: Sequence[Run]) -> list[str]:
  first = runs[0]
  if len(runs) == 1:
    return [*first.flags, f"--workdir={book.workdir(first.name)}"]
  folds = ",".join(str(f) for f in dict.fromkeys(r.fold for r in runs))
  seeds = ",".join(str(s) for s in dict.fromkeys(r.seed for r in runs))
  return [
    *first.group_flags,
    f"--folds={folds}",
    f"--seeds={seeds}",
    f"--workdir={book.workdir(first.group + '-fold{fold}-seed{seed}')}",
  ]


def _content(book: Book) -> dict[str, Any]:
  runs = [entries.line_of(run) for run in book.runs.values()]
  jobs = [{"name": k, "runs": list(v)} for k, v in book.jobs.items()]
  content = {
    "runs": runs,
    "jobs": jobs,
    "base_flags": list(book.base_flags),
    "command": list(book.command),
  }
  return json.loads(json.dumps(content))  # tuples as they will be read


def _compare(
  path: pathlib.Path, theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
  def refuse(found: str) -> None:
    raise InputError(
      path, found, "give another --out, or the flags it was started with"
    )

  for key in ("base_flags", "command"):
    # The order of flags is the main command's, not the sweep's.
    order = sorted if key == "base_flags" else list
    if order(theirs[key]) != order(ours[key]):
      was, now = (
        [f for f in one[key] if f not in other[key]]
        for one, other in ((theirs, ours), (ours, theirs))
      )
      refuse(
        f"was made with {' '.join(was) or 'none of these flags'}, "
        f"this sweep has {' '.join(now) or 'none of them'}"
      )
  runs, asked = ({r["name"]: r for r in c["runs"]} for c in (theirs, ours))
  for name in runs | asked:
    if name not in asked:
      refuse(f"holds the run {name}, which this sweep has not")
    if name not in runs:
      refuse(f"does not hold the run {name} of this sweep")
    for key, value in asked[name].items():
      if runs[name][key] != value:
        refuse(f"has {key} {runs[name][key]} of {name}, this sweep {value}")
  if theirs["jobs"] != ours["jobs"]:
    # Another grouping would let two processes claim one run by two names.
    refuse("was made with another --group or order of runs")
