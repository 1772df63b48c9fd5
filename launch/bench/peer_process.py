"""A peer in a process of its own, which answers one line with one line.

A process of its own keeps each framework's threads, memory and environment
apart; between two questions it waits on its standard input, using no core.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError


class PeerProcess:
  """A running script that was given one JSON argument.

  Attributes:
    about: its first line, what it says of itself when it is ready.
  """

  def __init__(
    self,
    script: str,
    case: Mapping[str, Any],
    *,
    where: str,
    environment: Mapping[str, str] | None = None,
  ):
    """Starts the script and waits until it is ready.

    Args:
      script: a Python file that prints JSON lines: one when it is ready, one
        for each line of its standard input.
      case: its argument.
      where: what an error names, e.g. a flag.
      environment: added to this process's own.

    Raises:
      InputError: the script ends instead; with its last line.
    """
    self._where = where
    self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, lives on
    self._process = subprocess.Popen(
      [sys.executable, script, json.dumps(dict(case))],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=self._errors,
      text=True,
      env={**os.environ, **(environment or {})},
    )
    self.about: dict[str, Any] = self._reply()

  def ask(self, question: Any) -> Any:
    """Returns the answer to a JSON value.

    Args:
      question: one line of the script's standard input.

    Raises:
      InputError: the script ends instead; with its last line.
    """
    assert self._process.stdin is not None
    # One that has ended is heard of in the reply.
    with contextlib.suppress(BrokenPipeError):
      self._process.stdin.write(json.dumps(question) + "\n")
      self._process.stdin.flush()
    return self._reply()

  def close(self) -> None:
    """Ends the process."""
    assert self._process.stdin is not None
    assert self._process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
      self._process.stdin.close()
    self._process.wait()
    self._process.stdout.close()
    self._errors.close()

  def _reply(self) -> Any:
    assert self._process.stdout is not None
    line = self._process.stdout.readline()
    if line:
      return json.loads(line)
    self._process.wait()
    self._errors.seek(0)
    said = self._errors.read().strip().splitlines() or ["it said nothing"]
    raise InputError(self._where, said[-1], "see what it needs")
