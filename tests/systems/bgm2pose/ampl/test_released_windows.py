"""Published windows: values as stored, and files that are refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import released_fixture

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import load
from bgm2pose_jax.data import prepared as prepared_lib
from bgm2pose_jax.systems.bgm2pose import features, prepare
from bgm2pose_jax.systems.bgm2pose.ampl import released_layout, released_windows
from bgm2pose_jax.systems.bgm2pose.recipe import Recipe
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

SHAPE = (2, 3)


def test_channels_are_those_of_the_feature_set():
  spec = features.get_feature_set("logmel_intensity").spec
  assert spec.names == released_windows.CHANNELS


def test_values_survive_the_build(tmp_path):
  root = released_fixture.make_released_folder(
    tmp_path / "ampl",
    {("10", "arnor"): 12, ("6", "arnor"): 2, ("1", "arnor"): 1},
    bare=[("0", "arnor")],
  )
  where = prepare.open_source("ampl/released", str(root))
  prepared = prepared_lib.prepare(
    where, data_dir=tmp_path / "cache", progress=False
  )
  assert prepared_lib.identify(where) == (prepared.fingerprint, False)
  table = load.load(prepared, None, MusicWindows)
  assert table.recordings == (
    "subject_0_wo_mocap_arnor", "subject_6_arnor", "subject_10_arnor",
  )  # fmt: skip
  assert table.subjects == ("0", "6", "10")
  assert table.window_index.tolist() == [*range(6), 0, 1, *range(10), 12, 13]
  assert table.valid.all()
  assert table.has_pose.tolist() == [False] * 6 + [True] * 14
  assert not table.pose[:6].any()
  assert {table.labels[i] for i in table.label} == {"wave", "squat, slowly"}
  # The stretch of subject 10 ends before the gap.
  assert table.last_row[8] == 17
  for row, recording in ((7, "subject_6_arnor"), (18, "subject_10_arnor")):
    at = f"{recording}_{table.window_index[row]}_0.6"
    folder = root / released_fixture.FILES
    stored = np.load(folder / f"{at}_music_intensity.npy")
    np.testing.assert_array_equal(
      table.features[row], np.transpose(stored[:9], (2, 1, 0))
    )
    pose = np.load(folder / f"joint_pos_{at}.npy")
    # Joint-major: x, y, z of Hips, then of Spine.
    np.testing.assert_array_equal(table.pose[row][:, 1, 2], pose[:, 5])
    np.testing.assert_array_equal(table.pose[row].reshape(12, 63), pose)


def test_other_features_or_poses_cannot_be_asked_for(tmp_path):
  root = released_fixture.make_released_folder(tmp_path, {("0", "arnor"): 1})
  where = prepare.open_source(
    "ampl/released", str(root), recipe=Recipe(pose_resample="mean6")
  )
  with pytest.raises(InputError, match="pose_resample: is mean6"):
    prepared_lib.identify(where)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_reads_both_orders_and_versions(tmp_path, order, version):
  wanted = np.arange(6, dtype="<f4").reshape(SHAPE)
  with open(tmp_path / "a.npy", "wb") as file:
    np.lib.format.write_array(file, np.array(wanted, order=order), version)
  got = released_windows.read_array(tmp_path / "a.npy", SHAPE)
  np.testing.assert_array_equal(got, wanted)
  assert got.dtype == np.float32


def _header(text: str, length: int | None = None) -> bytes:
  size = len(text) if length is None else length
  return b"\x93NUMPY\x01\x00" + size.to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
  ("content", "words"),
  [
    (np.zeros(SHAPE), "holds <f8, not <f4"),
    (np.zeros(SHAPE, ">f4"), "holds >f4, not <f4"),
    (np.zeros(SHAPE, "<i4"), "holds <i4"),
    (np.zeros(6, "<f4"), r"has shape \(6,\) instead of \(2, 3\)"),
    (np.zeros((3, 2), "<f4"), r"has shape \(3, 2\)"),
    (b"", "is no .npy file"),
    (b"PK\x03\x04 a zip", "is no .npy file"),
    (b"\x93NUMPY\x09\x00" + bytes(60), "is no .npy file"),
    (_header("{'descr': '<f4', 'fortran_order'"), "is no .npy file"),
    (_header("__import__('os').system('false')"), "is no .npy file"),
    (_header("(" * 5000), "is no .npy file"),
    (
      _header("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3), }"),
      "has shape",
    ),
    (
      _header("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }"),
      r"holds \|O",
    ),
  ],
)
def test_other_content_is_refused(tmp_path, content, words):
  path = tmp_path / "a.npy"
  if isinstance(content, bytes):
    path.write_bytes(content)
  else:
    np.save(path, content)
  with pytest.raises(InputError, match=words) as error:
    released_windows.read_array(path, SHAPE)
  assert str(path) in str(error.value)


def test_objects_are_not_unpickled(tmp_path):
  class Trap:
    def __reduce__(self):
      return (open, (str(tmp_path / "sprung"), "w"))

  np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object))
  with pytest.raises(InputError, match="not <f4"):
    released_windows.read_array(tmp_path / "a.npy", SHAPE)
  assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("change", [-1, 1, 1 << 20])
def test_size_must_fit_the_header(tmp_path, change):
  path = tmp_path / "a.npy"
  np.save(path, np.zeros(SHAPE, "<f4"))
  with open(path, "r+b") as file:
    file.truncate(path.stat().st_size + change)
  with pytest.raises(InputError, match="bytes"):
    released_windows.read_array(path, SHAPE)


def test_values_that_are_no_numbers_are_placed(tmp_path):
  root = released_fixture.make_released_folder(tmp_path, {("0", "arnor"): 2})
  index = released_layout.scan_released(root)
  recording = index.recordings[0]
  window = recording.windows[1]
  stored = np.load(root / window.sound)
  # Phase is not used, so nobody minds it.
  stored[9:] = np.nan
  np.save(root / window.sound, stored)
  assert len(list(released_windows.examples(root, recording))) == 2
  stored[6, 100, 3] = np.nan
  stored[8, 127, 11] = -np.inf
  np.save(root / window.sound, stored)
  with pytest.raises(
    InputError,
    match=r"arnor_1_0\.6_music_intensity\.npy: nan at channel Ix, band 100, "
    r"frame 3; 2 such values",
  ):
    list(released_windows.examples(root, recording))
  assert window.joint is not None
  pose = np.load(root / window.joint)
  pose[7, 3 * 4 + 1] = np.inf
  np.save(root / window.joint, pose)
  with pytest.raises(InputError, match="inf at joint Head, frame 7, axis 1"):
    released_windows.read_pose(root, window)
  gone = dataclasses.replace(window, joint="gone.npy")
  with pytest.raises(InputError, match=r"gone\.npy: no such file"):
    released_windows.read_pose(root, gone)
