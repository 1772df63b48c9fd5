"""Files of a prediction, read back by readers that do not know the writer."""

from __future__ import annotations

import json
import resource

import numpy as np
import pytest

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import joint_maps
from bgm2pose_jax.poses.body21 import BODY21, normalize_pose
from bgm2pose_jax.simulate import motion
from bgm2pose_jax.systems.bgm2pose.predict import write
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import PoseTrack

NAMES = ["poses.npz", "poses.csv", "poses.json", "poses.bvh"]


def track(seconds=5.0, *, several=True, simulated=True, **facts):
  rng = motion.random_stream(2, "track")
  moved = motion.perform(motion.subject_style("ann"), seconds, rng, 20.0)
  pose = normalize_pose(moved.positions_m)
  more = {}
  if several:
    noise = np.random.default_rng(1).uniform(0, 1, pose.shape)
    more["spread"] = noise[..., 0].astype(np.float32)
    more["target"] = (pose + noise).astype(np.float32)
  return PoseTrack(pose, 0.0125, simulated, facts=facts, **more)


def test_four_files_and_nothing_else(tmp_path):
  paths = write.write_all(tmp_path / "a" / "b", track())
  assert [path.name for path in paths] == NAMES
  assert sorted(tmp_path.rglob("*.*")) == sorted(paths)
  again = write.write_all(tmp_path / "a" / "b", track())
  assert again == paths


def test_npz_holds_all_of_it_without_pickles(tmp_path):
  given = track(model="a/b")
  (path,) = write.write_all(
    tmp_path, given, hip_spine_m=0.08, formats=["npz", "npz"]
  )
  with np.load(path, allow_pickle=False) as found:
    got = {name: found[name] for name in found.files}
  for name in ("pose", "spread", "target"):
    assert got[name].dtype == np.float32
    np.testing.assert_array_equal(got[name], getattr(given, name))
  np.testing.assert_allclose(got["pose_m"], given.pose * 0.08, rtol=1e-6)
  np.testing.assert_array_equal(got["time_s"], given.time_s)
  assert got["joints"].tolist() == list(BODY21.joints)
  assert got["hip_spine_m"] == 0.08
  assert got["simulated"].dtype == bool
  assert bool(got["simulated"])
  assert json.loads(str(got["facts"])) == {"model": "a/b"}
  write.write_all(tmp_path, track(several=False), formats=["npz"])
  with np.load(path) as found:
    assert {"spread", "target"}.isdisjoint(found.files)


def test_csv_is_read_as_an_optitrack_export_in_metres(tmp_path):
  given = track()
  (path,) = write.write_all(tmp_path, given, formats=["csv"])
  got = poses.read_optitrack(path)
  assert (got.rate_hz, got.unit_m) == (20.0, 1.0)
  columns = joint_maps.joint_columns(got.names, path)
  np.testing.assert_allclose(
    got.positions[:, columns], given.pose * 0.0921, atol=6e-6
  )
  last = path.read_text().splitlines()[-1].split(",")
  assert int(last[0]) == len(given) - 1
  assert float(last[1]) == pytest.approx(given.time_s[-1], abs=1e-6)
  (clip,) = poses.load_folder(tmp_path)
  assert clip.rate_hz == 20.0


def reject(text):
  raise AssertionError(f"{text} is not JSON")


def test_json_is_strict_and_rounded(tmp_path):
  given = track(snr_db=np.float32(2.5), drift=np.inf)
  (path,) = write.write_all(tmp_path, given, formats=["json"])
  got = json.loads(path.read_text(encoding="ascii"), parse_constant=reject)
  for name, array in (
    ("frames", given.pose),
    ("target", given.target),
    ("spread", given.spread),
  ):
    np.testing.assert_allclose(got[name], array, atol=5.1e-5)
    assert np.shape(got[name]) == array.shape
  assert got["facts"] == {"snr_db": 2.5, "drift": "inf"}
  assert got["joints"] == list(BODY21.joints)
  assert [tuple(bone) for bone in got["bones"]] == list(BODY21.bones)
  assert (got["unit"], got["rate_hz"]) == ("hip-spine length", 20.0)
  assert (got["first_s"], got["hip_spine_m"]) == (0.0125, 0.0921)
  write.write_all(tmp_path, track(several=False), formats=["json"])
  assert {"target", "spread"}.isdisjoint(json.loads(path.read_text()))


def test_bvh_is_a_clip_of_a_person_in_centimetres(tmp_path):
  given = track()
  write.write_all(tmp_path, given, hip_spine_m=0.1, formats=["bvh"])
  (clip,) = poses.load_folder(tmp_path)
  assert "centimetre" in clip.unit_note
  start, stop = clip.frame_range
  wanted = given.pose[start:stop] * 0.1
  np.testing.assert_allclose(
    clip.positions_m - clip.positions_m[:, :1],
    wanted - wanted[:, :1],
    atol=1e-4,
  )


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_training_is_said(tmp_path, simulated):
  write.write_all(tmp_path, track(1.0, simulated=simulated))
  with np.load(tmp_path / "poses.npz") as found:
    assert bool(found["simulated"]) is simulated
  assert json.loads((tmp_path / "poses.json").read_text())["simulated"] is (
    simulated
  )
  first = (tmp_path / "poses.csv").read_text().splitlines()[0].split(",")
  said = dict(zip(first[::2], first[1::2]))["Training Data"]
  assert said == ("simulated" if simulated else "recorded")


def test_blocks_make_no_difference(tmp_path, monkeypatch):
  one = write.write_all(tmp_path / "a", track(), formats=["csv", "json"])
  monkeypatch.setattr(write, "_BLOCK", 9)
  other = write.write_all(tmp_path / "b", track(), formats=["csv", "json"])
  for a, b in zip(one, other):
    assert a.read_bytes() == b.read_bytes()


def test_unknown_formats_and_lengths_write_nothing(tmp_path):
  with pytest.raises(InputError, match="format 'fbx': is not known; use npz"):
    write.write_all(tmp_path / "a", track(1.0), formats=["npz", "fbx"])
  for length in (9.21, 0.0, np.nan):
    with pytest.raises(InputError, match=r"hip_spine_m: is .* give 0\.02 to"):
      write.write_all(tmp_path / "a", track(1.0), hip_spine_m=length)
  assert not (tmp_path / "a").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(InputError, match=r"file/poses: cannot be made \(Not a d"):
    write.write_all(tmp_path / "file" / "poses", track(1.0))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_the_system_refuses_is_named_and_the_old_one_stays(
  tmp_path, name
):
  (tmp_path / name).write_text("old")
  given = track()
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  # The kernel ends a write past the limit as it does on a full disk.
  resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
  try:
    with pytest.raises(InputError) as caught:
      write.write_all(tmp_path, given, formats=[name.partition(".")[2]])
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert f"{tmp_path / name}: cannot be written (File too large)" in str(
    caught.value
  )
  assert [path.name for path in tmp_path.iterdir()] == [name]
  assert (tmp_path / name).read_text() == "old"
