"""Output that nobody reads, that was closed, or that is full."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
# With a buffer most is lost at the very end, without one at once.
ENVIRONMENT = {
  **os.environ,
  "PYTHONPATH": str(ROOT),
  "PYTHONUNBUFFERED": "",
}
SCRIPT = """
import os, sys
from absl import flags
from bgm2pose_jax.base import command
flags.DEFINE_string("file", None, "written")
def main(argv):
  with command.ending():
    if flags.FLAGS.file:
      with open(flags.FLAGS.file, "w") as file:
        os.write(1, b"from a library")
        file.write("ours")
    print("done")
    if len(argv) > 1:
      sys.exit(int(argv[1]))
command.start(main)
"""


def _shell(end: str, *arguments: str) -> tuple[int, str]:
  """Exit status of the command, and what is on stderr."""
  done = subprocess.run(
    [
      *("bash", "-c", f'"$@" {end}; exit ${{PIPESTATUS[0]}}', "bash"),
      *(sys.executable, "-c", SCRIPT, *arguments),
    ],
    capture_output=True,
    text=True,
    env=ENVIRONMENT,
  )
  return done.returncode, done.stderr


@pytest.mark.parametrize("arguments", [("--help",), (), ("3",)])
def test_a_reader_that_left(arguments):
  code, said = _shell("| sleep 0", *arguments)
  # Whoever reads may have been there for the first words.
  assert code in (141, {"3": 3}.get("".join(arguments), 0))
  assert said == ""


def test_a_reader_that_left_before_the_first_word():
  for arguments in ((), ("--help",)):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
      [sys.executable, "-c", SCRIPT, *arguments],
      stdout=writing,
      stderr=subprocess.PIPE,
      env=ENVIRONMENT,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_closed_streams(tmp_path):
  written = tmp_path / "file"
  for end in (">&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-"):
    written.unlink(missing_ok=True)
    assert _shell(end, f"--file={written}") == (0, "")
    # Nothing that is printed may end in a file that took the number.
    assert written.read_text() == "ours"
  assert _shell(">&-", "--help") == (0, "")
  assert _shell("2>&-", "--nosuch") == (2, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")
@pytest.mark.parametrize(
  ("arguments", "status"), [((), 2), (("--help",), 2), (("3",), 3)]
)
def test_a_full_disk_behind_the_output(arguments, status):
  code, said = _shell("> /dev/full", *arguments)
  assert code == status
  assert said.count("\n") == (0 if status == 3 else 1)
  assert "Traceback" not in said


def test_checkpoints_are_audited_into_a_pipe_that_closed():
  reading, writing = os.pipe()
  os.close(reading)
  done = subprocess.run(
    [sys.executable, "-m", "bgm2pose_jax.audit", "--help"],
    stdout=writing,
    stderr=subprocess.PIPE,
    env=ENVIRONMENT,
  )
  os.close(writing)
  assert (done.returncode, done.stderr) == (141, b"")
