"""Two processes in one run's folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import run_lock

_HOLD = """
import pathlib, sys, time
from bgm2pose_jax import run_lock
with run_lock.held(pathlib.Path(sys.argv[1])):
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
    with pytest.raises(InputError, match=message), run_lock.held(tmp_path):
      pass
    # Killed without a chance to tidy up: its file stays, its lock does not.
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
  assert (tmp_path / run_lock.NAME).stat().st_size
  with run_lock.held(tmp_path):
    own = f"process {os.getpid()} on "
    with pytest.raises(InputError, match=own), run_lock.held(tmp_path):
      pass
  with run_lock.held(tmp_path):
    pass


def test_a_lock_file_of_nonsense_stops_nobody(tmp_path):
  (tmp_path / run_lock.NAME).write_bytes(b"[" * 5000)
  with run_lock.held(tmp_path):
    pass
  nowhere = run_lock.held(tmp_path / "none")
  with pytest.raises(InputError, match="cannot be written"), nowhere:
    pass
