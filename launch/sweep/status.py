"""Where a sweep stands: done, running, failed, waiting, and time left."""

from __future__ import annotations

import dataclasses
import statistics
import time
from typing import Any

from bgm2pose_jax import comparison
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
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
  """

  done: tuple[str, ...]
  waiting: tuple[str, ...]
  running: dict[str, dict[str, Any]]
  failed: dict[str, dict[str, Any]]
  seconds: tuple[float, ...]

  def left_s(self, workers: int) -> float | None:
    """Time left in seconds, None when no finished run tells."""
    if not self.seconds:
      return None
    each = statistics.fmean(self.seconds)
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
  return Status(tuple(done), tuple(waiting), running, failed, tuple(seconds))


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
    f"{duration(_age_s(r))}"
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
    one = duration(statistics.fmean(status.seconds))
    lines.append(
      f"about {duration(left_s)} left for {workers} at a time, {one} a run"
    )
  return "\n".join(lines)


def duration(seconds: float) -> str:
  """Seconds as a person reads them."""
  if seconds < 100:
    return f"{seconds:.0f} s"
  minutes = seconds / 60
  return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def write_tables(book: Book) -> str:
  """Writes the result tables of what is finished; says what it did."""
  if not any(book.is_finished(name) for name in book.runs):
    return "no results yet: no tables"
  try:
    written = comparison.write_comparison(book.folder, registry.of_model)
  except InputError as error:
    # Runs that cannot be compared are no reason to hide how they stand.
    return f"no tables: {error}"
  return f"tables of the results: {written[0].parent}"


def _age_s(record: dict[str, Any]) -> float:
  return max(time.time() - record.get("time", time.time()), 0.0)
