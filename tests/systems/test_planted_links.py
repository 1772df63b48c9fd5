"""Whole runs in folders where a stranger left links, and who may read them."""

from __future__ import annotations

import os
import stat

import pytest
from toy_system.system import SYSTEM, make_config

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder, schema
from bgm2pose_jax.training.options import Options
from bgm2pose_jax.training.run import run_all

VICTIM = b'{"kept": 1}\nand a line that is not ended'


@pytest.fixture(scope="module")
def home(tmp_path_factory, quick_compiling):
  folder = tmp_path_factory.mktemp("planted")
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("XDG_CACHE_HOME", str(folder / "user"))
    yield folder


def _train(home, workdir, model="toy"):
  config = make_config("small", model, "none")
  config = schema.overlay(config, {"optim.epochs": 1})
  options = Options(workdir=str(workdir), data_dir=str(home / "cache"))
  return run_all(SYSTEM, [config], options)


@pytest.fixture(scope="module")
def alone(home):
  """A run in a folder of a user whose umask hides nothing."""
  before = os.umask(0)
  try:
    _train(home, home / "above" / "run")
  finally:
    os.umask(before)
  return home / "above" / "run"


def test_nothing_of_a_run_is_anybody_else_s(alone, home):
  names = {path.name for path in alone.iterdir()}
  assert names == set(run_folder.NAMES)
  for path in (alone.parent, alone, home / "cache", *alone.iterdir()):
    wanted = 0o700 if path.is_dir() else 0o600
    assert stat.S_IMODE(path.stat().st_mode) == wanted, path


@pytest.mark.parametrize("leads", ["there", "nowhere"])
@pytest.mark.parametrize("name", run_folder.NAMES)
def test_no_name_is_opened_through_a_link(home, tmp_path, alone, name, leads):
  victim = tmp_path / "victim"
  if name == run_folder.CHECKPOINTS:
    victim.mkdir()
  elif leads == "there":
    victim.write_bytes(VICTIM)
  workdir = tmp_path / "run"
  workdir.mkdir()
  if name not in (run_folder.CONFIG, run_folder.RESULTS):
    # As somebody hands on a run that is to go on.
    (workdir / run_folder.CONFIG).write_bytes(
      (alone / run_folder.CONFIG).read_bytes()
    )
  (workdir / name).symlink_to(victim)
  with pytest.raises(InputError, match="is a link to") as caught:
    _train(home, workdir)
  assert caught.value.where == str(workdir / name)
  if name == run_folder.CHECKPOINTS:
    assert list(victim.iterdir()) == []
  else:
    assert victim.exists() == (leads == "there")
    assert leads == "nowhere" or victim.read_bytes() == VICTIM


@pytest.mark.parametrize("name", ["13", "13/state", "13/seal.json", "x"])
def test_no_link_among_the_checkpoints(home, tmp_path, alone, name):
  workdir, victim = tmp_path / "run", tmp_path / "victim"
  victim.mkdir()
  place = workdir / run_folder.CHECKPOINTS / name
  place.parent.mkdir(parents=True)
  place.symlink_to(victim)
  (workdir / run_folder.CONFIG).write_bytes(
    (alone / run_folder.CONFIG).read_bytes()
  )
  with pytest.raises(InputError, match="is a link to"):
    _train(home, workdir)
  assert list(victim.iterdir()) == []


def test_a_work_folder_may_be_a_link(home, tmp_path):
  (tmp_path / "disk").mkdir()
  (tmp_path / "run").symlink_to(tmp_path / "disk")
  assert _train(home, tmp_path / "run", model="mean")[0] is not None
  assert (tmp_path / "disk" / run_folder.RESULTS).exists()


def test_a_shared_cache_of_data_stays_shared(tmp_path):
  cache = tmp_path / "cache"
  cache.mkdir()
  cache.chmod(0o775)
  _train(tmp_path, tmp_path / "run", model="mean")
  made = [path for path in cache.rglob("*") if path.parent.name == "prepared"]
  assert made
  assert all(stat.S_IMODE(path.stat().st_mode) == 0o775 for path in made)
