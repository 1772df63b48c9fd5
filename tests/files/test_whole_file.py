"""Files that are there whole or not at all, whatever the disk says."""

from __future__ import annotations

import gc
import resource

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.evaluation import results
from bgm2pose_jax.files import array_file, whole_file
from bgm2pose_jax.systems.bgm2pose.still_room import response_file
from bgm2pose_jax.training import write_up


@pytest.fixture
def small_disk():
  """Room for files of 20 kB."""
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  # The kernel ends a write past the limit as it does on a full disk.
  resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
  yield
  resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _results(path):
  results.write(path, {"text": "a" * 30_000})


def _predictions(path):
  array_file.write(path, {"pose": np.zeros((60, 12, 21))})


def _response(path):
  response_file.write(path, np.zeros((4, 2, 4800)))


def _config(path):
  run_folder.write_json(path, {"text": "a" * 30_000})


def _report(path):
  whole_file.write_text(path, "<!doctype html>" + "a" * 30_000)


@pytest.mark.parametrize(
  "write", [_results, _predictions, _response, _config, _report]
)
def test_a_full_disk_leaves_the_old_file(tmp_path, small_disk, write):
  path = tmp_path / "file"
  path.write_text("old")
  with pytest.raises(InputError, match=r"file: cannot be written \(File too"):
    write(path)
  # An archive that could not be ended would complain here.
  gc.collect()
  assert path.read_text() == "old"
  assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_every_file_of_a_run_is_written_so():
  # Whole runs take long; that the page ends here is enough.
  assert write_up.whole_file is results.whole_file is whole_file


def test_an_error_inside_leaves_the_old_file_too(tmp_path):
  path = tmp_path / "file"
  path.write_text("old")

  def fail():
    with whole_file.writing(path) as file:
      file.write(b"new")
      raise KeyError

  with pytest.raises(KeyError):
    fail()
  assert path.read_text() == "old"
  assert [found.name for found in tmp_path.iterdir()] == ["file"]
  with whole_file.writing(path) as file:
    file.write(b"new")
  assert path.read_text() == "new"
