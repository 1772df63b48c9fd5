"""Jobs on this machine: some at a time, each on cores or a GPU of its own."""

from __future__ import annotations

import collections
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from bgm2pose_jax.base import progress
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from launch.sweep import child, work
from launch.sweep.book import Book

_POLL_S = 0.2
# Running jobs that the bar names.
_NAMED = 3
# A job that another process has is looked at again after this.
_RETRY_S = 2.0
# The rest is the driver's and the libraries'.
_GPU_SHARE = 0.9
_THREADS = (
  "OMP_NUM_THREADS",
  "OPENBLAS_NUM_THREADS",
  "MKL_NUM_THREADS",
  "NPROC",  # XLA's thread pool on CPU
)


@dataclasses.dataclass(frozen=True)
class Slot:
  """What one worker has of the machine.

  Attributes:
    cores: it runs on.
    environment: the environment of its processes, known before JAX starts.
  """

  cores: tuple[int, ...]
  environment: Mapping[str, str]


@dataclasses.dataclass
class _Running:
  job: str
  process: subprocess.Popen
  slot: Slot
  left: list[str]


def find_gpus() -> list[str]:
  """The GPUs that processes started here may use, by index or name."""
  visible = os.environ.get("CUDA_VISIBLE_DEVICES")
  if visible is not None:
    return [name for name in visible.split(",") if name and name != "-1"]
  if shutil.which("nvidia-smi") is None:
    return []
  listed = subprocess.run(
    ["nvidia-smi", "-L"], capture_output=True, text=True, check=False
  )
  lines = [li for li in listed.stdout.splitlines() if li.startswith("GPU ")]
  return [str(i) for i in range(len(lines))]


def make_slots(
  workers: int | None, cores: Sequence[int], gpus: Sequence[str]
) -> list[Slot]:
  """Shares a machine among workers.

  Args:
    workers: how many; None is one a GPU, or one for every two cores.
    cores: the cores that may be used.
    gpus: the GPUs that may be used.

  Raises:
    InputError: for no worker at all.
  """
  if workers is None:
    workers = len(gpus) or max(len(cores) // 2, 1)
  if workers < 1:
    raise InputError(f"--workers={workers}", "is none", "give 1 or more")
  slots = []
  for i in range(workers):
    # With more workers than cores some share one.
    own = list(
      cores[i * len(cores) // workers : (i + 1) * len(cores) // workers]
    )
    own = own or [cores[i % len(cores)]]
    environment = thread_limits(len(own))
    if gpus:
      gpu = i % len(gpus)
      sharing = len(range(gpu, workers, len(gpus)))
      environment["CUDA_VISIBLE_DEVICES"] = gpus[gpu]
      environment["XLA_PYTHON_CLIENT_MEM_FRACTION"] = (
        f"{_GPU_SHARE / sharing:.3f}"
      )
    slots.append(Slot(tuple(own), environment))
  return slots


def thread_limits(cores: int) -> dict[str, str]:
  """Environment in which a process takes no more threads than cores.

  How many there are decides in how many parts sums are taken, so it is part of
  how a run rounds.

  Args:
    cores: how many cores the process has.
  """
  return {name: str(cores) for name in _THREADS}


def usable_cores() -> list[int]:
  """The cores this process may run on."""
  affinity = getattr(os, "sched_getaffinity", None)
  return sorted(affinity(0)) if affinity else list(range(os.cpu_count() or 1))


def run(book: Book, slots: Sequence[Slot]) -> bool:
  """Does what is left of a sweep; Ctrl-C leaves it to be resumed.

  Args:
    book: the book of the sweep, saved.
    slots: one a worker.

  Returns:
    Whether every run is finished.

  Raises:
    KeyboardInterrupt: after Ctrl-C or SIGTERM, with all children ended.
  """
  for job in book.jobs:
    # Told of in the status until now; tried again from here on.
    book.failure(job).unlink(missing_ok=True)
  pool = _Pool(book, slots)
  before = signal.signal(signal.SIGTERM, _interrupt)
  try:
    pool.run()
  finally:
    pool.close()
    signal.signal(signal.SIGTERM, before)
  return not any(book.unfinished(job) for job in book.jobs)


def _interrupt(signum: int, frame: object) -> None:
  del signum, frame
  raise KeyboardInterrupt


class _Pool:
  """Jobs waiting, held by other processes, and running here."""

  def __init__(self, book: Book, slots: Sequence[Slot]):
    self._book = book
    self._waiting = collections.deque(
      job for job in book.jobs if book.unfinished(job)
    )
    self._held: list[tuple[float, str]] = []
    self._free = list(slots)
    self._running: list[_Running] = []
    done = sum(book.is_finished(name) for name in book.runs)
    self._bar = progress.bar(
      total=len(book.runs),
      initial=done,
      unit="run",
      desc="sweep",
    )

  def run(self) -> None:
    while self._waiting or self._held or self._running:
      now = time.monotonic()
      self._waiting += [job for due, job in self._held if due <= now]
      self._held = [entry for entry in self._held if entry[0] > now]
      while self._free and self._waiting:
        self._start(self._waiting.popleft(), self._free.pop(0))
      time.sleep(_POLL_S)
      for one in list(self._running):
        self._look_at(one)

  def close(self) -> None:
    """Ends what still runs: all are asked before any is waited for."""
    for one in self._running:
      one.process.terminate()
    for one in self._running:
      child.stop(one.process, patience_s=30.0)
    self._bar.close()

  def _start(self, job: str, slot: Slot) -> None:
    process = child.start(
      [*work.COMMAND, f"--sweep={self._book.folder}", f"--job={job}"],
      self._book.log(job),
      environment=slot.environment,
      cores=slot.cores,
      # It ends its command and gives the job back.
      death_signal=signal.SIGTERM,
    )
    left = [run.name for run in self._book.unfinished(job)]
    self._running.append(_Running(job, process, slot, left))
    self._say(f"started: {job}, log {self._book.log(job)}")
    self._name_running()

  def _look_at(self, one: _Running) -> None:
    code = one.process.poll()  # before the files: none is missed at the end
    for name in [n for n in one.left if self._book.is_finished(n)]:
      one.left.remove(name)
      self._bar.update()
      self._say(f"done: {name}")
    if code is None:
      return
    self._running.remove(one)
    self._free.append(one.slot)
    self._name_running()
    if code == work.HELD:
      self._held.append((time.monotonic() + _RETRY_S, one.job))
    elif one.left:
      path = self._book.failure(one.job)
      if not path.exists():
        failure = {
          "exit_code": code,
          "last_line": child.last_line(self._book.log(one.job)),
          "runs": one.left,
          "time": time.time(),
        }
        workdir_lib.write_json(path, failure)
      found = workdir_lib.read_json(path)
      self._say(f"failed: {one.job}: {found['last_line']}")

  def _name_running(self) -> None:
    """The bar says which jobs run; their logs were named at their start."""
    names = [one.job for one in self._running]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    self._bar.set_postfix_str(", ".join(names[:_NAMED]) + more)

  def _say(self, line: str) -> None:
    self._bar.write(line, file=sys.stdout)
    sys.stdout.flush()
