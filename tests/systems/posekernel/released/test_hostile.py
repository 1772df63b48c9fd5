"""Folders and files that cannot be used are refused in one clear line."""

from __future__ import annotations

import os
import pickle
import shutil

import numpy as np
import pytest
from released_echoes_fixture import Form, write

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel.released import arrays, layout
from bgm2pose_jax.systems.posekernel.released.samples import ReleasedSamples

FIRST = "dataset/environment1"


@pytest.fixture
def folder(tmp_path):
  write(tmp_path, samples=4)
  return tmp_path


def _read(folder):
  found = ReleasedSamples.find(folder)
  found.inventory()
  for environment in found.environments():
    list(found.make(environment))


def test_the_folder_is_legal_before_it_is_broken(folder):
  _read(folder)


@pytest.mark.parametrize(
  ("gone", "message"),
  [
    (f"{FIRST}/2", "environment1: lacks sample 2; copy"),
    (f"{FIRST}/audio_sensor_loc.npy", r"has no audio_sensor_loc\.npy"),
    (f"{FIRST}/1/gnd.npy", r"environment1/1: has no gnd\.npy"),
    (f"{FIRST}/1/rir.npy", r"environment1/1: has no rir\.npy"),
    ("dataset", "holds no folder environment1"),
  ],
)
def test_what_is_missing_is_named(folder, gone, message):
  path = folder / gone
  shutil.rmtree(path) if path.is_dir() else path.unlink()
  with pytest.raises(InputError, match=message):
    ReleasedSamples.find(folder)


def test_many_missing_samples_are_counted(tmp_path):
  write(tmp_path, environments=1, samples=10)
  for number in (1, 2, 3, 5, 6, 7, 8):
    shutil.rmtree(tmp_path / FIRST / str(number))
  with pytest.raises(InputError, match="lacks sample 1, 2, 3, 5, 6 and 2 more"):
    ReleasedSamples.find(tmp_path)


def test_a_release_that_begins_late_lacks_its_first(tmp_path):
  write(tmp_path, Form(first=2), environments=1, samples=2)
  with pytest.raises(InputError, match="lacks sample 1;"):
    ReleasedSamples.find(tmp_path)


def test_folders_without_samples_and_no_folders(tmp_path):
  with pytest.raises(InputError, match="--posekernel_dir: is not given"):
    ReleasedSamples.find(None)
  with pytest.raises(InputError, match="is no folder"):
    ReleasedSamples.find(tmp_path / "none")
  write(tmp_path, environments=1, samples=1)
  shutil.rmtree(tmp_path / FIRST / "0")
  with pytest.raises(InputError, match="holds no sample, such as 0"):
    ReleasedSamples.find(tmp_path)


def test_more_samples_than_a_release_has(folder, monkeypatch):
  monkeypatch.setattr(layout, "MAX_SAMPLES", 3)
  with pytest.raises(InputError, match="holds more than 3 samples"):
    ReleasedSamples.find(folder)


def _nan(shape):
  values = np.full(shape, 0.5)
  values[1, 2] = np.nan
  return values


