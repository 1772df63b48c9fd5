"""Reads command lines as the commands do, and runs none of them.

    python -m tests.docs.parse_commands < LINES

A line is a JSON list: a module and its arguments. For each, one line of JSON
is printed: what is wrong, or an empty text. The package is loaded once; each
command is a copy of this process.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags

import bgm2pose_jax  # adds the folder of commands to the package's path
from bgm2pose_jax.base.errors import InputError

# Those take a name or a word that is no flag.
_TAKE_A_WORD = ("bgm2pose_jax.doctor", "bgm2pose_jax.kernel")
_WITH_CONFIGURATION = ("bgm2pose_jax.main", "launch.sweep")


def _read(
  main: Callable[[Sequence[str]], object],
  argv: Sequence[str] | None = None,
  flags_parser: Callable[[Sequence[str]], Sequence[str]] | None = None,
) -> None:
  """Stands in for `app.run`: reads the flags and ends."""
  del main
  assert flags_parser is not None
  left = flags_parser(sys.argv if argv is None else argv)
  module = sys.argv[0]
  if len(left) > 1 and module not in _TAKE_A_WORD:
    sys.exit(f"error: {left[1]}: is no flag")
  if module in _WITH_CONFIGURATION and not {"--help"} & set(sys.argv):
    from bgm2pose_jax.systems import config_flags

    try:
      config_flags.config()
    except InputError as error:
      sys.exit(f"error: {error}")
  print(json.dumps(sorted(flags.FLAGS)), file=_REPORT)
  sys.exit(0)


_REPORT = io.StringIO()
_parse_args = argparse.ArgumentParser.parse_args


def _read_plainly(parser: argparse.ArgumentParser, *given: Any) -> None:
  """Stands in for `ArgumentParser.parse_args`: reads the flags and ends."""
  names = vars(_parse_args(parser, *given))
  print(json.dumps(sorted(names)), file=_REPORT)
  sys.exit(0)


def _try(module: str, arguments: Sequence[str]) -> dict[str, object]:
  """What a copy of this process found: {"wrong": text, "flags": names}."""
  read_end, write_end = os.pipe()
  if not (number := os.fork()):
    os.close(read_end)
    said = io.StringIO()
    status: object = 0
    app.run = _read
    argparse.ArgumentParser.parse_args = _read_plainly
    sys.argv = [module, *arguments]
    try:
      with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
      status = end.code
    except BaseException as error:
      status = f"{type(error).__name__}: {error}"
    names = _REPORT.getvalue()
    wrong = "" if not status and names else f"{status} {said.getvalue()}"
    made = {"wrong": wrong.strip(), "flags": json.loads(names or "[]")}
    with os.fdopen(write_end, "w") as out:
      json.dump(made, out)
    os._exit(0)
  os.close(write_end)
  with os.fdopen(read_end) as answer:
    text = answer.read()
  os.waitpid(number, 0)
  return json.loads(text)


def main() -> None:
  """Reads lines and answers each."""
  assert bgm2pose_jax.__path__
  # None of these defines a flag of ours: each command defines its own.
  for name in ("bgm2pose_jax.training.run", "bgm2pose_jax.systems.registry"):
    __import__(name)
  for line in sys.stdin:
    module, *arguments = json.loads(line)
    if importlib.util.find_spec(module) is None:
      print(json.dumps({"wrong": f"no module {module}", "flags": []}))
      continue
    print(json.dumps(_try(module, arguments)), flush=True)


if __name__ == "__main__":
  main()
