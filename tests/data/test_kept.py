"""What caches hold, and a limit that is kept without harm to anybody."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from absl import flags

from bgm2pose_jax.commands import cache
from bgm2pose_jax.data import kept

_HOUR_S = 3600.0
_HOLD = """
import pathlib, sys
from bgm2pose_jax.files import lock
with lock.in_turn(pathlib.Path(sys.argv[1])):
  print("held", flush=True)
  sys.stdin.read()
"""


def _put(path, size, hours):
  """Makes a folder with a file, or a file, unused for so long."""
  file = path if path.suffix == ".cache" else path / "a" / "data"
  file.parent.mkdir(parents=True, exist_ok=True)
  file.write_bytes(b"x" * size)
  then = time.time() - hours * _HOUR_S
  for each in (path, *path.rglob("*")):
    os.utime(each, (then, then))
  return path


@pytest.fixture
def home(tmp_path):
  _put(tmp_path / "prepared" / "one" / "haze", 1000, 50)
  _put(tmp_path / "prepared" / "one" / "dusk", 2000, 5)
  _put(tmp_path / "prepared" / "two" / ".rain.parts", 300, 40)
  _put(tmp_path / "raw" / "one" / "haze", 4000, 30)
  _put(tmp_path / "compiled" / "a.cache", 500, 60)
  _put(tmp_path / "compiled" / "b.cache", 700, 0)
  return tmp_path


def _run(home, limit_gb=None):
  values = flags.FlagValues()
  cache.define_flags(values)
  given = [] if limit_gb is None else [f"--limit_gb={limit_gb}"]
  values(["cache", f"--data_dir={home}", *given])
  return cache.run(values)


def _left(home):
  return {item.path.relative_to(home).as_posix() for item in kept.look(home)}


def test_everything_is_listed_the_longest_unused_first(home):
  found = [(i.path.name, i.size_bytes) for i in kept.look(home)]
  assert found == [
    ("a.cache", 500), ("haze", 1000), (".rain.parts", 300), ("haze", 4000),
    ("dusk", 2000), ("b.cache", 700),
  ]  # fmt: skip
  lines = _run(home)
  assert len(lines) == 6
  assert "prepared/one/haze" in lines[0]
  assert lines[0].endswith("may go")
  assert "2 days" in lines[0]
  assert lines[-1] == f"0.01 MB in {home}"
  assert len(_left(home)) == 6


def test_the_longest_unused_goes_until_the_rest_fits(home):
  lines = _run(home, 6.9e-6)
  assert _left(home) == {
    "compiled/b.cache", "prepared/one/dusk", "raw/one/haze",
  }  # fmt: skip
  assert [line.split()[0] for line in lines] == ["removed"] * 3 + ["0.01"]


def test_what_was_used_within_the_hour_stays(home):
  lines = _run(home, 0)
  assert _left(home) == {"compiled/b.cache"}
  assert "is in use" in lines[-1]
  kept.note_use(_put(home / "prepared" / "one" / "haze", 10, 99))
  _run(home, 0)
  assert "prepared/one/haze" in _left(home)


def test_what_a_process_holds_stays(home):
  lock = home / "prepared" / "one" / ".haze.lock"
  with subprocess.Popen(
    [sys.executable, "-c", _HOLD, str(lock)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  ) as holder:
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert sum("in use" in line for line in _run(home)) == 2
    _run(home, 0)
    assert _left(home) == {
      "compiled/b.cache", "prepared/one/haze", "raw/one/haze",
    }  # fmt: skip
    holder.communicate("")
  _run(home, 0)
  assert _left(home) == {"compiled/b.cache"}


def test_links_are_left_alone(home, tmp_path_factory):
  outside = tmp_path_factory.mktemp("outside")
  victim = _put(outside / "kept", 900, 500)
  (home / "prepared" / "one" / "linked").symlink_to(victim)
  (home / "raw" / "two").symlink_to(outside)
  (home / "compiled" / "c.cache").symlink_to(victim / "a" / "data")
  (home / "raw" / "one" / "haze" / "x").symlink_to(outside)
  _run(home, 0)
  assert (victim / "a" / "data").stat().st_size == 900


def test_an_empty_cache_and_one_that_is_not_there(tmp_path):
  assert _run(tmp_path) == [f"0.00 MB in {tmp_path}"]
  with pytest.raises(ValueError, match="is no folder"):
    _run(tmp_path / "none")
