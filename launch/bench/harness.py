"""What every benchmark prints: device, versions, ours, the peer, the ratio.

Also how two sides are timed: in turns, so that a machine that slows down
slows both, with the ratio taken within each round.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from bgm2pose_jax.base.errors import InputError


def needed(flag: Any) -> str:
  """A flag's value.

  Args:
    flag: holder of a text.

  Raises:
    InputError: it was not given.
  """
  if not flag.value:
    raise InputError(f"--{flag.name}", "is missing", "see --help")
  return str(flag.value)


def facts(*packages: str) -> dict[str, Any]:
  """Describes where a benchmark runs.

  Args:
    *packages: whose versions are stated besides JAX's; those that are not
      installed are left out.

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
    "cores": len(os.sched_getaffinity(0)),
    "load": round(os.getloadavg()[0], 2),
    "versions": versions,
  }


def headline(about: Mapping[str, Any]) -> str:
  """Returns one line that says what `facts` found."""
  versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
  return (
    f"{about['devices']} x {about['device']}, {about['cores']} cores, "
    f"load {about['load']} at the start; {versions}"
  )


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
    if not self.peer_s:
      return None
    return statistics.median(
      p / o for o, p in zip(self.ours_s, self.peer_s, strict=True)
    )


def in_turns(
  ours: Callable[[], object],
  peer: Callable[[], object] | None = None,
  *,
  rounds: int = 3,
  repeats: int = 3,
) -> Measured:
  """Times two sides in turns; each must wait for its own end.

  Args:
    ours: our work, warmed up by the caller or by the first, untimed call.
    peer: the same work by the peer.
    rounds: how often the sides change.
    repeats: calls of a side in a round; their median counts.
  """
  sides = [side for side in (ours, peer) if side is not None]
  for side in sides:
    side()
  walls: list[list[float]] = [[], []]
  cpus: list[list[float]] = [[], []]
  for _ in range(rounds):
    for i, side in enumerate(sides):
      spent, worked = [], []
      for _ in range(repeats):
        started, processor = time.perf_counter(), time.process_time()
        side()
        spent.append(time.perf_counter() - started)
        worked.append(time.process_time() - processor)
      walls[i].append(statistics.median(spent))
      cpus[i].append(statistics.median(worked))
  return Measured(walls[0], walls[1], cpus[0], cpus[1])


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


def _cell(value: Any) -> str:
  if value is None:
    return "-"
  if isinstance(value, float):
    return f"{value:.4g}"
  return str(value)


def write_json(
  path: str | None, about: Mapping[str, Any], **found: Any
) -> None:
  """Writes facts and figures to a file, when one is asked for.

  Args:
    path: of the file; None writes nothing.
    about: from `facts`.
    **found: e.g. `rows`, `ceilings`.
  """
  if path is not None:
    text = json.dumps({**about, **found}, indent=1)
    pathlib.Path(path).write_text(text + "\n")
