"""Runs a benchmark as on a machine that has only what it needs."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap

LAUNCH = pathlib.Path(__file__).parents[1] / "launch"
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
# Scripts of the same network share its programs, as a second start does.
_PROGRAMS = tempfile.TemporaryDirectory(prefix="programs-")


def run(script: str, *arguments: object, blocked=BLOCKED, environment=None):
  """Returns the finished process."""
  code = textwrap.dedent(f"""
    import runpy, sys
    for name in {blocked!r}:
      sys.modules[name] = None
    sys.path.insert(0, {str(LAUNCH)!r})
    sys.argv = [{script!r}, *{list(map(str, arguments))!r}]
    runpy.run_path({str(LAUNCH / script)!r}, run_name="__main__")
  """)
  return subprocess.run(
    [sys.executable, "-c", code],
    capture_output=True,
    text=True,
    check=False,
    timeout=900,
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
  script: str, json_file: pathlib.Path, *arguments: object, blocked=BLOCKED
) -> dict:
  """Runs a script to a good end and returns what it wrote."""
  done = run(script, *arguments, f"--json={json_file}", blocked=blocked)
  assert done.returncode == 0, done.stdout + done.stderr
  return json.loads(json_file.read_text())
