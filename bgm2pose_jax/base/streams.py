"""Standard input, output and errors, whatever they were left as.

A shell can close them (`>&-`), a pipe's reader can leave (`| head -1`), and
the disk behind them can be full. A command ends then as other programs do: in
silence or one line, with the status of a program that SIGPIPE ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Iterator

READER_GONE = 141
UNWRITABLE = 2


def prepare() -> None:
  """Makes the three streams usable; call before any file is opened.

  One that was closed leads nowhere from here on: the next file that is opened
  would take its number, and whatever libraries print would go into that file.
  """
  for number, name in enumerate(("stdin", "stdout", "stderr")):
    try:
      os.fstat(number)
    except OSError:
      # The lowest free number is this one: those below are open by now.
      if os.open(os.devnull, os.O_RDWR) != number:
        continue
    if getattr(sys, name) is None:
      mode = "r" if name == "stdin" else "w"
      file = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
      setattr(sys, name, file)
  for stream in (sys.stdout, sys.stderr):
    # Names of files need not be text that the terminal can show.
    if hasattr(stream, "reconfigure"):
      stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def watched() -> Iterator[None]:
  """Runs a command to its end, and sees that its output got somewhere.

  Raises:
    SystemExit: `READER_GONE`, or `UNWRITABLE` after one line.
  """
  status: object = 0
  try:
    try:
      yield
    except SystemExit as ended:
      status = ended.code
      raise
    finally:
      sys.stdout.flush()
  except OSError as error:
    # The work has said what befell its files: this is the output's own.
    if error.filename is not None:
      raise
    if isinstance(error, BrokenPipeError) and reader_is_gone():
      status = READER_GONE
    elif status in (0, None, 1):  # others have been told of a fault
      status, said = status or UNWRITABLE, error.strerror or "closed"
      line = f"error: the output: cannot be written ({said}); send it elsewhere"
      with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)
    _let_go(sys.stdout)
    sys.exit(status)


def reader_is_gone() -> bool:
  """Whether it is our own output that nobody reads any more.

  Such a stream leads nowhere afterwards: Python would complain at its end.
  """
  gone = [stream for stream in (sys.stdout, sys.stderr) if _is_gone(stream)]
  for stream in gone:
    _let_go(stream)
  return bool(gone)


def _is_gone(stream: object) -> bool:
  try:
    watched = select.poll()
    watched.register(stream.fileno(), 0)  # pyright: ignore
    return any(state & select.POLLERR for _, state in watched.poll(0))
  except (AttributeError, OSError, ValueError):
    return False  # no such call, or no file behind the stream


def _let_go(stream: object) -> None:
  with contextlib.suppress(AttributeError, OSError, ValueError):
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())  # pyright: ignore
    os.close(nowhere)
