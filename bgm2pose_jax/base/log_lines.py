"""Which log lines reach the screen, and how they look there."""

from __future__ import annotations

import logging as standard_logging
import os
import pathlib
import sys

from absl import logging

from bgm2pose_jax.base import common_flags, progress

# XLA and the plugins of accelerators: errors alone.
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "ERROR"}
_VERBOSE = ("--verbose", "--verbosity=1", "-v=1")


class _OwnLines(standard_logging.Filter):
  """Keeps a log worth reading: our lines, and everybody's warnings."""

  def filter(self, record: standard_logging.LogRecord) -> bool:
    ours = pathlib.Path(__file__).parents[1]
    is_own = ours in pathlib.Path(record.pathname).parents
    # What its threads ran into is raised by the save, and said in one line.
    is_trace = "orbax" in record.pathname and record.exc_info is not None
    return is_own or (
      record.levelno >= standard_logging.WARNING and not is_trace
    )


class _Plain(standard_logging.Formatter):
  """A line as a person reads it; time and place are for files."""

  def format(self, record: standard_logging.LogRecord) -> str:
    text = super().format(record)
    if record.levelno >= standard_logging.ERROR:
      return f"error: {text}"
    if record.levelno >= standard_logging.WARNING:
      return f"warning: {text}"
    return text


def quiet_libraries() -> None:
  """Leaves out what XLA and plugins say of themselves.

  They read the choice when JAX opens its first device: call this before. What
  the environment already chooses stays, and --verbose leaves all of it.
  """
  if not any(word in _VERBOSE for word in sys.argv[1:]):
    for name, value in _QUIET.items():
      os.environ.setdefault(name, value)


def beside_bars() -> None:
  """Writes log lines above bars; in a terminal without time and place."""
  handler = logging.get_absl_handler()
  handler.python_handler.stream = progress.BesideBars()
  if sys.stderr.isatty():
    handler.setFormatter(_Plain("%(message)s"))


def show_own() -> None:
  """Hides other packages' lines below WARNING; call before flags are read."""
  logging.set_verbosity(logging.INFO)
  logging.get_absl_handler().addFilter(_OWN)


def show_from(level: int) -> None:
  """Shows log lines from a level on, unless --quiet or --verbose differ.

  Args:
    level: one of absl's, such as `logging.INFO`.
  """
  if common_flags.is_verbose():
    level = logging.DEBUG
    logging.get_absl_handler().removeFilter(_OWN)
  elif common_flags.is_quiet():
    level = logging.WARNING
  logging.set_verbosity(level)


_OWN = _OwnLines()
