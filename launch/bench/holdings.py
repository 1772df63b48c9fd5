"""What a process holds while it works on: memory, descriptors, threads."""

from __future__ import annotations

import dataclasses
import gc
import os
import statistics
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class Holding:
  """What is held at one time.

  Attributes:
    memory_mib: resident.
    descriptors: open files, sockets and pipes.
    threads: threads of all libraries.
  """

  memory_mib: float
  descriptors: int
  threads: int


def look() -> Holding:
  """Looks at this process; needs Linux."""
  pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
  return Holding(
    pages * os.sysconf("SC_PAGESIZE") / _MIB,
    len(os.listdir("/proc/self/fd")),
    len(os.listdir("/proc/self/task")),
  )


def repeated(work: Callable[[], Any], count: int) -> list[Holding]:
  """Does the same work again and again; what is held after each time."""
  found = []
  for _ in range(count):
    work()
    gc.collect()
    found.append(look())
  return found


def beside(work: Callable[[], Any], every_s: float) -> list[Holding]:
  """Does one long piece of work; what is held now and then meanwhile."""
  found, ended = [], threading.Event()

  def watch() -> None:
    while not ended.wait(every_s):
      found.append(look())

  watcher = threading.Thread(target=watch, daemon=True)
  watcher.start()
  try:
    work()
  finally:
    ended.set()
    watcher.join()
  return found


def growth(found: Sequence[Holding]) -> dict[str, float]:
  """Says how much more is held at the end than in the middle.

  The first half warms up: what is compiled and cached then is no leak.

  Args:
    found: in order of time, eight or more.

  Returns:
    {field of `Holding`: median of the last quarter less that of the third}.
  """
  if len(found) < 8:
    raise ValueError(f"{len(found)} samples are too few")
  quarter = len(found) // 4
  late, before = found[-quarter:], found[-2 * quarter : -quarter]
  return {
    field.name: statistics.median(getattr(x, field.name) for x in late)
    - statistics.median(getattr(x, field.name) for x in before)
    for field in dataclasses.fields(Holding)
  }
