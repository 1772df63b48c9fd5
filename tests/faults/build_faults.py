"""Builds of data sets that are killed, and what becomes of them.

A build runs in a process of its own, which is killed or disturbed; then it runs
again, here, and its decoded records are compared with those of a build that
nobody disturbed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

from bgm2pose_jax.data import load, partial_builds, prepared
from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose.config import SimulateConfig
from bgm2pose_jax.systems.bgm2pose.simulated import raw_folder
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_ARRAYS = ("features", "pose", "window_index", "valid", "has_pose")
_NAMES = ("subject", "track", "genre", "recording", "label")
_SOON_S = 0.02
_LONG_S = 300.0
# A moment may be drawn after the end.
_MOST_DRAWS = 20
# Recordings of a few seconds, of one track.
_TRACK = "haze"
_MOVING = SimulateConfig(subjects=2, minutes=0.03)


@dataclasses.dataclass
class Tally:
  """What became of one kind of fault.

  Attributes:
    fault: in words.
    tried: how often.
    survived: the next build ended with the right records.
    lost: it did not.
    made_twice: recordings that were done before the fault and made again.
  """

  fault: str
  tried: int = 0
  survived: int = 0
  lost: int = 0
  made_twice: int = 0


def make_recordings(folder: pathlib.Path, people: int, minutes: float) -> None:
  """Simulates a raw folder of one track.

  Args:
    folder: to make.
    people: as many recordings.
    minutes: of each.
  """
  plan = raw_folder.RawPlan(subjects=1, minutes=minutes, tracks=(_TRACK,))
  raw_folder.make_raw(folder, plan, progress=False)
  data = folder / "data"
  # One sound for all: what is compared is which recording went where.
  for person in range(1, people):
    for each in list(data.rglob(f"*subject_0_{_TRACK}*")):
      name = each.name.replace("subject_0_", f"subject_{person}_")
      shutil.copy(each, each.with_name(name))
  for person in range(people):
    notes = data / "annotations" / f"subject_{person}_{_TRACK}.txt"
    notes.write_text(f"0.0 {60 * minutes:.3f} person {person}\n")


def build(
  raw: pathlib.Path | None, data_dir: pathlib.Path, log: pathlib.Path
) -> prepared.Prepared:
  """Prepares recordings and notes in a file which of them were made.

  Args:
    raw: their folder; None simulates some first.
    data_dir: where prepared data go.
    log: gets a line `begin NAME` and a line `have NAME` for each that is not
      taken from an earlier build.
  """
  taken = partial_builds.Parts.examples

  def noted(
    self: partial_builds.Parts, recording: str, make: Callable, *rest: Callable
  ) -> Iterator[partial_builds.Example]:
    made = False

    def begin() -> Iterator[partial_builds.Example]:
      nonlocal made
      made = True
      _note(log, f"begin {recording}")
      return make()

    yield from taken(self, recording, begin, *rest)
    if made:
      _note(log, f"have {recording}")

  if raw is None:
    found = prepare.open_source(simulate=_MOVING)
  else:
    found = prepare.open_source("ampl/raw", str(raw))
  partial_builds.Parts.examples = noted
  try:
    return prepared.prepare(
      found, data_dir=data_dir, sections=(_TRACK,), progress=False
    )
  finally:
    partial_builds.Parts.examples = taken


def _note(log: pathlib.Path, text: str) -> None:
  with open(log, "a", encoding="utf-8") as file:
    file.write(text + "\n")


def made_twice(log: pathlib.Path) -> int:
  """Returns how many recordings were begun after they had been there."""
  there: set[str] = set()
  again = 0
  for line in log.read_text("utf-8").splitlines():
    word, _, name = line.partition(" ")
    again += word == "begin" and name in there
    if word == "have":
      there.add(name)
  return again


def equal(one: MusicWindows, other: MusicWindows) -> bool:
  """Whether two tables hold the same windows in the same order."""
  return all(
    np.array_equal(getattr(one, name), getattr(other, name))
    for name in (*_ARRAYS, *_NAMES)
  ) and all(
    getattr(one, f"{name}s") == getattr(other, f"{name}s") for name in _NAMES
  )


class Bench:
  """Kills builds of one source and compares what comes after."""

  def __init__(self, raw: pathlib.Path | None, seed: int = 0):
    """Builds once undisturbed.

    Args:
      raw: folder of recordings; None for those that the build simulates.
      seed: of the moments.
    """
    self._raw = raw
    self._random = random.Random(seed)
    with self.scratch() as (data_dir, log):
      if not self._finish(data_dir, log):
        raise RuntimeError("an undisturbed build fails")
      self._wanted = load.load(build(raw, data_dir, log), None, MusicWindows)
      self._count = log.read_text("utf-8").count("have ")

  @functools.cached_property
  def _seconds(self) -> float:
    """How long a process builds, imports before it left out."""
    with self.scratch() as (data_dir, log):
      child = self._start(data_dir, log)
      self._wait_for(child, data_dir, log, None)
      begun = time.monotonic()
      child.wait(timeout=_LONG_S)
      return time.monotonic() - begun

  @staticmethod
  @contextlib.contextmanager
  def scratch() -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """Yields an empty data folder and a log beside it."""
    with tempfile.TemporaryDirectory(prefix="check-builds-") as name:
      yield pathlib.Path(name, "data"), pathlib.Path(name, "log")

  def killed(self, tally: Tally, damage: str | None = None) -> None:
    """Kills a build at a random moment, and builds again.

    Args:
      tally: counts what becomes of it.
      damage: what is done to a finished part meanwhile: `cut` or `flip`; then
        the build is killed when there is one.
    """
    for _ in range(_MOST_DRAWS):
      if self._try(tally, damage):
        return
    raise RuntimeError("the builds end before they can be killed")

  def _try(self, tally: Tally, damage: str | None) -> bool:
    with self.scratch() as (data_dir, log):
      if not self._kill(data_dir, log, None if damage is None else 1):
        return False
      if damage is not None:
        _damage(data_dir, damage, self._random)
        # Made anew by right.
        log.write_text("")
      self._compare(tally, data_dir, log)
    return True

  def killed_often(self, tally: Tally, most: int | None = None) -> None:
    """Kills each build after its first recording, until none is left.

    Args:
      tally: counts what becomes of it.
      most: that are killed.
    """
    with self.scratch() as (data_dir, log):
      for done in range(1, min(self._count, most or self._count) + 1):
        self._kill(data_dir, log, done)
      self._compare(tally, data_dir, log)

  def together(self, tally: Tally) -> None:
    """Starts two builds at once; the work must be done once."""
    with self.scratch() as (data_dir, log):
      children = [self._start(data_dir, log) for _ in range(2)]
      ended = [child.wait(timeout=_LONG_S) for child in children]
      whole = log.read_text("utf-8").count("begin ") == self._count
      if ended != [0, 0] or not whole:
        tally.tried += 1
        tally.lost += 1
        return
      self._compare(tally, data_dir, log)

  def _compare(
    self, tally: Tally, data_dir: pathlib.Path, log: pathlib.Path
  ) -> None:
    tally.tried += 1
    if not self._finish(data_dir, log):
      tally.lost += 1
      return
    found = load.load(build(self._raw, data_dir, log), None, MusicWindows)
    left = [path.name for path in data_dir.rglob(".*") if path.is_dir()]
    if equal(self._wanted, found) and left == [".config"]:  # TFDS's own
      tally.survived += 1
    else:
      tally.lost += 1
    tally.made_twice += made_twice(log) if log.exists() else 0

  def _finish(self, data_dir: pathlib.Path, log: pathlib.Path) -> bool:
    """Builds what is left, in a process that compiles as the killed ones."""
    return not self._start(data_dir, log).wait(timeout=_LONG_S)

  def _start(
    self, data_dir: pathlib.Path, log: pathlib.Path
  ) -> subprocess.Popen:
    raw = "" if self._raw is None else str(self._raw)
    module = [sys.executable, "-m", "tests.faults.build_faults"]
    command = [*module, raw, str(data_dir), str(log)]
    return subprocess.Popen(
      command,
      stdout=subprocess.DEVNULL,
      stderr=subprocess.DEVNULL,
      cwd=_ROOT,
    )

  def _kill(
    self, data_dir: pathlib.Path, log: pathlib.Path, done: int | None
  ) -> bool:
    """Kills a build, after so many recordings or at a random moment.

    Returns:
      Whether it was still running.
    """
    wait_s = 0.0 if done is not None else self._random.uniform(0, self._seconds)
    child = self._start(data_dir, log)
    self._wait_for(child, data_dir, log, done)
    with contextlib.suppress(subprocess.TimeoutExpired):
      child.wait(timeout=wait_s)
    child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL

  def _wait_for(
    self,
    child: subprocess.Popen,
    data_dir: pathlib.Path,
    log: pathlib.Path,
    done: int | None,
  ) -> None:
    """Waits until a build has begun, or has so many recordings."""
    mark, count = ("begin ", 1) if done is None else ("have ", done)
    if done is None and self._raw is None:
      mark = ""  # while it simulates, too
    deadline = time.monotonic() + _LONG_S
    while child.poll() is None and time.monotonic() < deadline:
      if data_dir.exists() and not mark:
        break
      if log.exists() and log.read_text("utf-8").count(mark or "?") >= count:
        break
      time.sleep(_SOON_S)


def _damage(data_dir: pathlib.Path, how: str, draw: random.Random) -> None:
  """Changes one finished part, if there is one."""
  kept = [p for p in data_dir.rglob("*") if p.parent.name.endswith(".parts")]
  kept = sorted(path for path in kept if not path.name.startswith("."))
  if not kept:
    return
  path = draw.choice(kept)
  data = bytearray(path.read_bytes())
  at = draw.randrange(len(data))
  if how == "cut":
    del data[at:]
  else:
    data[at] ^= 1 << draw.randrange(8)
  path.write_bytes(data)


if __name__ == "__main__":
  build(
    pathlib.Path(sys.argv[1]) if sys.argv[1] else None,
    pathlib.Path(sys.argv[2]),
    pathlib.Path(sys.argv[3]),
  )
