"""Modules of this package in a process of their own.

A process of its own keeps each framework's threads, memory and environment
apart. It is given one JSON value; it answers once (`run`), or one line with
one line (`Peer`), and between two questions it waits on its standard input,
using no core.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def environment(
  more: Mapping[str, str] | None = None, without: tuple[str, ...] = ()
) -> dict[str, str]:
  """This process's environment, in which `launch` is found from anywhere.

  Args:
    more: variables to add.
    without: names of variables to leave out.
  """
  path = [str(ROOT), os.environ.get("PYTHONPATH", "")]
  kept = {k: v for k, v in os.environ.items() if k not in without}
  kept["PYTHONPATH"] = os.pathsep.join(filter(None, path))
  return {**kept, **(more or {})}


def run(
  module: str, case: Any, *, where: str, environment: Mapping[str, str]
) -> Any:
  """Runs a module and returns the JSON value of its last line.

  Args:
    module: the module's name.
    case: a dataclass, the module's argument.
    where: what an error names.
    environment: the environment of the process.

  Raises:
    RuntimeError: the process fails; with its last line.
  """
  done = subprocess.run(
    _command(module, dataclasses.asdict(case)),
    capture_output=True,
    text=True,
    check=False,
    env={**environment},
  )
  if done.returncode:
    raise RuntimeError(f"{where}: {_last(done.stderr)}")
  return json.loads(done.stdout.splitlines()[-1])


class Peer:
  """A running module that answers line by line.

  Attributes:
    about: its first line, what it says of itself when it is ready.
  """

  def __init__(
    self,
    module: str,
    case: Mapping[str, Any],
    *,
    where: str,
    more: Mapping[str, str] | None = None,
  ):
    """Starts the module and waits until it is ready.

    Args:
      module: the name of a module that calls `serve`.
      case: its argument.
      where: what an error names, e.g. a flag.
      more: added to this process's environment.

    Raises:
      InputError: the module ends instead; with its last line.
    """
    self._where = where
    self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, lives on
    self._process = subprocess.Popen(
      _command(module, dict(case)),
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=self._errors,
      text=True,
      env=environment(more),
    )
    assert self._process.stdin is not None
    assert self._process.stdout is not None
    self._to, self._from = self._process.stdin, self._process.stdout
    self.about: dict[str, Any] = self._reply()

  def ask(self, question: Any) -> Any:
    """Returns the answer to a JSON value.

    Args:
      question: one line of the module's standard input.

    Raises:
      InputError: the module ends instead; with its last line.
    """
    # One that has ended is heard of in the reply.
    with contextlib.suppress(BrokenPipeError):
      self._to.write(json.dumps(question) + "\n")
      self._to.flush()
    return self._reply()

  def close(self) -> None:
    """Ends the process."""
    with contextlib.suppress(BrokenPipeError):
      self._to.close()
    self._process.wait()
    self._from.close()
    self._errors.close()

  def _reply(self) -> Any:
    line = self._from.readline()
    if line:
      return json.loads(line)
    self._process.wait()
    self._errors.seek(0)
    said = _last(self._errors.read())
    raise InputError(self._where, said, "see what it needs")


def case() -> dict[str, Any]:
  """In the process: what it was given."""
  return json.loads(sys.argv[1])


def serve(
  make: Callable[[dict[str, Any]], tuple[Any, Callable[[Any], Any]]],
) -> None:
  """In the process: answers until its standard input ends.

  What else is printed goes to standard error.

  Args:
    make: takes the case; returns what the process says of itself, and a
      function from a question to its answer.
  """
  replies = sys.stdout
  with contextlib.redirect_stdout(sys.stderr):
    about, answer = make(case())
    print(json.dumps(about), file=replies, flush=True)
    for line in sys.stdin:
      print(json.dumps(answer(json.loads(line))), file=replies, flush=True)


def _command(module: str, case: Mapping[str, Any]) -> list[str]:
  return [sys.executable, "-m", module, json.dumps(case)]


def _last(said: str) -> str:
  return (said.strip().splitlines() or ["it said nothing"])[-1]
