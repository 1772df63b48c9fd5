"""How commands begin and end: their flags, and one line for what went wrong.

Exit status: 2 for input, flags and machines that cannot be used, 70 for an
error nobody foresaw, 130 for Ctrl-C, 141 when whoever read the output has
gone. Others, such as 75 for a training that is to be gone on with, are the
commands' own and pass through.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from absl import app, flags

from bgm2pose_jax.base import (
  common_flags,
  flag_errors,
  help_text,
  log_lines,
  streams,
  surroundings,
  system_errors,
)
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import Help

UNUSABLE = 2
UNFORESEEN = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130
READER_GONE = streams.READER_GONE
# Set to 1, it puts tracebacks on the screen.
TRACEBACK = "BGM2POSE_TRACEBACK"

# Commands import this module before JAX, which reads it.
log_lines.quiet_libraries()

_MEMORY = (
  "memory",
  "there is too little",
  "end other programs, give shorter recordings or a smaller batch.size",
)


def start(
  main: Callable[[Sequence[str]], Any], told: Help | None = None
) -> None:
  """Reads the flags, then runs a command; a wrong flag ends in one line.

  Args:
    main: takes what is no flag, the command's name first.
    told: what `--help` says; None takes the docstring of the main module.
  """
  streams.prepare()
  log_lines.beside_bars()

  def parse(argv: Sequence[str]) -> list[str]:
    return _parse(argv, told)

  with streams.watched():
    app.run(main, flags_parser=parse)


def no_arguments(argv: Sequence[str]) -> None:
  """Refuses what is no flag.

  Args:
    argv: the command and what is no flag.

  Raises:
    InputError: there is something.
  """
  if len(argv) > 1:
    raise InputError(
      argv[1], "is no flag", "write flags as --name=value; see --help"
    )


def require(values: flags.FlagValues, *names: str) -> None:
  """Refuses a command line that lacks a flag.

  Args:
    values: the flags.
    *names: the names of those that must be given.

  Raises:
    InputError: one is not given, or empty.
  """
  for name in names:
    if not values[name].value:
      raise InputError(f"--{name}", "is missing", "see --help")


@contextlib.contextmanager
def ending() -> Iterator[None]:
  """Runs a command's work; whatever ends it early becomes one line.

  `SystemExit` passes: the work may have exit codes of its own.
  """
  try:
    surroundings.check()
    yield
    # A full disk or a reader that left shows here, not at the very end.
    sys.stdout.flush()
  except app.UsageError:
    raise
  except KeyboardInterrupt:
    _end("interrupted", INTERRUPTED)
  except Exception as error:
    if isinstance(error, BrokenPipeError) and streams.reader_is_gone():
      sys.exit(READER_GONE)
    asked = os.environ.get(TRACEBACK, "0") not in ("", "0")
    if asked or common_flags.is_verbose():
      traceback.print_exc()
    known = _known(error)
    if known is None:
      _end(f"error: {_unforeseen(error)}", UNFORESEEN)
    _end(f"error: {known}", UNUSABLE)


def _end(line: str, status: int) -> NoReturn:
  # What was printed before should come before.
  with contextlib.suppress(OSError, ValueError):
    sys.stdout.flush()
  print(line, file=sys.stderr, flush=True)
  sys.exit(status)


def _parse(argv: Sequence[str], told: Help | None) -> list[str]:
  """Reads the flags as absl does; answers --help and --version."""
  values = flags.FLAGS
  if asked := common_flags.help_asked(argv):
    told = told or help_text.of_main_module()
    everything = asked == "helpfull"
    print(help_text.render(told, values, everything=everything), end="")
    sys.exit(0)
  try:
    left = values(list(argv))
  except flags.Error as error:
    print(f"error: {flag_errors.explained(error, values)}", file=sys.stderr)
    sys.exit(UNUSABLE)
  if common_flags.version_asked():
    print(common_flags.version())
    sys.exit(0)
  if common_flags.is_quiet():
    common_flags.apply_quiet()
  return left


def _known(error: Exception) -> InputError | None:
  """What an error says, if it is one that users can do something about."""
  if isinstance(error, InputError):
    return error
  if (found := surroundings.explained(error)) is not None:
    return found
  kinds = {kind.__name__ for kind in type(error).__mro__}
  # JAX's own errors are named here, not imported: few commands need it.
  if isinstance(error, MemoryError) or (
    kinds & {"JaxRuntimeError", "XlaRuntimeError"}
    and "RESOURCE_EXHAUSTED" in str(error)
  ):
    return InputError(*_MEMORY)
  if isinstance(error, RuntimeError) and "Symlink loop" in str(error):
    return InputError(
      str(error).partition("from ")[2], "is a loop", system_errors.PATH
    )
  if isinstance(error, OSError):
    if error.errno == errno.ENOMEM:
      return InputError(*_MEMORY)
    if error.errno in system_errors.FIXES:
      where = error.filename2 or error.filename or "the system"
      said = error.strerror or type(error).__name__
      where = os.fsdecode(where) if isinstance(where, bytes) else where
      return InputError(where, said, system_errors.FIXES[error.errno])
  return None


def _unforeseen(error: Exception) -> InputError:
  """Writes the traceback down; says where it is."""
  said = f"{type(error).__name__}: {error}"
  fix = f"set {TRACEBACK}=1 to see where"
  text = (
    f"{' '.join(sys.argv)}\nPython {platform.python_version()}, "
    f"{platform.platform()}\n{''.join(traceback.format_exception(error))}"
  )
  with contextlib.suppress(OSError):
    number, name = tempfile.mkstemp(prefix="bgm2pose-jax-", suffix=".log")
    with open(number, "w", encoding="utf-8", errors="backslashreplace") as log:
      log.write(text)
    fix = f"please report it with {name}"
  return InputError("unforeseen", said, fix)
