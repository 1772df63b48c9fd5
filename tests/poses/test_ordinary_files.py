"""Folders of motion files as people have them: units, rates, axes, names."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21


def table(folder, line, columns):
  (folder / "clips.csv").write_text(f"file,{columns}\n{line}\n")


def walk_m(figure, frames=180, rate_hz=60.0):
  """[time, 21, 3] of the figure that glides, its toes on the floor."""
  out = figure.standing_m() + figure.root_m(frames, rate_hz=rate_hz)[:, None]
  out[..., 1] -= out[..., 1].min()
  return out


def positions_text(positions_m, extra=(), names=BODY21.joints):
  """A position table with more columns, each (name, values)."""
  head = [name for name, _ in extra]
  head += [f"{name}_{axis}" for name in names for axis in "xyz"]
  rows = [",".join(head)]
  for i, frame in enumerate(positions_m):
    cells = [str(values[i]) for _, values in extra]
    rows.append(",".join([*cells, *(f"{x:.6f}" for x in frame.ravel())]))
  return "\n".join(rows) + "\n"


# Up axis.


@pytest.mark.parametrize("up", ["z", "-z", "x", "-x", "-y"])
def test_a_capture_with_another_up_axis_is_turned(tmp_path, figure, up):
  expected = walk_m(figure)
  axis, sign = "xyz".index(up[-1]), -1.0 if up.startswith("-") else 1.0
  # Right-handed axes of the file, in the room's: `up` and two more.
  rows = [np.zeros(3), np.zeros(3), np.zeros(3)]
  rows[axis] = np.array([0, sign, 0])
  rows[(axis + 1) % 3] = np.array([0, 0, 1.0])
  rows[(axis + 2) % 3] = np.cross(rows[axis], rows[(axis + 1) % 3])
  turn = np.array(rows)
  assert np.linalg.det(turn) == pytest.approx(1.0)
  text = positions_text(expected @ turn.T, [("fps", [60] * len(expected))])
  (tmp_path / "w.csv").write_text(text)
  shown = up if up.startswith("-") else f"+{up}"
  with pytest.raises(InputError) as caught:
    poses.load_folder(tmp_path)
  assert f"stands along {shown}; give up_axis {up} for" in str(caught.value)
  table(tmp_path, f"w.csv,{up.upper()}", "up_axis")
  (clip,) = poses.load_folder(tmp_path)
  assert clip.height_m == pytest.approx(figure.stature_m, abs=1e-4)
  got = clip.positions_m
  head = got[:, BODY21.index("Head"), 1]
  np.testing.assert_allclose(head, expected[:, BODY21.index("Head"), 1],
                             atol=1e-5)  # fmt: skip
  # Turned about the vertical at most: toes, left and up stay right-handed.
  f, g = expected[0], got[0]
  left, right = BODY21.index("LeftUpLeg"), BODY21.index("RightUpLeg")
  foot, toe = BODY21.index("LeftFoot"), BODY21.index("LeftToeBase")
  for body in (f, g):
    forward = body[toe] - body[foot]
    assert np.cross([0, 1, 0], forward) @ (body[left] - body[right]) > 0


def test_an_up_axis_that_is_none_or_does_not_help_is_said(tmp_path, figure):
  (tmp_path / "w.csv").write_text(positions_text(walk_m(figure)))
  table(tmp_path, "w.csv,up", "up_axis")
  with pytest.raises(InputError, match="up_axis 'up'; give x, y, z, -x"):
    poses.load_folder(tmp_path)
  table(tmp_path, "w.csv,z", "up_axis")
  with pytest.raises(InputError, match=r"stands along -z"):
    poses.load_folder(tmp_path)
  table(tmp_path, "w.csv,+Y", "up_axis")
  assert len(poses.load_folder(tmp_path)) == 1


# Units.


def test_decimetres_are_not_taken_for_cmu_s_unit(tmp_path, figure):
  # The figure is 1.67 m tall: as 1.84 m it fits both.
  unit_m = 0.1 / 1.1
  figure.write(
    tmp_path / "a.bvh", figure.bvh_text(figure.root_m(200), unit_m=unit_m)
  )
  with pytest.raises(InputError) as caught:
    poses.load_folder(tmp_path)
  message = str(caught.value)
  assert "1.04 m tall in CMU units" in message
  assert "1.84 m tall in decimetre units" in message
  assert "unit_scale_m" in message
  table(tmp_path, "a.bvh,0.1", "unit_scale_m")
  (clip,) = poses.load_folder(tmp_path)
  assert clip.height_m == pytest.approx(1.1 * figure.stature_m, abs=1e-3)


def test_a_child_of_cmu_s_skeleton_keeps_its_unit(tmp_path, figure, caplog):
  text = figure.bvh_text(figure.root_m(200), unit_m=0.0254 / 0.45 / 0.65)
  marks = "".join(
    f"JOINT {name} {{\nOFFSET 0 0 0\n}}\n"
    for name in ("LHipJoint", "LowerBack")
  )
  text = text.replace("  JOINT Spine\n", f"{marks}  JOINT Spine\n", 1)
  figure.write(tmp_path / "a.bvh", text)
  (clip,) = poses.load_folder(tmp_path)
  assert clip.height_m == pytest.approx(0.65 * figure.stature_m, abs=1e-3)
  assert "CMU unit" in clip.unit_note
  assert clip.warnings == ()


def test_a_child_in_centimetres_is_nothing_special(tmp_path, figure, caplog):
  text = figure.bvh_text(figure.root_m(200), unit_m=0.01 / 0.7)
  figure.write(tmp_path / "a.bvh", text)
  (clip,) = poses.load_folder(tmp_path)
  assert clip.height_m == pytest.approx(0.7 * figure.stature_m, abs=1e-3)
  assert "centimetre" in clip.unit_note
  assert caplog.text == ""


def test_a_body_without_bones_is_no_question_of_units(tmp_path, figure):
  text = figure.bvh_text(figure.root_m(200))
  lines = [
    "OFFSET 0 0 0" if "OFFSET" in line else line for line in text.splitlines()
  ]
  figure.write(tmp_path / "a.bvh", "\n".join(lines))
  with pytest.raises(InputError, match="length zero: LeftUpLeg-LeftLeg, LeftL"):
    poses.load_folder(tmp_path)


@pytest.mark.parametrize("unit", ["", "0.01"])
def test_one_bone_without_length_is_named_whatever_unit_fits(
  tmp_path, figure, unit
):
  # With thighs alone the legs are those of a giant in inches.
  text = figure.bvh_text(figure.root_m(200), unit_m=0.01)
  for zero in ("0.000000", "-0.000000"):
    text = text.replace(f"{zero} -40.000000 0.000000", "0 0 0")
  figure.write(tmp_path / "a.bvh", text)
  table(tmp_path, f"a.bvh,{unit}", "unit_scale_m")
  with pytest.raises(InputError) as caught:
    poses.load_folder(tmp_path)
  assert (
    "bones of length zero: LeftLeg-LeftFoot, RightLeg-RightFoot; export"
    in str(caught.value)
  )


# Time.


@pytest.mark.parametrize(
  ("name", "times", "rate_hz"),
  [
    ("time", [f"{i / 60:.4f}" for i in range(180)], 60.0),
    ("Time (Seconds)", [f"{i / 29.97:.6f}" for i in range(180)], 29.97),
    ("timestamp", [round(i * 1000 / 60) for i in range(180)], 60.0),
    ("time_ms", [round(5000 + i * 1000 / 120) for i in range(180)], 120.0),
    ("Timestamp_us", [1_700_000_000_000_000 + i * 20_000 for i in range(180)],
     50.0),
    ("t", [f"{1.7e9 + i / 25:.3f}" for i in range(180)], 25.0),
    ("Time [ms]", [f"{i * 40.0:.1f}" for i in range(180)], 25.0),
    ("Time (s)", [f"{i / 240:.2f}" for i in range(0, 720, 4)], 60.0),
    ("fps", [48] * 180, 48.0),
    ("Frame Rate", ["25.0"] * 180, 25.0),
  ],
)  # fmt: skip
def test_a_column_of_times_gives_the_rate(
  tmp_path, figure, caplog, name, times, rate_hz
):
  walk = walk_m(figure)
  (tmp_path / "w.csv").write_text(positions_text(walk, [(name, times)]))
  (clip,) = poses.load_folder(tmp_path)
  assert clip.rate_hz == pytest.approx(rate_hz, rel=1e-5)
  assert clip.frame_range == (0, 180)
  assert caplog.text == ""
  got = poses.read_position_csv(tmp_path / "w.csv", rate_hz)
  np.testing.assert_allclose(got, walk, atol=2e-3)
  assert abs(len(got) - 180) <= 1


def test_no_column_of_times_means_120(tmp_path, figure, caplog):
  extra = [("frame", range(180)), ("heart_rate", [72] * 180)]
  extra += [("rate", [72] * 180), ("time_of_day", ["noon"] * 180)]
  text = positions_text(walk_m(figure), extra)
  (tmp_path / "w.csv").write_text(text)
  (clip,) = poses.load_folder(tmp_path)
  assert clip.rate_hz == 120.0
  assert caplog.text == ""


def test_uneven_times_are_resampled_and_holes_cut(tmp_path, figure):
  walk = walk_m(figure, 400, 50.0)
  kept = np.r_[0:100, 101:150, 152:250, 290:400]
  times = [f"{i / 50:.3f}" for i in kept]
  (tmp_path / "w.csv").write_text(positions_text(walk[kept], [("time", times)]))
  first, second = poses.load_folder(tmp_path)
  assert first.rate_hz == second.rate_hz == 50.0
  assert (first.frame_range, second.frame_range) == ((0, 250), (290, 400))
  np.testing.assert_allclose(first.positions_m, walk[:250], atol=1e-4)
  np.testing.assert_allclose(second.positions_m, walk[290:400], atol=1e-4)
  assert "unevenly spaced: resampled to 50 a second" in first.warnings[0]
  # A rate given by hand takes the rows as they are.
  table(tmp_path, "w.csv,50,357", "fps_true,frames")
  clips = poses.load_folder(tmp_path)
  assert clips[-1].frame_range[1] == 357
  assert clips[-1].warnings == ()


def test_times_that_do_not_ascend_are_refused_by_name(tmp_path, figure):
  times = [f"{i / 60:.4f}" for i in range(180)]
  times[7] = times[6]
  text = positions_text(walk_m(figure), [("time", times)])
  (tmp_path / "w.csv").write_text(text)
  with pytest.raises(InputError, match=r"time of frame 7 is 0\.1, not after"):
    poses.load_folder(tmp_path)
  table(tmp_path, "w.csv,60", "fps_true")
  assert poses.load_folder(tmp_path)[0].rate_hz == 60.0


@pytest.mark.parametrize(
  ("times", "message"),
  [
    (["00:00:01"] * 180, "column 'Time' holds no numbers: 120 frames"),
    ([0.5] * 180, "column 'Time' holds one time alone: 120 frames"),
  ],
)
def test_a_column_that_says_nothing_is_said(tmp_path, figure, times, message):
  text = positions_text(walk_m(figure), [("Time", times)])
  (tmp_path / "w.csv").write_text(text)
  (clip,) = poses.load_folder(tmp_path)
  assert clip.rate_hz == 120.0
  assert message in clip.warnings[0]


def test_a_rate_column_that_contradicts_the_times_is_refused(tmp_path, figure):
  extra = [("fps", [60] * 180), ("time", [i / 30 for i in range(180)])]
  (tmp_path / "w.csv").write_text(positions_text(walk_m(figure), extra))
  with pytest.raises(InputError) as caught:
    poses.load_folder(tmp_path)
  message = str(caught.value)
  assert "60 frames a second by the file, 30 by its times" in message
  assert "fps_true" in message
  table(tmp_path, "w.csv,30", "fps_true")
  assert poses.load_folder(tmp_path)[0].rate_hz == 30.0


@pytest.mark.parametrize(
  ("frame_time", "message"),
  [
    ("1.0", "1 frames a second by the file; give fps_true"),
    ("0.5", "2 frames a second"),
    ("0.0005", "2000 frames a second"),
    ("0", "a frame time of 0 s"),
    ("-0.0333", "a frame time of -0.0333 s"),
    ("30", "a frame time of 30 s"),
    ("120.0", "correct it (to 0.00833333 if that is the rate), or give"),
  ],
)
def test_a_rate_that_cannot_be_asks_for_the_true_one(
  tmp_path, figure, frame_time, message
):
  text = figure.bvh_text(figure.root_m(200))
  text = text.replace("Frame Time: 0.0083333", f"Frame Time: {frame_time}")
  figure.write(tmp_path / "a.bvh", text)
  with pytest.raises(InputError) as caught:
    poses.load_folder(tmp_path)
  assert message in str(caught.value)
  assert "fps_true" in str(caught.value)
  table(tmp_path, "a.bvh,30", "fps_true")
  assert poses.load_folder(tmp_path)[0].rate_hz == 30.0


def test_a_frame_index_is_no_time(tmp_path, figure):
  text = positions_text(walk_m(figure), [("time", range(180))])
  (tmp_path / "w.csv").write_text(text)
  with pytest.raises(InputError, match="1 frames a second by the file; give"):
    poses.load_folder(tmp_path)


# Motive.


def motive_text(walk, names, header_hz, times, ends="\n"):
  rows = [
    f"Format Version,1.23,Export Frame Rate,{header_hz},Length Units,Meters",
    "",
    ",".join(["", "Type", *["Bone"] * 3 * len(names)]),
    ",".join(["", "Name", *(name for name in names for _ in "xyz")]),
    ",".join(["", "", *["Position"] * 3 * len(names)]),
    ",".join(["Frame", "Time (Seconds)", *"XYZ" * len(names)]),
  ]
  for i, frame in enumerate(walk):
    cells = [f"{x:.5f}" for x in frame.ravel()]
    rows.append(",".join([str(i), f"{times[i]:.6f}", *cells]))
  return ends.join(rows) + ends


@pytest.mark.parametrize(
  "encode",
  [
    lambda text: b"\xef\xbb\xbf" + text.encode(),
    lambda text: text.encode("utf-16"),
    lambda text: text.replace("\n", "\r").encode(),
    lambda text: text.encode() + b"\x1a",
  ],
)
def test_motive_s_asset_hip_in_any_encoding(tmp_path, figure, caplog, encode):
  names = [f"Skeleton 002:{joint}" for joint in BODY21.joints]
  names[0] = "Skeleton 002:Skeleton 002"
  walk = walk_m(figure)
  text = motive_text(walk, names, 60.0, np.arange(180) / 60)
  (tmp_path / "t.csv").write_bytes(encode(text))
  (clip,) = poses.load_folder(tmp_path)
  assert (clip.rate_hz, caplog.text) == (60.0, "")
  np.testing.assert_allclose(clip.positions_m, walk, atol=2e-5)


def test_motive_s_header_against_its_times(tmp_path, figure):
  names = [f"S:{joint}" for joint in BODY21.joints]
  text = motive_text(walk_m(figure), names, 120.0, np.arange(180) / 60)
  (tmp_path / "t.csv").write_text(text)
  with pytest.raises(InputError) as caught:
    poses.load_folder(tmp_path)
  message = str(caught.value)
  assert "120 frames a second by the file, 60 by its times" in message
  assert "give fps_true for the file in clips.csv" in message
  table(tmp_path, "t.csv,60", "fps_true")
  assert poses.load_folder(tmp_path)[0].rate_hz == 60.0


# Names.


def test_a_joint_map_in_the_folder_or_beside_it(tmp_path, figure):
  folder = tmp_path / "in"
  rename = {joint: f"J{i:02d}" for i, joint in enumerate(BODY21.joints)}
  text = figure.bvh_text(figure.root_m(200), rename=rename)
  figure.write(folder / "a.bvh", text)
  with pytest.raises(InputError, match=r"--joint_map=FILE, or joint_map\.json"):
    poses.load_folder(folder)
  names = {name: joint for joint, name in rename.items()}
  beside = tmp_path / "names.json"
  beside.write_text(json.dumps(names))
  (first,) = poses.load_folder(folder, beside)
  (folder / "joint_map.json").write_text(json.dumps(names))
  (second,) = poses.load_folder(folder)
  np.testing.assert_array_equal(first.positions_m, second.positions_m)
  assert first.height_m == pytest.approx(figure.stature_m, abs=1e-4)


def test_a_rig_without_a_neck_is_read_and_says_so(tmp_path, figure):
  walk = walk_m(figure)
  kept = [i for i, joint in enumerate(BODY21.joints) if joint != "Neck"]
  text = positions_text(
    walk[:, kept], names=[f"rig_{BODY21.joints[i]}" for i in kept]
  )
  (tmp_path / "w.csv").write_text(text)
  (clip,) = poses.load_folder(tmp_path)
  assert "no joint 'Neck': placed between Spine1 and Head" in clip.warnings[0]
  neck = clip.positions_m[:, BODY21.index("Neck")]
  # Spine1, neck and head lie nearly on a line: the head 2 cm forward.
  np.testing.assert_allclose(neck, walk[:, BODY21.index("Neck")], atol=0.03)


def test_frames_beyond_the_announced_are_clips_with_a_warning(tmp_path, figure):
  text = figure.bvh_text(figure.root_m(200)).replace(
    "Frames: 200", "Frames: 199"
  )
  figure.write(tmp_path / "a.bvh", text)
  (clip,) = poses.load_folder(tmp_path)
  assert clip.frame_range == (0, 200)
  assert "199 announced, 200 lines" in clip.warnings[0]


def renamed_bvh(figure, middle, form, words, sides):
  """The figure's BVH with other names; `words` are those of one limb each."""
  rename = dict(zip(BODY21.joints, middle.split()))
  parts = [j[4:] for j in BODY21.joints if j.startswith("Left")]
  for ours, theirs in zip(("Left", "Right"), sides):
    for part, word in zip(parts, words.split()):
      rename[ours + part] = form.format(side=theirs, part=word)
  return figure.bvh_text(figure.root_m(200), rename=rename)


