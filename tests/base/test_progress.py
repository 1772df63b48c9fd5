"""Bars, what is written beside them, and how it looks in a terminal."""

from __future__ import annotations

import fcntl
import os
import pathlib
import pty
import struct
import subprocess
import sys
import termios

import pytest

from bgm2pose_jax.base import progress

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = """
import time
from absl import logging
from bgm2pose_jax.base import command, log_lines, progress
def main(argv):
  logging.set_verbosity(logging.INFO)
  with progress.bar(total=0.9, unit="min", desc="simulate") as bar:
    for _ in range(3):
      bar.update(0.3)
      bar.refresh()
      logging.info("said %s", "between")
  logging.warning("look out")
  with progress.working("fit baselines"):
    time.sleep(1.3)
  import os
  print("noise", os.environ["TF_CPP_MIN_LOG_LEVEL"])
command.start(main)
"""


def _environment():
  kept = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
  kept.pop("TF_CPP_MIN_LOG_LEVEL")
  return kept


def _in_a_terminal(columns=100):
  """What a person's terminal gets."""
  reads, writes = pty.openpty()
  size = struct.pack("HHHH", 24, columns, 0, 0)  # rows, columns, pixels
  fcntl.ioctl(writes, termios.TIOCSWINSZ, size)
  process = subprocess.Popen(
    [sys.executable, "-c", SCRIPT],
    env=_environment(),
    stdin=writes,
    stdout=writes,
    stderr=writes,
    cwd=ROOT,
  )
  os.close(writes)
  said = b""
  try:
    while part := os.read(reads, 4096):
      said += part
  except OSError:
    pass  # its other end is closed
  os.close(reads)
  assert process.wait() == 0
  return said.decode()


def test_a_terminal_has_plain_lines_above_the_bar():
  said = _in_a_terminal()
  lines = [line.rpartition("\r")[2] for line in said.split("\r\n")]
  assert lines.count("said between") == 3
  assert "warning: look out" in lines
  # The bar's figures are rounded, whatever sum they are.
  assert "0.9/0.9" in said
  assert "0.8999" not in said
  # The last drawing of a stage that took more than a second.
  assert any(line.startswith("fit baselines: 00:01") for line in lines)
  assert "noise 2" in lines


def test_a_terminal_that_does_not_say_how_wide_it_is_has_bars():
  assert "0.9/0.9" in _in_a_terminal(columns=0)


def test_a_pipe_has_times_and_places():
  done = subprocess.run(
    [sys.executable, "-c", SCRIPT],
    env=_environment(),
    capture_output=True,
    text=True,
    check=True,
    cwd=ROOT,
  )
  own = [line for line in done.stderr.split("\n") if "said between" in line]
  assert len(own) == 3
  assert all(line.startswith("I") and "] said" in line for line in own)
  assert "] fit baselines" in done.stderr


def test_verbose_leaves_the_libraries_alone():
  done = subprocess.run(
    [
      sys.executable,
      "-c",
      "import os, sys\n"
      "from bgm2pose_jax.base import command\n"
      "print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'))\n",
      "--verbosity=1",
    ],
    env=_environment(),
    capture_output=True,
    text=True,
    check=True,
    cwd=ROOT,
  )
  assert done.stdout == "None\n"


@pytest.mark.parametrize(
  ("seconds", "said"),
  [(5.4, "5 s"), (99, "99 s"), (240, "4 min"), (2e4, "5.6 h")],
)
def test_durations(seconds, said):
  assert progress.in_time(seconds) == said


def test_sizes():
  sizes = [12, 4100, 3.25e6, 1.5e9]
  assert [progress.in_bytes(s) for s in sizes] == [
    "12 bytes",
    "4.1 kB",
    "3.2 MB",
    "1.5 GB",
  ]
