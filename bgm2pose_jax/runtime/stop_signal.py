"""SIGTERM and Ctrl-C: a run that is asked to stop, stops in good order.

The first signal raises `Stopped` wherever the process is, but inside `held`,
where it is only noted: the training loop looks after each call of the train
step, saves, and raises `Stopped` itself. A second signal kills at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

# EX_TEMPFAIL of sysexits.h: nothing is wrong, the same command goes on.
EXIT_CODE = 75
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_asked: str | None = None
_held = 0
_watching = False


def _forget() -> None:
  # What a forked process is told must not reach its parent's watcher.
  if _watching:
    signal.set_wakeup_fd(-1)


if hasattr(os, "register_at_fork"):
  os.register_at_fork(after_in_child=_forget)


class Stopped(BaseException):  # as KeyboardInterrupt: no `except` takes it
  """A signal asked to stop, and what was to be kept is kept.

  Attributes:
    signal_name: e.g. SIGTERM.
  """

  def __init__(self, signal_name: str, done: str = ""):
    """Words the line that says so.

    Args:
      signal_name: e.g. SIGTERM.
      done: how far it came, e.g. "after step 40".
    """
    self.signal_name = signal_name
    where = f" {done}" if done else ""
    super().__init__(
      f"stopped by {signal_name}{where}; the same command goes on"
    )


def asked() -> str | None:
  """Returns the name of the signal that asked to stop, or None."""
  return _asked


@contextlib.contextmanager
def listening() -> Iterator[None]:
  """Takes the signals over for the block; elsewhere they end the process.

  Only the main thread can: in any other the block just runs.

  Raises:
    Stopped: a signal came; also in place of an error that follows it.
  """
  global _asked
  if threading.current_thread() is not threading.main_thread():
    yield
    return
  before = {number: signal.getsignal(number) for number in _SIGNALS}
  owner = os.getpid()

  def take(number: int, frame: object) -> None:
    global _asked
    del frame
    for each in _SIGNALS:
      signal.signal(each, signal.SIG_DFL)
    if os.getpid() != owner:
      # A process that was forked here has nothing of this run to save.
      os.kill(os.getpid(), number)
      return
    _asked = signal.Signals(number).name
    if not _held:
      raise Stopped(_asked)

  with _second_one_kills():
    try:
      for number in _SIGNALS:
        signal.signal(number, take)
      yield
    except Exception as error:
      # Libraries may take a stop inside them for an error of their own.
      if _asked is not None:
        raise Stopped(_asked) from error
      raise
    finally:
      for number, handler in before.items():
        signal.signal(number, handler)
      _asked = None


@contextlib.contextmanager
def held() -> Iterator[None]:
  """Inside, a signal waits to be asked for; what it asked is not forgotten.

  Raises:
    Stopped: at the end, when a signal came and nobody looked.
  """
  global _held
  _held += 1
  try:
    yield
  finally:
    _held -= 1
  if _asked is not None and not _held:
    raise Stopped(_asked)


@contextlib.contextmanager
def _second_one_kills() -> Iterator[None]:
  """Watches the signals from a thread.

  While the main thread compiles, it takes no signal until it is done: a thread
  sees the second one at once.
  """
  global _watching
  reads, writes = os.pipe()
  os.set_blocking(writes, False)

  def watch() -> None:
    count = 0
    while number := os.read(reads, 1):
      count += number[0] in _SIGNALS
      if count > 1:
        os._exit(128 + number[0])
    os.close(reads)

  before = signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
  _watching = True
  threading.Thread(target=watch, name="signals", daemon=True).start()
  try:
    yield
  finally:
    signal.set_wakeup_fd(before)
    _watching = False
    os.close(writes)
