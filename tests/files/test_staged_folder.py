"""Folders appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from bgm2pose_jax.files import staged_folder


def test_folder_appears_at_the_end(tmp_path):
  folder = tmp_path / "a" / "b"
  with staged_folder.staged(folder) as stage:
    (stage / "x").write_text("1")
    assert not folder.exists()
  assert (folder / "x").read_text() == "1"
  assert os.listdir(folder.parent) == ["b"]


def test_nothing_is_left_after_an_error(tmp_path):
  with (
    pytest.raises(ValueError, match="no"),
    staged_folder.staged(tmp_path / "b"),
  ):
    raise ValueError("no")
  assert os.listdir(tmp_path) == []


def test_the_first_to_finish_wins(tmp_path):
  folder = tmp_path / "b"
  with staged_folder.staged(folder) as slow:
    (slow / "x").write_text("slow")
    with staged_folder.staged(folder) as fast:
      (fast / "x").write_text("fast")
  assert (folder / "x").read_text() == "fast"
  assert os.listdir(tmp_path) == ["b"]


def test_sweeps_dead_and_old_but_not_living(tmp_path):
  child = subprocess.Popen([sys.executable, "-c", ""])
  child.wait()
  host = staged_folder._host()
  dead = tmp_path / f".t.incomplete-{host}-{child.pid}-aa"
  living = tmp_path / f".t.incomplete-{host}-{os.getpid()}-bb"
  foreign = tmp_path / ".t.incomplete-other.host-1-cc"
  old = tmp_path / ".t.incomplete-other.host-2-dd"
  finished = tmp_path / "t"
  for folder in (dead, living, foreign, old, finished):
    folder.mkdir()
  long_ago = time.time() - 2 * staged_folder.MAX_AGE_S
  os.utime(old, (long_ago, long_ago))
  assert set(staged_folder.sweep(tmp_path)) == {dead, old}
  assert {p.name for p in tmp_path.iterdir()} == {
    living.name, foreign.name, "t",
  }  # fmt: skip
  assert staged_folder.sweep(tmp_path / "missing") == []
