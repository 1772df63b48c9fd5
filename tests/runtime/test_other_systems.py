"""Systems without fcntl, without user numbers, without signals of Unix."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
# What Windows lacks of modules and names. macOS lacks some of them.
HIDING = """
import os, select, sys
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
  sys.modules[name] = None
for name in (
  "getuid geteuid fork register_at_fork sched_getaffinity statvfs fchmod "
  "O_NOFOLLOW O_NONBLOCK O_DIRECTORY O_CLOEXEC getloadavg killpg"
).split():
  if hasattr(os, name):
    delattr(os, name)
del select.poll
"""
WORK = """
import pathlib, sys
from bgm2pose_jax.base import streams, surroundings
from bgm2pose_jax.files import lock, own_file, whole_file
from bgm2pose_jax.files.json_lines import JsonLines
from bgm2pose_jax.runtime import compilation, host_facts
from bgm2pose_jax.state import seal
folder = pathlib.Path(sys.argv[1]) / "run"
streams.prepare()
surroundings.check()
surroundings.check_shared_memory(1, 1)
own_file.make_folder(folder)
with lock.held(folder), lock.in_turn(folder / "turn"):
  with JsonLines(folder / "a.jsonl", process_index=0) as lines:
    lines.write({"step": 1})
    lines.write({"step": 2})
    lines.truncate_after_step(1)
whole_file.write_text(folder / "b", "text", private=True)
seal.sync_folder(folder)
assert compilation.keep_programs(folder / "compiled")
assert host_facts.host_facts()["cpu_usable"]
print(lines.path.read_text() + (folder / "b").read_text())
"""


def _run(code: str, *arguments: object) -> tuple[str, str]:
  done = subprocess.run(
    [sys.executable, "-c", HIDING + code, *map(str, arguments)],
    capture_output=True,
    text=True,
    env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
  )
  assert done.returncode == 0, done.stderr
  return done.stdout, done.stderr


def test_files_locks_and_caches_do_without(tmp_path):
  out, said = _run(WORK, tmp_path)
  assert out == '{"step": 1}\ntext\n'
  # Two processes in one folder would not see each other.
  assert "start no second process in it" in said


@pytest.mark.slow
@pytest.mark.parametrize(
  "modules",
  [
    ("main", "commands.export", "state.audit"),
    ("systems.bgm2pose.predict.__main__", "systems.bgm2pose.stream.__main__"),
    ("systems.posekernel.lift.__main__", "systems.mapnet.refine.__main__"),
  ],
)
def test_commands_load_without(modules):
  lines = [f"import bgm2pose_jax.{name}" for name in modules]
  _run("\n".join(lines))
