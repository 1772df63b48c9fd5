"""Poses from every kind of file against the poses they were made from."""

import numpy as np
import pytest
import violinist_fixture as violinist

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file
from bgm2pose_jax.poses import position_csv
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.poses.rest_pose import REST13, REST21
from bgm2pose_jax.systems.mapnet.refine import reading


def _take(rate_hz=25.0, seconds=4.0):
  time_s = np.arange(round(seconds * rate_hz)) / rate_hz
  return time_s, violinist.bowing_m(time_s)


@pytest.mark.parametrize("unit", [1.0, 0.01, 0.001, 0.0254])
def test_csv_of_our_columns_in_any_unit(tmp_path, unit):
  time_s, wanted = _take()
  path = tmp_path / "a.csv"
  position_csv.write_points_csv(path, BODY13, wanted / unit, time_s)
  track = reading.read(path)
  np.testing.assert_allclose(track.position_m, wanted, atol=2e-6)
  np.testing.assert_allclose(track.time_s, time_s, atol=1e-6)
  assert not track.missing.any()
  assert not track.hip_centred


def test_csv_without_times_needs_a_rate(tmp_path):
  _, wanted = _take()
  path = tmp_path / "a.csv"
  position_csv.write_points_csv(path, BODY13, wanted)
  with pytest.raises(InputError, match="give --fps"):
    reading.read(path)
  assert reading.read(path, fps=29.97).rate_hz == pytest.approx(29.97)


def test_a_rate_that_is_not_the_files_is_refused(tmp_path):
  time_s, wanted = _take()
  path = tmp_path / "a.csv"
  position_csv.write_points_csv(path, BODY13, wanted, time_s)
  with pytest.raises(InputError, match=r"--fps=30: but .* has 25"):
    reading.read(path, fps=30.0)
  assert reading.read(path, fps=25.0).rate_hz == pytest.approx(25)


def test_bvh_of_the_13_joints(tmp_path):
  _, wanted = _take()
  path = tmp_path / "a.bvh"
  poses.write_bvh(path, wanted, 25.0, rest=REST13, exact=True)
  track = reading.read(path)
  np.testing.assert_allclose(track.position_m, wanted, atol=1e-5)
  assert track.rate_hz == pytest.approx(25)


def test_what_a_bvh_s_reader_says_is_a_note(tmp_path):
  _, wanted = _take()
  path = tmp_path / "a.bvh"
  poses.write_bvh(path, wanted, 25.0, rest=REST13, exact=True)
  text = path.read_text()
  frames = f"Frames: {len(wanted)}"
  assert frames in text
  path.write_text(text.replace(frames, f"Frames: {len(wanted) - 1}"))
  track = reading.read(path)
  np.testing.assert_allclose(track.position_m, wanted, atol=1e-5)
  assert f"{len(wanted)} lines of frames there" in track.notes[1]


def test_bvh_of_21_joints_has_the_13(tmp_path):
  still = np.zeros((21, 3))
  for joint, parent in enumerate(REST21.skeleton.parents):
    if parent >= 0:
      length = 0.42 if "Leg" in REST21.skeleton.joints[joint] else 0.2
      still[joint] = still[parent] + length * REST21.directions()[joint]
  path = tmp_path / "a.bvh"
  poses.write_bvh(path, np.repeat(still[None], 30, axis=0), 25.0)
  track = reading.read(path)
  at = dict(zip(REST21.skeleton.joints, still))
  for joint, wanted in (
    ("C7", "Neck"), ("RSHO", "RightArm"), ("LMEL", "LeftForeArm"),
    ("RMWR", "RightHand"), ("LBWT", "LeftUpLeg"), ("LKNE", "LeftLeg"),
    ("RTOE", "RightToeBase"),
  ):  # fmt: skip
    got = track.position_m[0, BODY13.index(joint)]
    np.testing.assert_allclose(got, at[wanted], atol=1e-5)


def test_npz(tmp_path):
  time_s, wanted = _take()
  path = tmp_path / "a.npz"
  array_file.write(path, {"pose_m": wanted, "time_s": time_s + 3})
  track = reading.read(path)
  np.testing.assert_allclose(track.position_m, wanted)
  assert track.time_s[0] == 3
  array_file.write(
    path,
    {
      "positions": wanted[:, ::-1] * 100,
      "rate_hz": np.float64(12.5),
      "joints": np.array(BODY13.joints[::-1]),
    },
  )
  track = reading.read(path)
  np.testing.assert_allclose(track.position_m, wanted)
  assert track.rate_hz == pytest.approx(12.5)


@pytest.mark.parametrize(
  ("arrays", "said"),
  [
    ({"other": np.zeros(3)}, "holds none of pose_m"),
    ({"pose_m": np.zeros((4, 13))}, "shape"),
    ({"pose_m": np.zeros((4, 12, 3))}, "12 joints and 0 names"),
    ({"pose_m": np.zeros((4, 13, 3)), "time_s": np.zeros(3)}, "time_s"),
    ({"pose_m": np.zeros((4, 13, 3)), "fps": np.float64(25)}, "0 units tall"),
    ({"pose_m": np.full((4, 13, 3), "a"), "fps": np.float64(25)}, "no numbers"),
    ({"pose_m": violinist.MEAN_M[None]}, "a single pose"),
    ({"pose_m": np.full((4, 13, 3), np.nan), "fps": np.float64(9)}, "nan"),
  ],
)
def test_npz_that_cannot_be(tmp_path, arrays, said):
  path = tmp_path / "a.npz"
  array_file.write(path, arrays)
  with pytest.raises(InputError, match=said):
    reading.read(path)


