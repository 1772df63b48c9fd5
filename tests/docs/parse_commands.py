"""Reads command lines as the commands do, and runs none of them.

    python -m tests.docs.parse_commands < COMMANDS

The input is {module: [arguments of a command]} in JSON. For each module one
line of JSON is printed: what is wrong with each of its commands, and its flags.
The package is loaded once; each module runs in a copy of this process.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import re
import runpy
import sys
from collections.abc import Callable, Sequence

from absl import app, flags
from absl.testing import flagsaver

import bgm2pose_jax  # adds the folder of commands to the package's path
from bgm2pose_jax.base.errors import InputError

# Those take a name or a word that is no flag.
_TAKE_A_WORD = (
  "bgm2pose_jax.doctor",
  "bgm2pose_jax.kernel",
  "tests.browser.check_page",
)
_OF_READERS = re.compile("--(ampl_dir|mapdat_dir|posekernel_dir|help)\\b")
_LOADED = (
  "bgm2pose_jax.systems.bgm2pose.align.alignment",
  "bgm2pose_jax.systems.bgm2pose.simulated.raw_folder",
  "bgm2pose_jax.systems.registry",
  "bgm2pose_jax.training.run",
  "scipy.signal",
)
_WITH_CONFIGURATION = ("bgm2pose_jax.main", "launch.sweep")


def _check_configuration(module: str) -> None:
  """Makes the configuration that the flags ask for."""
  from bgm2pose_jax.systems import config_flags

  if module == "launch.sweep":
    from launch.sweep import command, tables

    grid = tables.parse_grid(flags.FLAGS.grid)
    flags.FLAGS.model = next(iter(command.find_system(grid).models))
  config_flags.config()


class _Reader:
  """Stands in for what a command would do with its flags.

  Attributes:
    lines: of arguments, each read as if it were the only one.
    answers: what is wrong with each; nothing if nothing is.
    flags: the names of the command's flags.
  """

  def __init__(self, module: str, lines: Sequence[Sequence[str]]):
    self.module = module
    self.lines = lines
    self.answers: list[str] = []
    self.flags: list[str] = []

  def of_absl(
    self,
    main: Callable[[Sequence[str]], object],
    argv: Sequence[str] | None = None,
    flags_parser: Callable[[Sequence[str]], Sequence[str]] | None = None,
  ) -> None:
    """In place of `app.run`."""
    del main, argv
    assert flags_parser is not None
    values = flags.FLAGS
    self.flags = sorted(values)
    for line in self.lines:
      before = flagsaver.save_flag_values()
      self.answers.append(self._tried(flags_parser, line))
      flagsaver.restore_flag_values(before)
      values.unparse_flags()
    raise SystemExit

  def _tried(
    self,
    flags_parser: Callable[[Sequence[str]], Sequence[str]],
    line: Sequence[str],
  ) -> str:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
      try:
        if not line:  # the command is named, not written out
          return ""
        left = flags_parser(
          # Folders and files of the reader's are not here.
          [self.module, *(x for x in line if not _OF_READERS.match(x))]
        )
        if len(left) > 1 and self.module not in _TAKE_A_WORD:
          return f"{left[1]} is no flag"
        if self.module in _WITH_CONFIGURATION:
          _check_configuration(self.module)
      except InputError as error:
        return str(error)
      except SystemExit:
        return said.getvalue().strip() or "ended"
    return ""

  def of_argparse(
    self, parser: argparse.ArgumentParser, *given: object
  ) -> None:
    """In place of `ArgumentParser.parse_args`."""
    del given
    for line in self.lines:
      said = io.StringIO()
      with contextlib.redirect_stderr(said):
        try:
          self.flags = sorted(vars(_parse_args(parser, list(line))))
          self.answers.append("")
        except SystemExit:
          self.answers.append(said.getvalue().strip())
    raise SystemExit


_parse_args = argparse.ArgumentParser.parse_args


def _in_a_copy(
  module: str, lines: Sequence[Sequence[str]]
) -> tuple[list[str], list[str]]:
  """What is wrong with each line, and the module's flags."""
  read_end, write_end = os.pipe()
  if not (number := os.fork()):
    os.close(read_end)
    reader = _Reader(module, lines)
    app.run = reader.of_absl
    argparse.ArgumentParser.parse_args = lambda *given: reader.of_argparse(
      *given
    )
    sys.argv = [module]
    failed = "reads no flags"
    try:
      runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit:
      pass
    except BaseException as error:
      failed = f"{type(error).__name__}: {error}"
    with os.fdopen(write_end, "w") as out:
      json.dump((reader.answers or [failed] * len(lines), reader.flags), out)
    os._exit(0)
  os.close(write_end)
  with os.fdopen(read_end) as answer:
    text = answer.read()
  os.waitpid(number, 0)
  return tuple(json.loads(text))


def _exists(module: str) -> bool:
  try:
    return importlib.util.find_spec(module) is not None
  except ModuleNotFoundError:
    return False


def main() -> None:
  """Reads the commands and prints the answers."""
  assert bgm2pose_jax.__path__
  # None of these defines a flag of ours: each command defines its own.
  for name in _LOADED:
    __import__(name)
  for module, all_lines in json.load(sys.stdin).items():
    lines = [json.loads(x) for x in dict.fromkeys(map(json.dumps, all_lines))]
    if _exists(module):
      wrong, names = _in_a_copy(module, lines)
    else:
      wrong, names = [f"no module {module}"] * len(lines), []
    by_line = dict(zip(map(json.dumps, lines), wrong, strict=True))
    print(json.dumps({"module": module, "wrong": by_line, "flags": names}))


if __name__ == "__main__":
  main()
