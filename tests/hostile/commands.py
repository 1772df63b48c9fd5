"""Commands that are given hostile inputs, and what each of them left.

Started by itself it is a process that loads the package once and starts every
command of a list as a copy of itself, which saves the seconds of loading:

    python -m tests.hostile.commands FOLDER < list of JSON
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import resource
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from tests.hostile.arrays import MARK

OUT = "out"
_LONGEST_S = 120
_MOST_MIB = 2048
# What the commands load; main itself defines its flags when it is loaded.
_LOADED = (
  "bgm2pose_jax.comparison.write",
  "bgm2pose_jax.inference.export.restoring",
  "bgm2pose_jax.systems.bgm2pose.align.page",
  "bgm2pose_jax.systems.bgm2pose.align.poses",
  "bgm2pose_jax.systems.bgm2pose.doctor.examine",
  "bgm2pose_jax.systems.bgm2pose.predict.page",
  "bgm2pose_jax.systems.bgm2pose.predict.predictor",
  "bgm2pose_jax.systems.bgm2pose.prepare",
  "bgm2pose_jax.systems.bgm2pose.simulated.raw_folder",
  "bgm2pose_jax.systems.bgm2pose.still_room.response_file",
  "bgm2pose_jax.systems.bgm2pose.stream.flow",
  "bgm2pose_jax.systems.bgm2pose.stream.server",
  "bgm2pose_jax.systems.bgm2pose.stream.sound_input",
  "bgm2pose_jax.systems.posekernel.extraction.write",
  "bgm2pose_jax.training.run",
)
# Folders that commands may write to.
_OWN = (OUT, "cache", "log", "tmp")


@dataclasses.dataclass(frozen=True)
class Command:
  """One command line.

  Attributes:
    fault: its class, a row of the table.
    module: run as `python -m bgm2pose_jax.MODULE`.
    flags: in a folder of its own, see `lists`.
    status: exit codes that are right.
    stdin: a file that is its standard input.
  """

  fault: str
  module: str
  flags: tuple[str, ...]
  status: tuple[int, ...] = (2,)
  stdin: str = os.devnull

  @property
  def name(self) -> str:
    """For people."""
    return ascii(" ".join((self.module, *self.flags)))[1:-1]


@dataclasses.dataclass(frozen=True)
class Ended:
  """How a command ended.

  Attributes:
    status: exit code, negative for a signal.
    stdout: what it printed.
    stderr: likewise.
    mib: most memory it had.
    seconds: it took.
  """

  status: int
  stdout: str
  stderr: str
  mib: int
  seconds: float


def environment(work: pathlib.Path) -> dict[str, str]:
  """The environment of a command that works in a folder."""
  return {
    **os.environ,
    "XDG_CACHE_HOME": str(work / "cache"),
    "TMPDIR": str(work / "tmp"),
    "JAX_PLATFORMS": "cpu",
    "TF_CPP_MIN_LOG_LEVEL": "3",
  }


def judged(command: Command, ended: Ended, work: pathlib.Path) -> str:
  """What is wrong with an end; nothing if nothing is.

  Args:
    command: that was started.
    ended: how it ended.
    work: the folder it worked in.
  """
  said = ended.stdout + ended.stderr
  told = [x for x in ended.stderr.splitlines() if x.startswith("error: ")]
  new = listed(work) - _KNOWN.get(work, set())
  for is_wrong, words in (
    (ended.status not in command.status, f"ended with {ended.status}"),
    ("Traceback (most recent call" in said, "shows a traceback"),
    (ended.status == 2 and len(told) != 1, f"{len(told)} error lines"),
    (not all(x.isprintable() for x in told), "an unprintable line"),
    (ended.mib > _MOST_MIB, f"took {ended.mib} MiB"),
    (bool(new), f"left {sorted(new)[:3]}"),
    (MARK in " ".join(os.listdir(work)), "unpickled code"),
  ):
    if is_wrong:
      return f"{words}: {ended.stderr[-300:]!a}"
  return ""


_KNOWN: dict[pathlib.Path, set[str]] = {}


def know(work: pathlib.Path) -> None:
  """Takes what lies in a folder for its beginning."""
  _KNOWN[work] = listed(work)


def listed(work: pathlib.Path) -> set[str]:
  """Everything in a folder that no command may add to."""
  return {
    os.path.relpath(os.path.join(base, name), work)
    for base, folders, files in os.walk(work)
    for name in (*folders, *files)
    if os.path.relpath(os.path.join(base, name), work).split(os.sep)[0]
    not in _OWN
  }


def start(command: Command, work: pathlib.Path) -> Ended:
  """Runs a command as a process of its own, as a user does."""
  argv = [sys.executable, "-m", f"bgm2pose_jax.{command.module}"]
  return _waited(
    subprocess.Popen(
      [*argv, *command.flags],
      cwd=work,
      env=environment(work),
      stdin=open(work / command.stdin, "rb"),
      stdout=open(work / "log" / "out", "wb"),
      stderr=open(work / "log" / "err", "wb"),
      start_new_session=True,
    ).pid,
    work,
  )


def copies(
  commands: Sequence[Command], work: pathlib.Path
) -> Iterator[tuple[Command, Ended]]:
  """Runs commands as copies of one process that has loaded the package."""
  process = subprocess.Popen(
    [sys.executable, "-m", "tests.hostile.commands", str(work)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    cwd=work,
    env=environment(work)
    | {"PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])},
    text=True,
  )
  assert process.stdin is not None
  assert process.stdout is not None
  with process:
    for command in commands:
      process.stdin.write(json.dumps(dataclasses.asdict(command)) + "\n")
      process.stdin.flush()
      line = process.stdout.readline()
      if not line:
        raise RuntimeError("the process that starts commands ended")
      yield command, Ended(**json.loads(line))
    process.stdin.close()


_ROOT = pathlib.Path(__file__).resolve().parents[2]


def _serve(work: pathlib.Path) -> None:
  for name in _LOADED:
    __import__(name)
  for line in sys.stdin:
    given: dict[str, Any] = json.loads(line)
    number = os.fork()
    if not number:
      _become(Command(**given), work)
    print(json.dumps(dataclasses.asdict(_waited(number, work))), flush=True)


def _become(command: Command, work: pathlib.Path) -> None:
  """Turns this copy into a command; never returns."""
  os.setsid()
  for place, target, mode in (
    (0, work / command.stdin, os.O_RDONLY),
    (1, work / "log" / "out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    (2, work / "log" / "err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
  ):
    os.dup2(os.open(target, mode), place)
  sys.stdin = open(0)  # noqa: SIM115
  sys.argv = [command.module, *command.flags]
  status = 0
  try:
    runpy.run_module(
      f"bgm2pose_jax.{command.module}", run_name="__main__", alter_sys=True
    )
  except SystemExit as order:
    status = order.code if isinstance(order.code, int) else bool(order.code)
  except BaseException:
    traceback.print_exc()
    status = 1
  for stream in (sys.stdout, sys.stderr):
    stream.flush()
  os._exit(status)


def _waited(number: int, work: pathlib.Path) -> Ended:
  """Waits for a process, and ends it when it does not."""
  started = time.monotonic()
  while True:
    done, status, usage = os.wait4(number, os.WNOHANG)
    if done:
      break
    if time.monotonic() - started > _LONGEST_S:
      os.killpg(number, signal.SIGKILL)
    time.sleep(0.02)
  out, told = (
    (work / "log" / name).read_text("utf-8", errors="replace")
    for name in ("out", "err")
  )
  return Ended(
    os.waitstatus_to_exitcode(status),
    out,
    told,
    _mib(usage),
    round(time.monotonic() - started, 2),
  )


def _mib(usage: resource.struct_rusage) -> int:
  return usage.ru_maxrss >> 10


if __name__ == "__main__":
  _serve(pathlib.Path(sys.argv[1]))
