"""Processes of one run that know of each other's end, and wait for each other.

Every process holds a plain TCP connection to process 0. One that closes tells
at once that its process was killed; one that is silent, that its host is gone.
Collectives tell neither: they hang, or abort the process. Whoever ends for a
reason of its own says so, and the others end with the same line and code.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from bgm2pose_jax.runtime import stop_signal

# How often each process says that it is there, and the longest silence.
PERIOD_S = 10.0
LIMIT_S = 40.0
_MOST_BYTES = 1 << 20
_FAREWELL_S = 2.0


class Watch:
  """One process's view of the others.

  Attributes:
    index: the index of this process.
    count: the number of processes.
    goes_on: what the same command does next, for the line that names who is
      gone, e.g. "goes on after step 40".
  """

  def __init__(
    self, index: int, count: int, links: Mapping[int, socket.socket]
  ):
    """Starts to watch.

    Args:
      index: the index of this process.
      count: the number of processes.
      links: {process: socket}, those of `accept`, or the one of `dial`.
    """
    self.index, self.count = index, count
    self.goes_on = "goes on"
    self._links = dict(links)
    self._heard = dict.fromkeys(links, time.monotonic())
    self._arrived: dict[str, set[int]] = {}
    self._met: dict[str, Any] = {}
    self._left: set[int] = set()
    self._news = threading.Condition()
    self._sending = threading.Lock()
    # Taken for good by what ends the process: a second reason comes too late.
    self._end = threading.Lock()
    self._ending = False
    # A forked process that outlives this one must not keep its links open.
    if hasattr(os, "register_at_fork"):
      os.register_at_fork(after_in_child=self._close)
    self._readers = [
      threading.Thread(target=self._read, args=(other,), daemon=True)
      for other in links
    ]
    for reader in self._readers:
      reader.start()
    threading.Thread(target=self._beat, daemon=True).start()

  def meet(self, name: str, value: Any = None) -> Any:
    """Waits until every process is at a place of this name.

    However long the others take: who is gone ends the wait.

    Args:
      name: the name of the place.
      value: process 0's value, plain for JSON.

    Returns:
      Process 0's value.
    """
    if self.index:
      self._tell({"meet": name})
      with self._news:
        self._news.wait_for(lambda: name in self._met)
        return self._met.pop(name)
    with self._news:
      self._news.wait_for(
        lambda: len(self._arrived.get(name, ())) == len(self._links)
      )
      self._arrived.pop(name, None)
    self._tell({"met": name, "value": value})
    return value

  def leave(self) -> None:
    """Waits until all have done their work; then nobody is missed."""
    if self.index:
      self._tell({"bye": True})
    with self._news:
      self._news.wait_for(lambda: len(self._left) == len(self._links))
    if not self.index:
      self._tell({"bye": True})
    self._ending = True

  def end(self, code: int, line: str) -> NoReturn:
    """Ends this process, and with it all others.

    Args:
      code: exit code of all.
      line: what each says.
    """
    self._end.acquire()
    self._finish(code, line)

  def _finish(self, code: int, line: str) -> NoReturn:
    self._ending = True
    self._tell({"end": [code, line]})
    print(line, file=sys.stderr, flush=True)
    # Process 0 closes last, so that nobody takes it for gone.
    until = time.monotonic() + (0.0 if self.index else _FAREWELL_S)
    for reader in self._readers:
      if reader is not threading.current_thread():
        reader.join(max(0.0, until - time.monotonic()))
    _exit(code)

  def _interrupt(self, code: int, line: str) -> None:
    """Ends the process from a thread, whatever the main thread is at."""
    if not self._end.acquire(blocking=False):
      return
    # A progress bar may be on the last line.
    bar = not self.index
    print("\r\033[K" if sys.stderr.isatty() else "\n" * bar, end="",
          file=sys.stderr)  # fmt: skip
    self._finish(code, line)

  def _read(self, other: int) -> None:
    """Takes what another process says, until its connection closes."""
    with (
      contextlib.suppress(OSError, ValueError, KeyError),
      self._links[other].makefile("rb") as file,
    ):
      while text := file.readline(_MOST_BYTES):
        self._heard[other] = time.monotonic()
        self._take(other, json.loads(text))
    self._miss(other)

  def _take(self, other: int, message: dict[str, Any]) -> None:
    if "end" in message:
      self._interrupt(*message["end"])
    with self._news:
      if "meet" in message:
        self._arrived.setdefault(message["meet"], set()).add(other)
      elif "met" in message:
        self._met[message["met"]] = message["value"]
      elif "bye" in message:
        self._left.add(other)
      self._news.notify_all()

  def _miss(self, other: int) -> None:
    if not self._ending and other not in self._left:
      self._interrupt(
        stop_signal.EXIT_CODE,
        f"process {other} of {self.count} is gone; the same command on all "
        f"hosts {self.goes_on}",
      )

  def _beat(self) -> None:
    """Says now and then that this process is there, and hears who is not."""
    before = time.monotonic()
    while not self._ending:
      time.sleep(PERIOD_S)
      now = time.monotonic()
      if now - before > 2 * PERIOD_S:
        # This process itself stood still, and has yet to hear the others.
        self._heard = dict.fromkeys(self._heard, now)
      before = now
      self._tell({"beat": True})
      for other, heard in self._heard.items():
        if now - heard > LIMIT_S:
          self._miss(other)

  def _tell(self, message: dict[str, Any]) -> None:
    text = (json.dumps(message) + "\n").encode()
    with self._sending:
      for link in self._links.values():
        # Whose connection is closed is missed by the thread that reads.
        with contextlib.suppress(OSError):
          link.sendall(text)

  def _close(self) -> None:
    for link in self._links.values():
      link.close()


def leave_with(code: int, line: str) -> NoReturn:
  """Ends a process that has joined in part: nothing waits for the others.

  Args:
    code: exit code.
    line: what it says.
  """
  print(line, file=sys.stderr, flush=True)
  _exit(code)


def _exit(code: int) -> NoReturn:
  """Ends at once; what JAX does at an ordinary end would wait for everybody."""
  with contextlib.suppress(OSError, ValueError):
    sys.stdout.flush()
  os._exit(code)
