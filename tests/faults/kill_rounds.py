"""Runs that are killed and stopped, and whether they end as one left alone."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.runtime import stop_signal
from bgm2pose_jax.state import seal
from tests.faults import process_group

# A network that compiles at once, on little data; every phase has its moment.
SMALL = (
  "--set=data.simulate.subjects=3",
  "--set=data.simulate.minutes=0.3",
  "--set=network.width=0.03125",
  "--set=network.stem_pool=8",
  "--set=network.frequency_attention=false",
  "--set=batch.size=8",
  "--set=optim.epochs=8",
  "--set=optim.steps_per_epoch=7",
  "--set=run.log_every_steps=3",
)
# Phase -> seconds after its beginning within which the signal comes.
PHASES = {
  "start": 3.0,
  "compile": 1.5,
  "step": 0.6,
  "save": 0.04,
  "evaluate": 0.8,
}
_FILES = ("metrics.jsonl", "results.json", "predictions.npz")
_POLL_S = 0.002
_TRIES = 3
# Of a run; of its end after SIGTERM, which a compiler holds up; after SIGKILL.
_MOST_S, _MOST_STOP_S, _MOST_GONE_S = 1800.0, 600.0, 60.0


@dataclasses.dataclass(frozen=True)
class Case:
  """The run to disturb.

  Attributes:
    folder: for everything that is made.
    flags: of the main command, without --workdir.
    environment: laid over the process's own.
    processes: that share the run.
  """

  folder: pathlib.Path
  flags: Sequence[str] = SMALL
  environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
  processes: int = 1

  def start(
    self, work: pathlib.Path, logs: Sequence[Any]
  ) -> process_group.ProcessGroup:
    """Starts the command that begins or goes on in a work folder.

    Args:
      work: the folder.
      logs: for what each process says.
    """
    command = [
      *(sys.executable, "-m", "bgm2pose_jax.main", *self.flags),
      f"--data_dir={self.folder / 'data'}",
      f"--workdir={work}",
    ]
    environment = {
      "XDG_CACHE_HOME": str(self.folder / "cache"),
      **self.environment,
    }
    return process_group.ProcessGroup(command, logs, environment)

  def logs(self, work: pathlib.Path) -> list[pathlib.Path]:
    """Returns where each process's words of a work folder lie."""
    return [
      self.folder / (f"{work.name}.{i}.log" if i else f"{work.name}.log")
      for i in range(self.processes)
    ]


@dataclasses.dataclass(frozen=True)
class Fault:
  """What is done to a run.

  Attributes:
    number: the signal.
    phase: one of `PHASES`.
    targets: numbers of the processes that get it.
  """

  number: signal.Signals
  phase: str
  targets: tuple[int, ...]

  def words(self, processes: int) -> str:
    """Returns e.g. "SIGKILL of 1, step"; of which one only among several."""
    whom = " and ".join(map(str, self.targets))
    of = f" of {whom}" if processes > 1 else ""
    return f"{self.number.name}{of}, {self.phase}"


