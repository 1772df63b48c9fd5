"""Flags that every command has: --version, --quiet and --verbose."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence

from absl import flags

PACKAGE = "bgm2pose-jax"
# absl's own ways to ask for help, all answered alike.
_HELP = ("help", "helpshort", "h", "?")
_HELP_FULL = "helpfull"

_VALUES = flags.FLAGS
_VERSION = flags.DEFINE_bool("version", False, "show the version and end")
_QUIET = flags.DEFINE_bool(
  "quiet", False, "show results, warnings and errors; no progress"
)
_VERBOSE = flags.DEFINE_bool(
  "verbose", False, "show all log lines, and the traceback of an error"
)


def help_asked(argv: Sequence[str]) -> str | None:
  """Returns the kind of help a command line asks for, or None.

  Args:
    argv: the command and its arguments.

  Returns:
    `help`, `helpfull`, or None.
  """
  for argument in argv[1:]:
    if argument == "--":
      return None
    name = argument.removeprefix("-").removeprefix("-")
    if argument.startswith("-") and name in _HELP:
      return "help"
    if argument.startswith("-") and name == _HELP_FULL:
      return _HELP_FULL
  return None


def version_asked() -> bool:
  """Whether --version is given."""
  return bool(_VALUES[_VERSION.name].value)


def is_quiet() -> bool:
  """Whether --quiet is given."""
  return bool(_VALUES[_QUIET.name].value)


def is_verbose() -> bool:
  """Whether --verbose is given."""
  return bool(_VALUES[_VERBOSE.name].value)


def version() -> str:
  """Returns the version of this package, of JAX and of Python."""
  found = []
  for name in (PACKAGE, "jax"):
    try:
      found.append(f"{name} {importlib.metadata.version(name)}")
    except importlib.metadata.PackageNotFoundError:
      found.append(f"{name} (not installed)")
  return ", ".join([*found, f"Python {platform.python_version()}"])


def apply_quiet() -> None:
  """Turns progress bars off, in this process and in those it starts."""
  os.environ["TQDM_DISABLE"] = "1"
  # A tqdm that is loaded already has read its environment.
  tqdm = sys.modules.get("tqdm")
  if tqdm is None:
    return
  shown = tqdm.tqdm.__init__

  def hidden(bar, *given, **named):
    shown(bar, *given, **{**named, "disable": True})

  tqdm.tqdm.__init__ = hidden
