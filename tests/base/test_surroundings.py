"""Machines that lack something: one line that names what mends it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import types

import pytest

from bgm2pose_jax.base import surroundings
from bgm2pose_jax.base.errors import InputError

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = """
import os, sys, tempfile
from bgm2pose_jax.base import command, surroundings
{before}
def main(argv):
  with command.ending():
    {work}
sys.argv = ["command", *sys.argv[1:]]
command.start(main)
"""


def _run(work="pass", *arguments, before="", environment=None, **more):
  """Exit status and lines of a command that does `work`."""
  kept = {k: v for k, v in os.environ.items() if k != "TMPDIR"}
  done = subprocess.run(
    [sys.executable, "-c", SCRIPT.format(work=work, before=before), *arguments],
    capture_output=True,
    check=False,
    env={**kept, "PYTHONPATH": str(ROOT), **(environment or {})},
    **more,
  )
  text = (done.stdout + done.stderr).decode("ascii")
  assert "Traceback" not in text
  return done.returncode, text.splitlines()


def _limit(soft, hard):
  return (
    "import resource; "
    f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))"
  )


def test_too_few_files_are_named_and_a_low_soft_limit_is_raised():
  code, lines = _run(before=_limit(16, 16))
  assert code == 2
  assert lines[0].startswith("error: open files: 16 are allowed at once")
  assert lines[0].endswith("allow more (ulimit -n 4096)")
  script = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
  assert _run(script, before=_limit(16, 500)) == (0, ["(500, 500)"])
  assert _run(script, before=_limit(64, 64)) == (0, ["(64, 64)"])


def test_running_out_of_files_later_names_the_limit():
  work = "kept = [open(os.devnull) for _ in range(100)]"
  code, lines = _run(work, before=_limit(64, 64))
  assert (code, len(lines)) == (2, 1)
  assert "ulimit -n" in lines[0]
  # Libraries quote the system's words.
  found = surroundings.explained(ValueError("INTERNAL: Too many open files"))
  assert "ulimit -n 4096" in str(found)


def test_a_temporary_folder_that_is_not_there(tmp_path):
  environment = {"TMPDIR": str(tmp_path / "none")}
  code, lines = _run(environment=environment)
  assert code == 0
  assert f"TMPDIR={tmp_path / 'none'} is missing" in lines[0]
  assert len(lines) == 1
  assert _run(environment={"TMPDIR": str(tmp_path)}) == (0, [])
  # As where nothing at all may be written to.
  before = "tempfile._candidate_tempdir_list = lambda: ['/none', '/proc/none']"
  code, lines = _run("tempfile.TemporaryFile()", before=before)
  assert (code, len(lines)) == (2, 1)
  assert "temporary files: no folder takes them: /none, /proc/none" in lines[0]
  assert "set TMPDIR" in lines[0]


@pytest.mark.parametrize("gone", [{}, {"HOME": ""}])
def test_no_home_and_no_entry_of_the_user(gone, monkeypatch):
  before = "import pwd; pwd.getpwuid = {}.__getitem__"
  script = "print(surroundings.cache_folder())"
  kept = {k: v for k, v in os.environ.items() if k not in
          ("HOME", "XDG_CACHE_HOME")}  # fmt: skip
  monkeypatch.setattr(os, "environ", {**kept, **gone})
  code, lines = _run(script, before=before)
  if code == 0:  # an empty HOME is the present folder to Python
    assert gone
    return
  assert (code, len(lines)) == (2, 1)
  assert f"user {os.getuid()} has no home" in lines[0]
  assert "XDG_CACHE_HOME" in lines[0]
  assert "--data_dir" in lines[0]
  given = {"XDG_CACHE_HOME": "/somewhere"}
  assert _run(script, before=before, environment=given) == (
    0, ["/somewhere/bgm2pose_jax"],
  )  # fmt: skip


def test_other_homes_that_cannot_be_found_out_are_explained():
  error = RuntimeError("Could not determine home directory.")
  assert "XDG_CACHE_HOME" in str(surroundings.explained(error))
  assert surroundings.explained(RuntimeError("else")) is None


def test_names_that_a_locale_cannot_say():
  ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
  code, lines = _run("pass", "töne", environment=ascii_only)
  assert (code, len(lines)) == (2, 1)
  assert "set PYTHONUTF8=1" in lines[0]
  # What is printed, and names that need no argument, are no matter.
  code, lines = _run("print('t\\xf6', '\\u2192')", environment=ascii_only)
  assert (code, lines) == (0, ["t\\xf6 \\u2192"])


def test_shared_memory_of_a_container(monkeypatch):
  free = types.SimpleNamespace(f_bavail=1024, f_frsize=4096)
  monkeypatch.setattr(os, "statvfs", lambda path: free)
  surroundings.check_shared_memory(4_000_000, 2)
  with pytest.raises(InputError, match=r"4\.2 MB free, 2 worker") as caught:
    surroundings.check_shared_memory(5_000_000, 2)
  assert "--shm-size" in str(caught.value)
  assert "batch.workers=0" in str(caught.value)


@pytest.mark.parametrize("missing", ["none", "closed"])
def test_shared_memory_that_is_not_there(monkeypatch, tmp_path, missing):
  place = tmp_path / missing
  if missing == "closed":
    place.mkdir()
    monkeypatch.setattr(os, "access", lambda *given: False)
  monkeypatch.setattr(surroundings, "_SHARED", str(place))
  with pytest.raises(InputError, match=r"batch\.workers=0"):
    surroundings.check_shared_memory(1, 1)


@pytest.mark.parametrize("width", ["1", "3", "20", "many", "-5"])
def test_help_in_a_narrow_terminal(width):
  code, lines = _run("pass", "--help", environment={"COLUMNS": width})
  assert code == 0
  assert "--helpfull" in " ".join(lines)


def test_platforms_that_a_command_opens_on_its_own():
  error = RuntimeError(
    "Unable to initialize backend 'tpu': no library (set JAX_PLATFORMS='' to "
    "automatically choose an available backend)"
  )
  found = str(surroundings.explained(error))
  assert found.startswith("JAX_PLATFORMS=")
  assert "no library); set JAX_PLATFORMS=cpu" in found
