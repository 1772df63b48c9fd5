"""Memory that is kept: counted page faults of a process that takes it again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from bgm2pose_jax.runtime import host_memory

_TAKES = """
import resource, sys
import numpy as np
from bgm2pose_jax.runtime import host_memory
kept = sys.argv[1] == "keep" and host_memory.keep_freed()
def fill():
  np.empty(2**26, np.uint8).fill(1)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
  fill()
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(int(kept), faults)
"""


def _faults(how, **environment):
  out = subprocess.run(
    [sys.executable, "-c", _TAKES, how],
    env={
      # NumPy's own huge pages would hide the faults.
      **{k: v for k, v in os.environ.items() if k not in host_memory._CHOICES},
      "NUMPY_MADVISE_HUGEPAGE": "0",
      **environment,
    },
    capture_output=True,
    text=True,
    check=True,
  )
  kept, faults = map(int, out.stdout.split())
  return bool(kept), faults


@pytest.mark.skipif(
  platform.libc_ver()[0] != "glibc", reason="only glibc is told"
)
def test_memory_is_taken_from_the_system_once():
  kept, few = _faults("keep")
  left, many = _faults("leave")
  assert (kept, left) == (True, False)
  assert many > 10_000
  assert few < many / 20


def test_a_choice_in_the_environment_stays():
  kept, faults = _faults("keep", MALLOC_TRIM_THRESHOLD_="131072")
  assert not kept
  assert faults > 10_000


def test_other_libraries_are_left_alone(monkeypatch):
  for name in host_memory._CHOICES:
    monkeypatch.delenv(name, raising=False)
  monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
  assert not host_memory.keep_freed()
