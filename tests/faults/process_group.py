"""The processes of one run on this machine, started and ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any


class ProcessGroup:
  """One command in one process or several, which share one run.

  Attributes:
    processes: in order of their numbers.
  """

  def __init__(
    self,
    command: Sequence[str],
    logs: Sequence[Any],
    environment: Mapping[str, str],
  ):
    """Starts them.

    Args:
      command: of the main module; with several processes each is told its
        place in flags.
      logs: a file for what each says, as many as there are processes.
      environment: laid over this process's own.
    """
    flags = [()] * len(logs)
    if len(logs) > 1:
      with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
      flags = [
        (
          f"--coordinator={address}",
          f"--processes={len(logs)}",
          f"--process={i}",
        )
        for i in range(len(logs))
      ]
    self.processes = [
      subprocess.Popen(
        [*command, *own],
        stdout=log,
        stderr=log,
        env={**os.environ, **environment},
      )
      for own, log in zip(flags, logs)
    ]

  def running(self) -> bool:
    """Whether all of them run."""
    return all(process.poll() is None for process in self.processes)

  def signal(self, number: signal.Signals, targets: Sequence[int]) -> None:
    """Sends a signal to some of them.

    Args:
      number: of the signal.
      targets: numbers of processes.
    """
    for target in targets:
      self.processes[target].send_signal(number)

  def wait(self, seconds: float) -> tuple[list[int], float]:
    """Waits until all have ended; those that do not are killed.

    Args:
      seconds: to wait at most.

    Returns:
      Their exit codes, and the seconds it took.
    """
    started = time.monotonic()
    for process in self.processes:
      left = started + seconds - time.monotonic()
      with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, left))
    took = time.monotonic() - started
    self.kill()
    return [process.wait() for process in self.processes], took

  def kill(self) -> None:
    """Kills those that still run."""
    for process in self.processes:
      process.kill()
