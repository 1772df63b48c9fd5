"""Platforms that JAX was told of and that are not here."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SCRIPT = """
import jax
from bgm2pose_jax.base import command
from bgm2pose_jax.runtime import platforms
def main(argv):
  with command.ending():
    platforms.check()
    print(jax._src.xla_bridge.backends_are_initialized())
command.start(main)
"""


def _run(asked: str, script: str = SCRIPT) -> tuple[int, str, str]:
  done = subprocess.run(
    [sys.executable, "-c", script],
    capture_output=True,
    text=True,
    env={
      **os.environ,
      "PYTHONPATH": str(ROOT),
      "JAX_PLATFORMS": asked,
      "CUDA_VISIBLE_DEVICES": "",
    },
  )
  return done.returncode, done.stdout.strip(), done.stderr


@pytest.mark.parametrize("asked", ["nosuch", "cpu,nosuch", "metal", "rocm"])
def test_one_line_names_what_is_not_here(asked):
  code, _, said = _run(asked)
  assert code == 2
  assert said.startswith(f"error: JAX_PLATFORMS={asked}: cannot be computed on")
  assert said.count("\n") == 1
  assert "set JAX_PLATFORMS=cpu" in said


def test_no_device_is_opened_to_learn_that_there_is_a_cpu():
  assert _run("cpu") == (0, "False", "")
  assert _run("")[:2] == (0, "False")


def test_what_is_here_among_others():
  # JAX leaves out an NVIDIA GPU that is not there.
  assert _run("cuda,cpu")[:2] == (0, "True")


@pytest.mark.parametrize("asked", ["cuda", "gpu", "nosuch"])
def test_so_it_is_where_a_command_did_not_ask_first(asked):
  late = SCRIPT.replace("platforms.check()", "jax.numpy.zeros(3)")
  code, _, said = _run(asked, late)
  assert code == 2
  assert said.startswith(f"error: JAX_PLATFORMS={asked}: cannot be computed on")
  assert said.count("\n") == 1
  other = SCRIPT.replace("platforms.check()", "assert False")
  assert _run("cuda", other)[0] == 70