@pytest.mark.parametrize(
  ("file", "values", "message"),
  [
    ("audio_sensor_loc.npy", np.ones((3, 3)), r"shape \(3, 3\), not \(4, 3\)"),
    ("audio_sensor_loc.npy", np.ones((4, 4)), r"shape \(4, 4\)"),
    ("audio_sensor_loc.npy", _nan((4, 3)), r"nan at \(1, 2\); 1 such"),
    ("1/rir.npy", np.ones((3, 3072)), r"shape \(3, 3072\), not \(4, taps\)"),
    ("1/rir.npy", np.ones((3072, 4)), r"shape \(3072, 4\)"),
    ("1/rir.npy", np.ones((4, 0)), r"shape \(4, 0\)"),
    ("1/rir.npy", np.ones(4), r"shape \(4,\)"),
    ("1/rir.npy", np.ones((4, 9, 2)), r"shape \(4, 9, 2\)"),
    ("1/rir.npy", _nan((4, 3072)), r"rir\.npy: nan at \(1, 2\)"),
    (
      "1/rir.npy",
      np.full((4, 9), 1e39),
      r"rir\.npy: holds values beyond 1e\+18",
    ),
    ("1/rir.npy", np.ones((4, 9), np.int16), "holds <i2, not float32"),
    ("1/rir.npy", np.ones((4, 9), np.float16), "holds <f2, not float32"),
    ("1/rir.npy", np.ones((4, 9), np.complex64), "no plain numbers"),
    ("1/gnd.npy", np.ones((15, 3)), r"shape \(15, 3\), not \(joints, 3\)"),
    ("1/gnd.npy", np.ones((50, 3)), r"shape \(50, 3\)"),
    ("1/gnd.npy", np.ones((25, 4)), r"shape \(25, 4\)"),
    ("1/gnd.npy", np.ones((1, 25, 3)), r"shape \(1, 25, 3\)"),
    ("1/gnd.npy", _nan((25, 3)), r"gnd\.npy: nan at \(1, 2\)"),
    ("1/gnd.npy", np.ones((25, 3), bool), r"holds \|b1, not float32"),
  ],
)
def test_arrays_of_another_form_are_refused(folder, file, values, message):
  np.save(folder / FIRST / file, values)
  with pytest.raises(InputError, match=message):
    _read(folder)


class _Trap:
  def __reduce__(self):
    return os.system, ("touch trapped",)


def test_nothing_in_a_file_is_executed(folder, monkeypatch):
  def forbidden(*arguments, **more):
    raise AssertionError("unpickled")

  path = folder / FIRST / "2/gnd.npy"
  np.save(path, np.array([_Trap()] * 3, object), allow_pickle=True)
  monkeypatch.setattr(pickle, "load", forbidden)
  monkeypatch.setattr(pickle, "loads", forbidden)
  with pytest.raises(InputError, match="holds objects"):
    _read(folder)


def test_a_header_that_claims_more_than_the_file_holds(folder):
  path = folder / FIRST / "2/rir.npy"
  np.save(path, np.ones((4, 100)))
  data = path.read_bytes()
  path.write_bytes(data.replace(b"(4, 100)", b"(4, 900)"))
  with pytest.raises(InputError, match="claims 28800 bytes of"):
    _read(folder)
  path.write_bytes(data[:-8])
  with pytest.raises(InputError, match="ends after 3192 of"):
    _read(folder)
  path.write_bytes(data + b"more")
  with pytest.raises(InputError, match="has more than"):
    _read(folder)


def test_a_response_beyond_the_limit_is_not_read(folder, monkeypatch):
  monkeypatch.setattr(arrays, "MOST_TAPS", 50)
  with pytest.raises(InputError, match=r"give 4 rows of 1 to 50 taps"):
    _read(folder)
  monkeypatch.setattr(arrays, "MOST_TAPS", 960_000)
  monkeypatch.setattr(arrays, "_MAX_BYTES", 20_000)
  with pytest.raises(InputError, match="bytes of 20000 at most"):
    _read(folder)


@pytest.mark.parametrize("kind", ["pipe", "folder", "text", "empty"])
def test_what_is_no_array_file(folder, kind):
  path = folder / FIRST / "1/rir.npy"
  path.unlink()
  if kind == "pipe":
    os.mkfifo(path)
  elif kind == "folder":
    path.mkdir()
  else:
    path.write_bytes(b"no array" if kind == "text" else b"")
  with pytest.raises(InputError, match=r"rir\.npy"):
    _read(folder)


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda pose: pose[::-1], "neck and mid-hip, are"),
    (lambda pose: 5 * pose, "neck and mid-hip, are 2.6 m apart"),
    (lambda pose: pose * [1, 1, -1], "behind the camera"),
  ],
)
def test_poses_of_another_order_unit_or_frame(folder, change, message):
  for number in range(4):
    path = folder / FIRST / str(number) / "gnd.npy"
    np.save(path, change(np.load(path)))
  with pytest.raises(InputError, match=message):
    _read(folder)


def test_a_folder_that_changes_while_it_is_read(folder):
  found = ReleasedSamples.find(folder)
  shutil.rmtree(folder / FIRST / "3")
  with pytest.raises(InputError, match=r"3/gnd\.npy: no such file"):
    list(found.make("environment1"))