@pytest.mark.parametrize(
  ("middle", "form", "words", "sides"),
  [
    (
      "Bip01_Pelvis Bip01_Spine Bip01_Spine1 Bip01_Neck Bip01_Head",
      "Bip01 {side} {part}",
      "Clavicle UpperArm Forearm Hand Thigh Calf Foot Toe0",
      "LR",
    ),
    (
      "DEF-spine DEF-spine.001 DEF-spine.003 DEF-spine.004 DEF-spine.006",
      "DEF-{part}.{side}",
      "shoulder upper_arm forearm hand thigh shin foot toe",
      "LR",
    ),
    (
      "J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_Chest J_Bip_C_Neck J_Bip_C_Head",
      "J_Bip_{side}_{part}",
      "Shoulder UpperArm LowerArm Hand UpperLeg LowerLeg Foot ToeBase",
      "LR",
    ),
    (
      "m_avg_Pelvis m_avg_Spine1 m_avg_Spine3 m_avg_Neck m_avg_Head",
      "m_avg_{side}_{part}",
      "Collar Shoulder Elbow Wrist Hip Knee Ankle Foot",
      "LR",
    ),
    (
      "Armature char_spine1 char_spine4 char_neck char_head",
      "char_{side}{part}",
      "shoulder arm foreArm hand thigh shin foot toe",
      ("left", "right"),
    ),
    (
      "hips_JNT spine_JNT spine1_JNT neck_JNT head_JNT",
      "{side}_{part}_JNT",
      "shoulder arm forearm hand upleg leg foot toebase",
      "lr",
    ),
  ],
)
def test_skeletons_of_other_programs_are_the_same_body(
  tmp_path, figure, middle, form, words, sides
):
  text = renamed_bvh(figure, middle, form, words, sides)
  figure.write(tmp_path / "other" / "a.bvh", text)
  figure.write(tmp_path / "plain" / "a.bvh",
               figure.bvh_text(figure.root_m(200)))  # fmt: skip
  other, plain = poses.load_folder(tmp_path)
  np.testing.assert_array_equal(other.positions_m, plain.positions_m)
  assert (other.subject, other.height_m) == ("other", plain.height_m)
