"""What every measurement has in common: machine, turns, ratio, table, JSON.

A command calls `start(main)`; its `main` begins with `begin`, which prints
where it runs, and ends with `write`, which writes the figures to `--json`.
Two sides are timed in turns, so that a machine that slows down slows both,
and a ratio is taken within each round.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import jax
from absl import flags, logging

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.runtime import host_memory
from bgm2pose_jax.runtime.host_facts import host_facts

T = TypeVar("T")


def start(main: Callable[[], int | None]) -> None:
  """Runs a command; what makes it impossible is one line and code 2.

  Args:
    main: does the work; returns the exit code, None for 0.
  """

  def run(argv: Sequence[str]) -> None:
    with command.ending():
      command.no_arguments(argv)
      logging.set_verbosity(logging.WARNING)
      # As the main command does. A twin has a process of its own, as its users
      # have; MALLOC_MMAP_MAX_=0 in the environment gives it the same.
      host_memory.keep_freed()
      code = main()
    sys.exit(code)

  flags.DEFINE_string("json", None, "file for the figures")
  command.start(run)


def needed(flag: Any) -> str:
  """Returns a flag's text.

  Args:
    flag: the flag's holder.

  Raises:
    InputError: the flag was not given.
  """
  if not flag.value:
    raise InputError(f"--{flag.name}", "is missing", "see --help")
  return ",".join(flag.value) if isinstance(flag.value, list) else flag.value


def numbers(flag: Any) -> list[int]:
  """Returns the values of a list flag, all of them above 0.

  Args:
    flag: the flag's holder.

  Raises:
    InputError: a value is not a number.
  """
  if not all(text.isdecimal() and int(text) for text in flag.value):
    raise InputError(
      f"--{flag.name}={','.join(flag.value)}", "no numbers", "write 1,16"
    )
  return list(map(int, flag.value))


def among(flag: Any, known: Sequence[str]) -> list[str]:
  """Returns the values of a list flag.

  Args:
    flag: the flag's holder.
    known: what its values may be.

  Raises:
    InputError: a value is not among them.
  """
  for name in flag.value:
    if name not in known:
      raise InputError(
        f"--{flag.name}={name}", "unknown", f"choose of {', '.join(known)}"
      )
  return list(flag.value)


def installed(package: str, otherwise: str) -> bool:
  """Whether a package is there; prints what its absence means.

  Args:
    package: the package's name.
    otherwise: e.g. "the peer is missing".
  """
  found = importlib.util.find_spec(package) is not None
  if not found:
    print(f"{package} is not installed: {otherwise}")
  return found


def facts(*packages: str) -> dict[str, Any]:
  """Describes where a command runs.

  Args:
    *packages: packages whose versions are stated besides JAX's; those that
      are not installed are left out.

  Returns:
    Plain values: `device`, `devices`, `cores`, `load` (of the last minute,
    other programs') and `versions`.
  """
  versions = {"jax": jax.__version__}
  for name in packages:
    try:
      versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  return {
    "device": jax.devices()[0].device_kind,
    "devices": jax.device_count(),
    "cores": host_facts()["cpu_usable"],
    "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    "versions": versions,
  }


def begin(*packages: str) -> dict[str, Any]:
  """Prints in one line where the command runs; returns `facts`.

  Args:
    *packages: names of packages, as `facts` takes them.
  """
  about = facts(*packages)
  versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
  print(
    f"{about['devices']} x {about['device']}, {about['cores']} cores, "
    f"load {about['load']} at the start; {versions}",
    flush=True,
  )
  return about


def write(about: Mapping[str, Any], **found: Any) -> None:
  """Writes facts and figures to `--json`, when it is given.

  Args:
    about: the machine's facts.
    **found: the figures, e.g. `rows`, `ceilings`.
  """
  if flags.FLAGS.json is not None:
    text = json.dumps({**about, **found}, indent=1)
    pathlib.Path(flags.FLAGS.json).write_text(text + "\n", encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class Measured:
  """Ours beside a peer, same work, in turns.

  Attributes:
    ours_s: median seconds of each round.
    peer_s: the peer's, empty without one.
    ours_cpu_s: median processor seconds of each round, all cores together;
      other programs disturb them less.
    peer_cpu_s: the peer's.
  """

  ours_s: Sequence[float]
  peer_s: Sequence[float] = ()
  ours_cpu_s: Sequence[float] = ()
  peer_cpu_s: Sequence[float] = ()

  @property
  def seconds(self) -> float:
    """Our median over the rounds."""
    return statistics.median(self.ours_s)

  @property
  def peer_seconds(self) -> float | None:
    """The peer's median over the rounds."""
    return statistics.median(self.peer_s) if self.peer_s else None

  @property
  def ratio(self) -> float | None:
    """How many times as fast ours is: median of the rounds' ratios."""
    return ratio(self.peer_s, self.ours_s) if self.peer_s else None


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
  """Median over the rounds of their seconds over ours."""
  return statistics.median(p / o for p, o in zip(theirs, ours, strict=True))


def timed(work: Callable[[], object]) -> tuple[float, float]:
  """Seconds and processor seconds of work that waits for its own end."""
  wall, cpu = time.perf_counter(), time.process_time()
  work()
  return time.perf_counter() - wall, time.process_time() - cpu


def turns(sides: Sequence[Callable[[], T]], rounds: int) -> list[list[T]]:
  """Runs every side once a round; returns each side's results by round."""
  found: list[list[T]] = [[] for _ in sides]
  for _ in range(rounds):
    for side, results in zip(sides, found):
      results.append(side())
  return found


def in_turns(
  ours: Callable[[], object],
  peer: Callable[[], object] | None = None,
  *,
  rounds: int = 3,
  repeats: int = 3,
) -> Measured:
  """Times two sides in turns; each must wait for its own end.

  Args:
    ours: our work; its first call is not timed.
    peer: the same work by the peer.
    rounds: how often the sides change.
    repeats: calls of a side in a round; their median counts.
  """
  sides = [side for side in (ours, peer) if side is not None]
  for side in sides:
    side()

  def medians(side: Callable[[], object]) -> tuple[float, ...]:
    times = [timed(side) for _ in range(repeats)]
    return tuple(map(statistics.median, zip(*times)))

  found = turns([lambda side=side: medians(side) for side in sides], rounds)
  (wall, cpu), *other = [tuple(zip(*side)) for side in found]
  peer_wall, peer_cpu = other[0] if other else ((), ())
  return Measured(wall, peer_wall, cpu, peer_cpu)


def show(
  rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None
) -> None:
  """Prints rows as an aligned table.

  Args:
    rows: plain dicts.
    columns: keys in their order; the first row's if not given.
  """
  print(table(rows, columns or list(rows[0])), flush=True)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
  """Returns aligned text; numbers to four digits, nothing as `-`.

  Args:
    rows: plain dicts.
    columns: keys in their order; a key missing in a row prints `-`.
  """
  cells = [list(columns)] + [
    [_cell(row.get(c)) for c in columns] for row in rows
  ]
  widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
  numeric = [
    all(not isinstance(row.get(c), str) for row in rows) for c in columns
  ]
  return "\n".join(
    "  ".join(
      cell.rjust(width) if right else cell.ljust(width)
      for cell, width, right in zip(line, widths, numeric)
    ).rstrip()
    for line in cells
  )


def line(row: Mapping[str, Any]) -> str:
  """Returns one row as text: each key and its value."""
  return ", ".join(f"{name} {_cell(value)}" for name, value in row.items())


def _cell(value: Any) -> str:
  if value is None:
    return "-"
  if isinstance(value, float):
    return f"{value:.4g}"
  return str(value)
