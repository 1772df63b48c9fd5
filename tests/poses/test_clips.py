from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21

HIPS, HEAD = BODY21.joints.index("Hips"), BODY21.joints.index("Head")


def test_a_plain_folder_in_centimetres(tmp_path, figure):
  root_m = figure.root_m(400, height_m=1.3)
  figure.write(tmp_path / "anna" / "walk.bvh", figure.bvh_text(root_m))
  figure.write(
    tmp_path / "ben" / "day1" / "run.bvh.gz",
    figure.bvh_text(root_m, t_pose=20, frame_s=1 / 60),
  )
  (tmp_path / "notes.csv").write_text("subject,age\nanna,30\n")
  (tmp_path / "readme.txt").write_text("hello")
  walk, run = poses.load_folder(tmp_path)

  assert (walk.name, walk.subject, walk.rate_hz) == ("walk", "anna", 120.0)
  assert walk.source_path == "anna/walk.bvh"
  assert walk.frame_range == (0, 400)
  assert walk.duration_s == pytest.approx(400 / 120)
  assert walk.height_m == pytest.approx(figure.stature_m, abs=1e-4)
  assert "1 unit = 0.01 m (centimetre, by the body height)" in walk.unit_note
  assert "stature 1.67 m" in walk.unit_note
  # The toes stand on the floor, whatever height the capture had.
  expected = figure.standing_m() + root_m[:, None]
  expected[..., 1] += figure.toe_below_hips_m - 1.3
  assert walk.positions_m.dtype == np.float32
  np.testing.assert_allclose(walk.positions_m, expected, atol=2e-6)

  assert (run.name, run.subject, run.rate_hz) == ("run", "ben", 60.0)
  assert run.frame_range == (23, 400)
  np.testing.assert_allclose(run.positions_m, expected[23:], atol=2e-6)


@pytest.mark.parametrize("unit_m", [1.0, 0.001, 0.0254, 0.0564444])
def test_the_unit_does_not_matter(tmp_path, figure, unit_m):
  root_m = figure.root_m(200)
  text = figure.bvh_text(root_m, unit_m=unit_m)
  figure.write(tmp_path / "x_1.bvh", text)
  (clip,) = poses.load_folder(tmp_path)
  expected = figure.standing_m() + root_m[:, None]
  expected[..., 1] -= expected[..., 1].min()
  np.testing.assert_allclose(clip.positions_m, expected, atol=1e-4)


def test_subjects_of_a_flat_folder(tmp_path, figure):
  text = figure.bvh_text(figure.root_m(150))
  for name in ("02_01.bvh", "02_02.bvh", "35_01.BVH", "walk.bvh"):
    figure.write(tmp_path / name, text)
  clips = poses.load_folder(tmp_path)
  assert [(clip.name, clip.subject) for clip in clips] == [
    ("02_01", "02"),
    ("02_02", "02"),
    ("35_01", "35"),
    ("walk", "subject_00"),
  ]


def test_names_stay_unique(tmp_path, figure):
  text = figure.bvh_text(figure.root_m(150))
  for name in ("a/walk.bvh", "b/walk.bvh", "b/two/walk.bvh", "b/run.bvh"):
    figure.write(tmp_path / name, text)
  names = [clip.name for clip in poses.load_folder(tmp_path)]
  assert names == ["a-walk", "run", "b-walk", "b-walk-again1"]


def test_jumps_and_gaps_make_several_clips(tmp_path, figure):
  root_m = figure.root_m(600)
  root_m[300:, 0] += 1.0
  figure.write(tmp_path / "a.bvh", figure.bvh_text(root_m))
  first, second = poses.load_folder(tmp_path)
  assert (first.name, second.name) == ("a-1", "a-2")
  assert (first.frame_range, second.frame_range) == ((0, 294), (306, 600))
  assert first.source_path == second.source_path == "a.bvh"


def test_the_table_overrides_what_the_file_says(tmp_path, figure):
  root_m = figure.root_m(600, height_m=1.0)
  root_m[300:, 0] += 1.0
  for name in ("f/a.bvh", "f/b.bvh"):
    figure.write(tmp_path / name, figure.bvh_text(root_m))
  (tmp_path / "clips.csv").write_text(
    "file,subject,description,fps_true,unit_scale_m,valid_ranges,floor_y_m,"
    "frames\nf/b.bvh,eve,a slide,60,0.011,2-50;290-310,0.07,600\n"
  )
  clips = poses.load_folder(tmp_path)
  assert [clip.name for clip in clips] == ["b-1", "b-2", "a-1", "a-2"]
  first, second = clips[:2]
  assert (first.subject, first.description) == ("eve", "a slide")
  assert (first.rate_hz, second.frame_range) == (60.0, (290, 310))
  assert first.duration_s == pytest.approx(48 / 60)
  assert "0.011 m (clips.csv)" in first.unit_note
  assert first.height_m == pytest.approx(1.1 * figure.stature_m, abs=1e-4)
  expected = 1.1 * (figure.standing_m() + root_m[2:50, None])
  expected[..., 1] -= 0.07
  np.testing.assert_allclose(first.positions_m, expected, atol=3e-6)
  assert (clips[2].subject, clips[2].rate_hz) == ("f", 120.0)


