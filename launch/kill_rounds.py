"""Runs that are killed and stopped, and whether they end as one left alone."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax import seal, stop_signal

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


@dataclasses.dataclass(frozen=True)
class Case:
  """The run to disturb.

  Attributes:
    folder: for everything that is made.
    flags: of the main command, without --workdir.
    environment: laid over the process's own.
  """

  folder: pathlib.Path
  flags: Sequence[str] = SMALL
  environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

  def start(self, work: pathlib.Path, log: Any) -> subprocess.Popen[bytes]:
    """Starts the command that begins or goes on in a work folder."""
    command = [
      *(sys.executable, "-m", "bgm2pose_jax.main", *self.flags),
      f"--data_dir={self.folder / 'data'}",
      f"--workdir={work}",
    ]
    return subprocess.Popen(
      command,
      stdout=log,
      stderr=log,
      env={
        **os.environ,
        "XDG_CACHE_HOME": str(self.folder / "cache"),
        **self.environment,
      },
    )


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
    For each signal and phase the fault, and how often it was tried, survived
    (the run ended with the bytes of the one left alone) and lost.

  Raises:
    RuntimeError: the run that is left alone fails.
  """
  alone = case.folder / "alone"
  last = _left_alone(case, alone)
  rng = np.random.default_rng(seed)
  names = list(PHASES)
  faults = [
    (number, names[i % len(names)])
    for number, count in ((signal.SIGKILL, kills), (signal.SIGTERM, terms))
    for i in range(count)
  ]
  tried: list[tuple[signal.Signals, str]] = []
  lost: list[tuple[signal.Signals, str]] = []
  works = _folders(case.folder)
  work, open_faults = next(works), []
  for number, phase in faults:
    for _ in range(_TRIES):
      ended = _disturb(case, work, number, phase, rng, last)
      say(f"{work.name}: {number.name} in phase {phase}: {ended}")
      if ended == "too late":
        lost += _settled(case, work, alone, open_faults, say)
        work, open_faults = next(works), []
        continue
      tried.append((number, phase))
      open_faults.append((number, phase))
      if ended not in ("killed", "stopped"):
        lost += open_faults
        work, open_faults = next(works), []
      break
  lost += _settled(case, work, alone, open_faults, say)
  return [
    {
      "fault": f"{number.name}, {phase}",
      "tried": tried.count((number, phase)),
      "survived": tried.count((number, phase)) - lost.count((number, phase)),
      "lost": lost.count((number, phase)),
    }
    for number, phase in sorted(set(tried), key=tried.index)
  ]


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
  log = case.folder / f"{work.name}.log"
  with log.open("ab") as file:
    code = case.start(work, file).wait()
  return code, _tail(log)


def _settled(case, work, alone, faults, say) -> list:
  """Ends a disturbed run; the faults it did not survive."""
  if not faults:
    return []
  code, said = _finish(case, work)
  wrong = [f"exit code {code}: {said}"] if code else differences(work, alone)
  say(f"{work.name}: {', '.join(wrong) if wrong else 'same bytes'}")
  return list(faults) if wrong else []


def _disturb(case, work, number, phase, rng, last) -> str:
  """Sends a signal in a phase; how the process ended."""
  log = case.folder / f"{work.name}.log"
  delay = rng.uniform(0, PHASES[phase])
  with log.open("ab") as file:
    before = file.tell(), _size(work / "metrics.jsonl")
    process = case.start(work, file)
    try:
      while process.poll() is None and not _began(
        phase, work, log, before, last
      ):
        time.sleep(_POLL_S)
      until = time.monotonic() + delay
      while process.poll() is None and time.monotonic() < until:
        time.sleep(_POLL_S)
      if process.poll() is not None:
        return "too late" if not process.returncode else _failure(process, log)
      process.send_signal(number)
      code = process.wait(600)
    finally:
      process.kill()
  if code == -number:
    # Before the command listens, SIGTERM ends it as any other.
    return "killed"
  if code == stop_signal.EXIT_CODE:
    return "stopped"
  return "too late" if not code else _failure(process, log)


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


def _failure(process: subprocess.Popen, log: pathlib.Path) -> str:
  return f"exit code {process.returncode}: {_tail(log)}"


def _tail(log: pathlib.Path) -> str:
  lines = log.read_text(errors="replace").split("\n")
  return next((line for line in reversed(lines) if line.strip()), "")


def _folders(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  count = 0
  while True:
    yield folder / f"round{count}"
    count += 1
