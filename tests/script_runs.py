"""Runs a command of `launch` as on a machine that has only what it needs."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[1]
# A machine with an accelerator may have none of these.
BLOCKED = (
  "grain",
  "tensorflow_datasets",
  "tensorflow",
  "librosa",
  "soundfile",
  "soxr",
)
# Little to compile: no attention, no heads.
TINY = (
  "--preset=demo",
  "--set=network.stem_pool=16",
  "--set=network.contrastive=false",
  "--set=network.frequency_attention=false",
)
# Commands of the same network share its programs, as a second start does.
_PROGRAMS = tempfile.TemporaryDirectory(prefix="programs-")


def run(module: str, *arguments: object, blocked=BLOCKED, environment=None):
  """Returns the finished process.

  Args:
    module: name of the command, e.g. `launch.bench.roofline`.
    *arguments: its flags.
    blocked: packages that are not installed for it.
    environment: added to this process's own.
  """
  code = textwrap.dedent(f"""
    import runpy, sys
    for name in {blocked!r}:
      sys.modules[name] = None
    sys.argv = [{module!r}, *{list(map(str, arguments))!r}]
    runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
  """)
  return subprocess.run(
    [sys.executable, "-c", code],
    capture_output=True,
    text=True,
    check=False,
    timeout=900,
    cwd=ROOT,
    env={
      **os.environ,
      "JAX_PLATFORMS": "cpu",
      # Compiles in a third of the time; no time measured here is looked at.
      "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
      "JAX_COMPILATION_CACHE_DIR": _PROGRAMS.name,
      **(environment or {}),
    },
  )


def figures(
  module: str, json_file: pathlib.Path, *arguments: object, blocked=BLOCKED
) -> dict:
  """Runs a command to a good end and returns what it wrote."""
  done = run(module, *arguments, f"--json={json_file}", blocked=blocked)
  assert done.returncode == 0, done.stdout + done.stderr
  return json.loads(json_file.read_text())