def test_an_npz_with_objects_is_not_unpickled(tmp_path):
  path = tmp_path / "a.npz"
  with path.open("wb") as file:
    np.savez(file, pose_m=np.array([{}], dtype=object))
  with pytest.raises(InputError, match="objects"):
    reading.read(path)


def test_landmarks_with_joints_out_of_sight(tmp_path):
  time_s, wanted = _take(30.0)
  seen = np.ones((len(time_s), 33))
  seen[10:20, 16] = 0.1  # right wrist
  seen[:5, 13] = 0.2  # left elbow, from the start
  path = tmp_path / "a.json"
  violinist.write_json(path, violinist.landmarks(wanted), seen, fps=30)
  track = reading.read(path)
  right, left = BODY13.index("RMWR"), BODY13.index("LMEL")
  assert track.missing.sum(axis=0)[[right, left]].tolist() == [10, 5]
  assert track.missing.sum() == 15
  line = np.linspace(
    track.position_m[9, right], track.position_m[20, right], 12
  )
  np.testing.assert_allclose(track.position_m[9:21, right], line, atol=1e-9)
  np.testing.assert_allclose(
    track.position_m[:5, left], np.tile(track.position_m[5, left], (5, 1))
  )
  assert track.hip_centred
  # Everything counts where nothing is asked of visibility.
  assert not reading.read(path, min_visibility=0.0).missing.any()


def test_a_joint_that_is_never_seen_is_named(tmp_path):
  time_s, wanted = _take(30.0)
  seen = np.ones((len(time_s), 33))
  seen[:, [31, 25]] = 0.1
  path = tmp_path / "a.json"
  violinist.write_json(path, violinist.landmarks(wanted), seen, fps=30)
  with pytest.raises(InputError, match="shows LKNE, LTOE in no pose"):
    reading.read(path)


def test_empty_cells_are_bridged_not_zero(tmp_path):
  time_s, wanted = _take()
  path = tmp_path / "a.csv"
  position_csv.write_points_csv(path, BODY13, wanted, time_s)
  rows = path.read_text().splitlines()
  cells = rows[8].split(",")
  rows[8] = ",".join([*cells[:1], "", "nan", "", *cells[4:]])
  path.write_text("\n".join(rows))
  track = reading.read(path)
  assert track.missing.sum() == 1
  middle = (wanted[6, 0] + wanted[8, 0]) / 2
  np.testing.assert_allclose(track.position_m[7, 0], middle, atol=1e-5)


@pytest.mark.parametrize("rate_hz", [59.94, 100.0, 120.0, 240.0])
def test_faster_files_are_brought_to_50_without_aliases(tmp_path, rate_hz):
  time_s, wanted = _take(rate_hz)
  buzz = np.sin(2 * np.pi * 40.0 * time_s)[:, None, None]
  path = tmp_path / "a.npz"
  fast = rate_hz > 80  # 60 a second show no 40 Hz
  array_file.write(
    path,
    {"pose_m": wanted + 0.1 * buzz * fast, "rate_hz": np.float64(rate_hz)},
  )
  track = reading.read(path)
  assert track.rate_hz == pytest.approx(50)
  np.testing.assert_array_equal(track.time_s, np.arange(len(track.time_s)) / 50)
  middle = slice(20, -20)
  error = track.position_m - violinist.bowing_m(track.time_s)
  assert np.abs(error[middle]).max() < 0.004
  assert "brought to 50" in " ".join(track.notes)


def test_faster_files_keep_their_gaps_in_place(tmp_path):
  _, wanted = _take(100.0)
  wanted[200:240, 5] = np.nan
  path = tmp_path / "a.npz"
  array_file.write(path, {"pose_m": wanted, "rate_hz": np.float64(100)})
  track = reading.read(path)
  at_s = track.time_s[track.missing[:, 5]]
  assert at_s[[0, -1]] == pytest.approx([2.0, 2.38], abs=0.011)
  assert len(at_s) == track.missing.sum() == 20


def test_up_to_50_nothing_is_changed(tmp_path):
  _, wanted = _take(50.0)
  path = tmp_path / "a.npz"
  array_file.write(path, {"pose_m": wanted, "rate_hz": np.float64(50)})
  track = reading.read(path)
  assert np.array_equal(track.position_m, wanted)


@pytest.mark.parametrize(
  ("turn", "said"),
  [(lambda p: p[..., [0, 2, 1]], r"\+z"), (lambda p: p * [1, -1, -1], "-y")],
)
def test_one_who_does_not_stand_upright_is_refused(tmp_path, turn, said):
  time_s, wanted = _take()
  path = tmp_path / "a.npz"
  array_file.write(path, {"pose_m": turn(wanted), "time_s": time_s})
  with pytest.raises(InputError, match=f"stands along {said}"):
    reading.read(path)


def test_a_giant_is_refused(tmp_path):
  time_s, wanted = _take()
  path = tmp_path / "a.npz"
  array_file.write(path, {"pose_m": wanted * 7, "time_s": time_s})
  with pytest.raises(InputError, match="human in no usual unit"):
    reading.read(path)


@pytest.mark.parametrize(
  "data",
  [
    b"", b"PK\x03\x04rubbish", b"HIERARCHY\nROOT", b"[[", b"{}", b"a,b\n1,2\n",
    b"\x00\xff" * 50, b"HIERARCHY", b"C7_x,C7_y\n1,2\n", b"x0,y0,z0\n1,2,3\n",
    b"\xff\xfea\x00", b"[" * 100_000, b"time_s,C7_x,C7_y,C7_z\na,1,2,3\n",
  ],
)  # fmt: skip
def test_other_files_end_in_one_line(tmp_path, data):
  path = tmp_path / "a"
  path.write_bytes(data)
  with pytest.raises(InputError, match=str(path)):
    reading.read(path)
