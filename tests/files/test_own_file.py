"""Names of ours under which somebody put a link, and who may read what."""

from __future__ import annotations

import os
import stat

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.evaluation import results
from bgm2pose_jax.files import array_file, lock, own_file, whole_file
from bgm2pose_jax.files.json_lines import JsonLines

VICTIM = b'{"kept": 1}\nand a line that is not ended'


def _append(path):
  with JsonLines(path, process_index=0) as lines:
    lines.write({"step": 1})


def _hold(path):
  with lock.held(path.parent):
    pass


def _take_turn(path):
  with lock.in_turn(path):
    pass


def _link(path, victim):
  path.symlink_to(victim)


def _loose_link(path, victim):
  path.symlink_to(os.path.relpath(victim, path.parent))


def _second_name(path, victim):
  os.link(victim, path)


@pytest.mark.parametrize("plant", [_link, _loose_link, _second_name])
@pytest.mark.parametrize("write", [_append, _hold, _take_turn])
def test_what_is_appended_to_is_no_link(tmp_path, write, plant):
  victim, folder = tmp_path / "victim", tmp_path / "run"
  victim.write_bytes(VICTIM)
  folder.mkdir()
  path = folder / (lock.NAME if write is _hold else "timing.jsonl")
  plant(path, victim)
  with pytest.raises(InputError, match=r"is a link|second name") as caught:
    write(path)
  assert caught.value.where == str(path)
  assert victim.read_bytes() == VICTIM


@pytest.mark.parametrize("write", [_append, _hold, _take_turn])
def test_a_link_that_leads_nowhere_makes_no_file(tmp_path, write):
  folder = tmp_path / "run"
  folder.mkdir()
  path = folder / (lock.NAME if write is _hold else "timing.jsonl")
  path.symlink_to(tmp_path / "new")
  with pytest.raises(InputError, match="is a link to"):
    write(path)
  assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("write", [_append, _hold, _take_turn])
def test_a_pipe_is_no_log(tmp_path, write):
  path = tmp_path / (lock.NAME if write is _hold else "timing.jsonl")
  os.mkfifo(path)
  with pytest.raises(InputError, match=r"is no regular file|cannot be written"):
    write(path)


@pytest.mark.parametrize("name", ["results.json", "report.html"])
def test_a_link_is_replaced_by_what_appears_whole(tmp_path, name):
  victim, path = tmp_path / "victim", tmp_path / name
  victim.write_bytes(VICTIM)
  path.symlink_to(victim)
  whole_file.write_text(path, "new")
  assert victim.read_bytes() == VICTIM
  assert not path.is_symlink()
  assert path.read_text() == "new"


@pytest.fixture(params=[0o000, 0o022, 0o277])
def umask(request):
  before = os.umask(request.param)
  yield request.param
  os.umask(before)


def _mode(path):
  return stat.S_IMODE(path.stat().st_mode)


def test_a_run_s_files_are_its_owner_s_alone(tmp_path, umask):
  folder = tmp_path / "above" / "run"
  own_file.make_folder(folder)
  assert _mode(folder) == _mode(folder.parent) == 0o700
  _append(folder / run_folder.TIMING)
  _hold(folder / lock.NAME)
  run_folder.write_json(folder / run_folder.CONFIG, {})
  results.write(folder / run_folder.RESULTS, {})
  array_file.write(folder / run_folder.PREDICTIONS, {}, private=True)
  found = {path.name: _mode(path) for path in folder.iterdir()}
  assert len(found) == 5
  assert set(found.values()) == {0o600}


def test_what_is_no_run_s_follows_the_umask(tmp_path):
  before = os.umask(0o027)
  try:
    whole_file.write_text(tmp_path / "poses.csv", "")
  finally:
    os.umask(before)
  assert _mode(tmp_path / "poses.csv") == 0o640


def test_a_lock_is_as_open_as_its_folder(tmp_path):
  tmp_path.chmod(0o770)
  _take_turn(tmp_path / "lock")
  assert _mode(tmp_path / "lock") == 0o660


def test_a_folder_that_is_a_link_given_by_the_user_is_fine(tmp_path):
  (tmp_path / "disk").mkdir()
  (tmp_path / "run").symlink_to(tmp_path / "disk")
  own_file.check_no_links(tmp_path / "run", run_folder.NAMES)
  _append(tmp_path / "run" / "timing.jsonl")
  assert (tmp_path / "disk" / "timing.jsonl").stat().st_size


def test_a_tree_is_looked_at_to_its_end(tmp_path):
  deep = tmp_path / "a" / "b"
  deep.mkdir(parents=True)
  own_file.check_tree(tmp_path / "a")
  own_file.check_tree(tmp_path / "none")
  (deep / "c").symlink_to(tmp_path)
  with pytest.raises(InputError, match="c: is a link to"):
    own_file.check_tree(tmp_path / "a")
