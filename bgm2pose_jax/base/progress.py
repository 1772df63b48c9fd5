"""Progress bars, and lines that do not run into them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import tqdm
from absl import logging

# Seconds between two drawings: a file or a pipe keeps every one.
_TERMINAL_S, _FILE_S = 0.5, 10.0
_DECIMALS = 1
_COLUMNS = 80


class Bar(tqdm.tqdm):
  """A bar whose figures are rounded: sums of minutes are not whole."""

  @property
  def format_dict(self) -> Any:
    """What the bar's text is made of."""
    found = super().format_dict
    for name in ("n", "total"):
      if isinstance(found.get(name), float):
        found[name] = round(found[name], _DECIMALS)
    return found


def bar(iterable: Any = None, **options: Any) -> Bar:
  """A bar that is drawn often in a terminal and seldom in a file.

  Args:
    iterable: what is counted; None where the caller counts.
    **options: those of `tqdm.tqdm`.
  """
  is_terminal = sys.stderr.isatty()
  own: dict[str, Any] = {"mininterval": _TERMINAL_S if is_terminal else _FILE_S}
  if is_terminal and not os.get_terminal_size(sys.stderr.fileno()).columns:
    own["ncols"] = _COLUMNS  # it does not say how wide it is
  return Bar(iterable, **{**own, **options})


@contextlib.contextmanager
def working(what: str, *, shown: bool = True) -> Iterator[None]:
  """Says what is done for as long as the block takes.

  A terminal gets a line whose time goes on, anything else a line of the log at
  the start.

  Args:
    what: such as `fit baselines`.
    shown: False says nothing: another process does.
  """
  if not shown:
    yield
    return
  if not sys.stderr.isatty():
    logging.info("%s", what)
    yield
    return
  line = Bar(desc=what, bar_format="{desc}: {elapsed}")
  done = threading.Event()

  def tick() -> None:
    while not done.wait(1.0):
      line.refresh()

  ticking = threading.Thread(target=tick, name="progress", daemon=True)
  ticking.start()
  try:
    yield
  finally:
    done.set()
    ticking.join()
    line.close()


def in_time(seconds: float) -> str:
  """A duration as a person reads it."""
  if seconds < 100:
    return f"{seconds:.0f} s"
  minutes = seconds / 60
  return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def in_bytes(count: float) -> str:
  """A size as a person reads it."""
  for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
    if count >= size:
      return f"{count / size:.1f} {unit}"
  return f"{count:.0f} bytes"


class BesideBars:
  """A stream to standard error whose lines do not end in a bar's line.

  Bars are cleared before the text and drawn again below it.
  """

  def write(self, text: str) -> int:
    """Writes text, whole lines at a time."""
    with tqdm.tqdm.external_write_mode(file=sys.stderr):
      return sys.stderr.write(text)

  def flush(self) -> None:
    """Hands on what was written."""
    sys.stderr.flush()

  def close(self) -> None:
    """Does nothing: standard error is not ours to close."""

  def isatty(self) -> bool:
    """Whether a person reads it as it comes."""
    return sys.stderr.isatty()