@pytest.mark.parametrize(
  ("line", "message"),
  [
    ("a.bvh,1-601,,", "valid_ranges 1-601, but a.bvh has 600 frames"),
    ("a.bvh,,700,", "frames 700, but a.bvh has 600"),
    ("a.bvh,,,1", "unit_scale_m 1 makes a person 167 m tall"),
    ("a.bvh,,,0.001", "unit_scale_m 0.001 makes a person 0.167 m tall"),
    ("notes.csv,,,", "neither BVH, OptiTrack nor position CSV"),
  ],
)
def test_a_table_that_does_not_fit_the_files(tmp_path, figure, line, message):
  figure.write(tmp_path / "a.bvh", figure.bvh_text(figure.root_m(600)))
  (tmp_path / "notes.csv").write_text("subject,age\n")
  table = f"file,valid_ranges,frames,unit_scale_m\n{line}\n"
  (tmp_path / "clips.csv").write_text(table)
  with pytest.raises(InputError) as caught:
    poses.load_folder(tmp_path)
  assert message in str(caught.value)


def test_position_csv_files_are_clips_too(tmp_path, figure):
  positions_m = figure.standing_m() + figure.root_m(300)[:, None]
  poses.write_position_csv(tmp_path / "s1_x_position.csv", positions_m * 100)
  (clip,) = poses.load_folder(tmp_path)
  positions_m[..., 1] -= positions_m[..., 1].min()
  assert (clip.subject, clip.rate_hz) == ("s1", 120.0)
  assert "centimetre" in clip.unit_note
  np.testing.assert_allclose(clip.positions_m, positions_m, atol=1e-6)


def optitrack_text(positions, unit="Meters"):
  names = [f"Ann:{joint}" for joint in BODY21.joints for _ in "xyz"]
  rows = [
    f"Format Version,1.23,Export Frame Rate,100.0,Length Units,{unit}",
    "",
    ",".join(["", "Type", *["Bone"] * 63]),
    ",".join(["", "Name", *names]),
    ",".join(["", "", *["Position"] * 63]),
    ",".join(["Frame", "Time (Seconds)", *"XYZ" * 21]),
  ]
  for i, row in enumerate(positions.reshape(len(positions), 63)):
    cells = ["" if np.isnan(x) else f"{x:.5f}" for x in row]
    rows.append(",".join([str(i), f"{i / 100:.6f}", *cells]))
  return "\n".join(rows) + "\n"


def test_optitrack_gaps_are_bridged_or_cut(tmp_path, figure):
  whole = figure.standing_m() + figure.root_m(500, rate_hz=100.0)[:, None]
  positions = whole.copy()
  positions[50:60, HEAD] = np.nan
  positions[200:240] = np.nan
  figure.write(tmp_path / "ann" / "t.csv", optitrack_text(positions))
  first, second = poses.load_folder(tmp_path)
  assert (first.frame_range, second.frame_range) == ((0, 200), (240, 500))
  assert (first.rate_hz, first.subject) == (100.0, "ann")
  assert "1 unit = 1 m (the file's header)" in first.unit_note
  whole[..., 1] -= whole[..., 1].min()
  np.testing.assert_allclose(first.positions_m, whole[:200], atol=2e-5)
  (tmp_path / "clips.csv").write_text("file,valid_ranges\nann/t.csv,190-210\n")
  with pytest.raises(InputError, match=r"line 2: .*190-210 holds missing"):
    poses.load_folder(tmp_path)


def test_a_header_unit_that_cannot_be_true_is_refused(tmp_path, figure):
  positions = figure.standing_m() + figure.root_m(300)[:, None]
  text = optitrack_text(positions, unit="Millimeters")
  figure.write(tmp_path / "t.csv", text)
  with pytest.raises(InputError, match=r"t\.csv: a person 0\.00167 m tall"):
    poses.load_folder(tmp_path)


def test_folders_without_motion_are_refused(tmp_path, figure):
  with pytest.raises(InputError, match="no such folder"):
    poses.load_folder(tmp_path / "none")
  with pytest.raises(InputError, match="no usable motion in 0 files"):
    poses.load_folder(tmp_path)
  root_m = figure.root_m(300, speed_m_s=50.0)
  figure.write(tmp_path / "a.bvh", figure.bvh_text(root_m))
  with pytest.raises(InputError, match="no usable motion in 1 files"):
    poses.load_folder(tmp_path)


def test_a_broken_or_foreign_file_is_named(tmp_path, figure):
  text = figure.bvh_text(figure.root_m(300))
  path = figure.write(tmp_path / "a" / "b.bvh", text[:-40])
  with pytest.raises(InputError, match=r"a/b\.bvh line \d+: frame 299 has"):
    poses.load_folder(tmp_path)
  path.write_text(text.replace("JOINT LeftHand", "JOINT Wing"))
  with pytest.raises(InputError, match=r"b\.bvh: no joint 'LeftHand'.*Wing"):
    poses.load_folder(tmp_path)
