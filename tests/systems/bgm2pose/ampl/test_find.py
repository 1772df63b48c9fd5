"""Which dataset a folder implies."""

from __future__ import annotations

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl import find


@pytest.mark.parametrize(
  ("inside", "given", "name"),
  [
    ("data/sound_cut", "", "ampl/raw"),
    ("data/sound_cut", "data", "ampl/raw"),
    ("dataset_spec_2400", "", "ampl/released"),
  ],
)
def test_layouts_are_told_apart(tmp_path, inside, given, name):
  (tmp_path / inside).mkdir(parents=True)
  assert find.find_dataset(tmp_path / given) == name


def test_recordings_come_before_released_windows(tmp_path):
  (tmp_path / "data" / "sound_cut").mkdir(parents=True)
  (tmp_path / "dataset_spec_2400").mkdir()
  assert find.find_dataset(str(tmp_path)) == "ampl/raw"
  assert find.find_dataset(tmp_path, "ampl/released") == "ampl/released"


def test_a_dataset_that_is_not_there_is_refused(tmp_path):
  (tmp_path / "dataset_spec_2400").mkdir()
  with pytest.raises(InputError, match="holds ampl/released, not ampl/raw"):
    find.find_dataset(tmp_path, "ampl/raw")


def test_other_folders_are_named(tmp_path):
  with pytest.raises(InputError, match="holds neither data/sound_cut nor"):
    find.find_dataset(tmp_path)
  with pytest.raises(InputError, match=r"none: no such folder"):
    find.find_dataset(tmp_path / "none")
