from __future__ import annotations

import errno
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest
from absl import app, flags

from bgm2pose_jax.base import command
from bgm2pose_jax.base.errors import InputError


class JaxRuntimeError(RuntimeError):
  """Named as JAX names its own."""


def end(error, capsys):
  """Exit status, and the line on the screen."""
  with pytest.raises(SystemExit) as caught, command.ending():
    raise error
  out, told = capsys.readouterr()
  assert out == ""
  assert told.count("\n") == 1
  return caught.value.code, told.rstrip("\n")


@pytest.mark.parametrize(
  ("error", "status", "words"),
  [
    (InputError("a.wav", "is empty", "copy it"), 2, "a.wav: is empty; copy it"),
    (OSError(errno.ENOSPC, "No space left", "/x/y"), 2, "/x/y: No space left"),
    (PermissionError(errno.EACCES, "Denied", "z"), 2, "z: Denied; change its"),
    (OSError(errno.EROFS, "Read-only", "a", None, "b"), 2, "b: Read-only"),
    (MemoryError(), 2, "memory: there is too little"),
    (JaxRuntimeError("RESOURCE_EXHAUSTED: 3 GB"), 2, "memory: there is too"),
    (KeyboardInterrupt(), 130, "interrupted"),
  ],
)
def test_known_failures_are_one_line(error, status, words, capsys):
  code, line = end(error, capsys)
  assert code == status
  assert words in line


def test_an_unforeseen_one_is_written_down(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
  code, line = end(KeyError("no\nsuch"), capsys)
  assert code == 70
  (log,) = tmp_path.iterdir()
  assert line.startswith("error: unforeseen: KeyError: 'no\\nsuch'; please")
  assert line.endswith(str(log))
  text = log.read_text()
  assert "Traceback (most recent call last)" in text
  assert "test_command.py" in text
  # Also where nothing can be written.
  monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
  assert "BGM2POSE_TRACEBACK=1" in end(KeyError("x"), capsys)[1]


def test_tracebacks_are_shown_to_those_who_ask(monkeypatch, capsys):
  monkeypatch.setenv(command.TRACEBACK, "1")
  with pytest.raises(SystemExit), command.ending():
    raise InputError("a", "b", "c")
  told = capsys.readouterr().err
  assert told.startswith("Traceback (most recent call last)")
  assert told.endswith("error: a: b; c\n")


def test_exit_codes_of_the_work_pass():
  for status in (0, 1, 75):
    with pytest.raises(SystemExit) as caught, command.ending():
      sys.exit(status)
    assert caught.value.code == status
  with pytest.raises(app.UsageError), command.ending():
    raise app.UsageError("see --help")


SCRIPT = """
from absl import flags
from bgm2pose_jax.base import command
flags.DEFINE_integer("count", 1, "lines")
def main(argv):
  with command.ending():
    command.no_arguments(argv)
    for _ in range(flags.FLAGS.count):
      print("\\udcff" * 1000)
command.start(main)
"""


def start(*arguments, **more):
  return subprocess.Popen(
    [sys.executable, "-c", SCRIPT, *arguments],
    env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parents[2])},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    **more,
  )


def test_flags_odd_text_and_readers_that_leave():
  for argument in ("--count=many", "--nosuch", "word\n\x1b[31m"):
    out, told = start(argument).communicate()
    assert out == b""
    assert told.startswith(b"error: ")
    assert told.count(b"\n") == 1
    assert b"\x1b" not in told
  with start() as process:
    out, told = process.communicate()
    assert (process.returncode, told) == (0, b"")
    assert out == b"\\udcff" * 1000 + b"\n"
  with start("--count=1000") as process:
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141


def test_help_shows_the_flags_of_all_our_modules():
  script = (
    "from bgm2pose_jax.base import command\n"
    "from bgm2pose_jax.config import command_flags\n"
    "command_flags.define_set()\n"
    "command.start(print)"
  )
  done = subprocess.run(
    [sys.executable, "-c", script, "--help"], capture_output=True, text=True
  )
  assert "--set" in done.stdout
  assert "--run_with_pdb" not in done.stdout


def test_what_a_command_requires():
  values = flags.FlagValues()
  flags.DEFINE_list("out", None, "folders", flag_values=values)
  values(["x", "--out="])
  with pytest.raises(InputError, match="--out: is missing"):
    command.require(values, "out")
  values(["x", "--out=a,b"])
  command.require(values, "out")


def test_errors_are_short_and_move_no_cursor():
  error = InputError("x\n\x1b[2J\udcff", "y" * 10**6, "fix it")
  line = str(error)
  assert line.startswith("x \\x1b[2J\\udcff: yyy")
  assert line.endswith("; fix it")
  assert line.isprintable()
  assert len(line) < 2000
