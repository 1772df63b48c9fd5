"""Where a sweep stands: done, running, failed, waiting, and time left."""

from __future__ import annotations

import dataclasses
import statistics
import time
from typing import Any

from bgm2pose_jax import comparison
from bgm2pose_jax.base import progress
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from bgm2pose_jax.files import json_lines
from bgm2pose_jax.systems import registry
from launch.sweep import claims
from launch.sweep.book import Book


@dataclasses.dataclass(frozen=True)
class Status:
  """Where a sweep stands.

  Attributes:
    done, waiting: names of runs.
    running: {run: record of who does it}.
    failed: {run: record of its last attempt}.
    seconds: the duration of each finished run whose time is known.
    guessed_s: the duration of a run, from how far the running ones are; None
      where none of them tells. Used until a run is finished.
  """

  done: tuple[str, ...]
  waiting: tuple[str, ...]
  running: dict[str, dict[str, Any]]
  failed: dict[str, dict[str, Any]]
  seconds: tuple[float, ...]
  guessed_s: float | None = None

  @property
  def each_s(self) -> float | None:
    """Seconds of a run; None when nothing tells."""
    return statistics.fmean(self.seconds) if self.seconds else self.guessed_s

  def left_s(self, workers: int) -> float | None:
    """Time left in seconds, None when nothing tells."""
    each = self.each_s
    if each is None:
      return None
    # A job's later runs have not begun: its claim's age counts once.
    begun = {r["token"]: _age_s(r) for r in self.running.values()}
    open_runs = len(self.running) + len(self.waiting)
    done_s = sum(min(age, each) for age in begun.values())
    return max(each * open_runs - done_s, 0.0) / max(workers, 1)


def look(book: Book) -> Status:
  """Looks at the files of a sweep."""
  done, waiting, seconds = [], [], []
  running: dict[str, dict[str, Any]] = {}
  failed: dict[str, dict[str, Any]] = {}
  for job, names in book.jobs.items():
    if book.times(job).exists():
      seconds += workdir_lib.read_json(book.times(job), "seconds").values()
    left = [name for name in names if not book.is_finished(name)]
    done += [name for name in names if name not in left]
    if not left:
      continue
    owner = claims.owner(book.folder / "claims", job)
    failure: dict[str, Any] | None = None
    if owner is None and book.failure(job).exists():
      failure = workdir_lib.read_json(book.failure(job))
    for name in left:
      if owner is not None:
        running[name] = owner
      elif failure is not None and name in failure.get("runs", left):
        failed[name] = failure
      else:
        waiting.append(name)
  guessed = [s for n in running if (s := _guessed_s(book, n, running[n]))]
  return Status(
    tuple(done),
    tuple(waiting),
    running,
    failed,
    tuple(seconds),
    statistics.fmean(guessed) if guessed else None,
  )


def _guessed_s(book: Book, name: str, record: dict[str, Any]) -> float | None:
  """Seconds of a running run, from the epochs that it has done."""
  folder = book.workdir(name)
  config, lines = folder / workdir_lib.CONFIG, folder / workdir_lib.METRICS
  try:
    found = workdir_lib.read_json(config, "config")
    epochs = found["optim"]["epochs"]
    last = json_lines.read_jsonl(lines)[-1]["epoch"]
    # A line is written within its epoch too: count the epochs before it.
    done = (last - 0.5) / epochs
  except (OSError, LookupError, TypeError, ValueError):
    return None  # nothing is written yet
  return _age_s(record) / done if 0 < done <= 1 else None


def render(status: Status, workers: int | None = None) -> str:
  """The status as text.

  Args:
    status: the status from `look`.
    workers: how many workers share what is left; None counts the jobs that run
      now.
  """
  lines = [
    f"{name:<8} {len(group):>5}"
    for name, group in (
      ("done", status.done),
      ("running", status.running),
      ("failed", status.failed),
      ("waiting", status.waiting),
    )
  ]
  lines += [
    f"running  {name}: {r['host']}, process {r['pid']}, for "
    f"{progress.in_time(_age_s(r))}"
    for name, r in status.running.items()
  ]
  lines += [
    f"failed   {name}: exit code {r['exit_code']}: {r['last_line']}"
    for name, r in status.failed.items()
  ]
  if workers is None:
    workers = max(len({r["token"] for r in status.running.values()}), 1)
  left_s = status.left_s(workers)
  if left_s and (status.waiting or status.running):
    one = progress.in_time(status.each_s or 0.0)
    lines.append(
      f"about {progress.in_time(left_s)} left for {workers} at a time,"
      f" {one} a run"
    )
  elif status.waiting or status.running:
    lines.append("time left: not known until a run has done its first epoch")
  return "\n".join(lines)


def write_tables(book: Book) -> str:
  """Writes the result tables of what is finished; returns them as text."""
  if not any(book.is_finished(name) for name in book.runs):
    return "no results yet: no tables"
  try:
    written = comparison.write_comparison(book.folder, registry.of_model)
  except InputError as error:
    # Runs that cannot be compared are no reason to hide how they stand.
    return f"no tables: {error}"
  page = written[-1]
  tables = [path for path in written if path.suffix == ".md"]
  texts = [path.read_text(encoding="utf-8").strip() for path in tables]
  return "\n\n".join(
    [*texts, f"tables of the results: {page.parent}\npage: {page}"]
  )


def _age_s(record: dict[str, Any]) -> float:
  return max(time.time() - record.get("time", time.time()), 0.0)
