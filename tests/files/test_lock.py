"""Two processes in one folder, or at one piece of work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import lock

_HOLD = """
import pathlib, sys, time
from bgm2pose_jax.files import lock
with lock.held(pathlib.Path(sys.argv[1])):
  print("held", flush=True)
  time.sleep(600)
"""


def test_a_second_process_is_refused_until_the_first_is_dead(tmp_path):
  with subprocess.Popen(
    [sys.executable, "-c", _HOLD, str(tmp_path)],
    stdout=subprocess.PIPE,
    text=True,
  ) as holder:
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    message = f"is being written by process {holder.pid} on "
    with pytest.raises(InputError, match=message), lock.held(tmp_path):
      pass
    # Killed without a chance to tidy up: its file stays, its lock does not.
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
  assert (tmp_path / lock.NAME).stat().st_size
  with lock.held(tmp_path):
    own = f"process {os.getpid()} on "
    with pytest.raises(InputError, match=own), lock.held(tmp_path):
      pass
  with lock.held(tmp_path):
    pass


def test_a_lock_file_of_nonsense_stops_nobody(tmp_path):
  (tmp_path / lock.NAME).write_bytes(b"[" * 5000)
  with lock.held(tmp_path):
    pass
  nowhere = lock.held(tmp_path / "none")
  with pytest.raises(InputError, match="cannot be written"), nowhere:
    pass


def test_a_lock_lets_one_process_through(tmp_path):
  path = tmp_path / "lock"
  script = (
    "import sys; from bgm2pose_jax.files import lock\n"
    "with lock.in_turn(sys.argv[1]): print('through')"
  )
  with lock.in_turn(path):
    other = subprocess.Popen(
      [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE
    )
    with pytest.raises(subprocess.TimeoutExpired):
      other.wait(timeout=1.0)
  assert other.communicate(timeout=30)[0].strip() == b"through"