def rounds(
  case: Case,
  kills: int,
  terms: int,
  seed: int = 0,
  say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
  """Disturbs runs and compares how they end with one left alone.

  A run is disturbed again and again; when it has ended all the same, another
  is begun.

  Args:
    case: the run.
    kills: how often SIGKILL comes.
    terms: how often SIGTERM comes.
    seed: of the moments.
    say: takes a line on each.

  Returns:
    For each signal and phase the fault, how often it was tried, survived (the
    run ended with the bytes of the one left alone) and lost, and the longest
    that all processes took to end, in seconds.

  Raises:
    RuntimeError: the run that is left alone fails.
  """
  alone = case.folder / "alone"
  last = _left_alone(case, alone)
  rng = np.random.default_rng(seed)
  tried: dict[Fault, list[float]] = {}
  lost: list[Fault] = []
  works = _folders(case.folder)
  work, open_faults = next(works), []
  for fault in _faults(case, kills, terms):
    for _ in range(_TRIES):
      ended, took = _disturb(case, work, fault, rng, last)
      say(f"{work.name}: {fault.words(case.processes)}: {ended} ({took:.1f} s)")
      if ended == "too late":
        lost += _settled(case, work, alone, open_faults, say)
        work, open_faults = next(works), []
        continue
      tried.setdefault(fault, []).append(took)
      open_faults.append(fault)
      if ended not in ("killed", "stopped"):
        lost += open_faults
        work, open_faults = next(works), []
      break
  lost += _settled(case, work, alone, open_faults, say)
  return [
    {
      "fault": fault.words(case.processes),
      "tried": len(ends),
      "survived": len(ends) - lost.count(fault),
      "lost": lost.count(fault),
      "slowest end s": max(ends),
    }
    for fault, ends in tried.items()
  ]


def _faults(case: Case, kills: int, terms: int) -> list[Fault]:
  """Every phase in turn, and with each all processes or one of them."""
  names, every = list(PHASES), tuple(range(case.processes))
  turns = [every, *((i,) for i in every if case.processes > 1)]
  found = []
  for number, count in ((signal.SIGKILL, kills), (signal.SIGTERM, terms)):
    for i in range(count):
      phase = names[i % len(names)]
      # Whoever is not there yet is waited for, and not missed.
      targets = every if phase == "start" else turns[i % len(turns)]
      found.append(Fault(number, phase, targets))
  return found


def differences(work: pathlib.Path, alone: pathlib.Path) -> list[str]:
  """Names what of a finished run is not as in another, byte for byte."""
  found = [
    name
    for name in _FILES
    if not (work / name).exists()
    or (work / name).read_bytes() != (alone / name).read_bytes()
  ]
  kept = [_kept(folder / "checkpoints") for folder in (work, alone)]
  if kept[0] != kept[1]:
    found.append("checkpoints")
  return found


def _kept(folder: pathlib.Path) -> dict[int, Any]:
  """The sums of arrays, figures and facts of every step of a folder."""
  left = [p.name for p in folder.iterdir() if not p.name.isdecimal()]
  if left:
    raise RuntimeError(f"{folder} holds {left}")
  bodies = {step: seal.check(folder / str(step)) for step in
            seal.numbered(folder)}  # fmt: skip
  return {
    step: {k: v for k, v in body.items() if k not in ("files", "sha256")}
    for step, body in bodies.items()
  }


def _left_alone(case: Case, work: pathlib.Path) -> int:
  """Does the run; its last step."""
  code, said = _finish(case, work)
  if code:
    raise RuntimeError(f"the run left alone ended with {code}: {said}")
  return seal.numbered(work / "checkpoints")[-1]


def _finish(case: Case, work: pathlib.Path) -> tuple[int, str]:
  with contextlib.ExitStack() as stack:
    files = _opened(case, work, stack)
    codes, _ = case.start(work, files).wait(_MOST_S)
  worst = next((i for i, code in enumerate(codes) if code), 0)
  return codes[worst], _tail(case.logs(work)[worst])


def _opened(case, work, stack) -> list[Any]:
  return [stack.enter_context(p.open("ab")) for p in case.logs(work)]


def _settled(case, work, alone, faults, say) -> list:
  """Ends a disturbed run; the faults it did not survive."""
  if not faults:
    return []
  code, said = _finish(case, work)
  wrong = [f"exit code {code}: {said}"] if code else differences(work, alone)
  say(f"{work.name}: {', '.join(wrong) if wrong else 'same bytes'}")
  return list(faults) if wrong else []


def _disturb(case, work, fault, rng, last) -> tuple[str, float]:
  """Sends a signal in a phase; how the run ended, and after which time."""
  log = case.logs(work)[0]
  delay = rng.uniform(0, PHASES[fault.phase])
  with contextlib.ExitStack() as stack:
    files = _opened(case, work, stack)
    before = files[0].tell(), _size(work / "metrics.jsonl")
    begun = [file.tell() for file in files]
    group = case.start(work, files)
    try:
      while group.running() and not _began(
        fault.phase, work, log, before, last
      ):
        time.sleep(_POLL_S)
      until = time.monotonic() + delay
      while group.running() and time.monotonic() < until:
        time.sleep(_POLL_S)
      if group.running():
        group.signal(fault.number, fault.targets)
      killing = fault.number == signal.SIGKILL
      codes, took = group.wait(_MOST_GONE_S if killing else _MOST_STOP_S)
    finally:
      group.kill()
  if not any(codes):
    return "too late", took
  for i, code in enumerate(codes):
    # Before the command listens, SIGTERM ends it as any other.
    hit = code == -fault.number and i in fault.targets
    if not hit and code not in (0, stop_signal.EXIT_CODE):
      return f"exit code {code}: {_tail(case.logs(work)[i])}", took
    if fault.number == signal.SIGKILL and code == stop_signal.EXIT_CODE:
      with case.logs(work)[i].open("rb") as file:
        file.seek(begun[i])
        if file.read().count(b" is gone; the same command") != 1:
          return f"process {i} does not say who is gone", took
  killed = any(code == -fault.number for code in codes)
  return "killed" if killed else "stopped", took


def _began(phase, work, log, before, last) -> bool:
  if phase == "start":
    return True
  if phase == "save":
    return any(work.glob("checkpoints/saving-*"))
  if phase == "evaluate":
    return (work / "checkpoints" / str(last)).exists()
  if phase == "step" and _size(work / "metrics.jsonl") <= before[1]:
    return False
  with log.open("rb") as file:
    file.seek(before[0])
    return b"windows: " in file.read()


def _size(path: pathlib.Path) -> int:
  return path.stat().st_size if path.exists() else 0


def _tail(log: pathlib.Path) -> str:
  lines = log.read_text(errors="replace").split("\n")
  return next((line for line in reversed(lines) if line.strip()), "")


def _folders(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  count = 0
  while True:
    yield folder / f"round{count}"
    count += 1
