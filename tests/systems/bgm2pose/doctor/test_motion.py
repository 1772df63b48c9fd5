"""A folder of motion captures: every file is judged, whatever others are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from absl import flags

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import motion
from bgm2pose_jax.systems.bgm2pose.doctor import __main__ as command

KEYS = ["file", "unit", "rate_hz", "frames", "stature_m", "mirrored", "up_axis",
        "subject", "subject_from", "warnings", "error"]  # fmt: skip


@pytest.fixture(scope="module")
def moving_m():
  rng = motion.random_stream(0, "doctor", "motion")
  done = motion.perform(motion.subject_style("3", 0), 3.0, rng, 120.0)
  return done.positions_m.astype(np.float64)


@pytest.fixture
def folder(tmp_path):
  path = tmp_path / "captures"
  path.mkdir()
  return path


def write(folder, name, positions):
  path = folder / name
  path.parent.mkdir(exist_ok=True)
  if path.suffix == ".bvh":
    poses.write_bvh(path, positions, 120.0)
  else:
    poses.write_position_csv(path, positions)
  return path


def look(folder, *more):
  values = flags.FlagValues()
  command.define_flags(values)
  told = folder.parent / "found.json"
  rest = values(["doctor", str(folder), f"--json={told}", *more])
  text, status = command.run(values, rest)
  found = json.loads(told.read_text())
  return text, status, {seen["file"]: seen for seen in found["files"]}, found


def test_a_good_folder_has_nothing_to_mend(folder, moving_m):
  write(folder, "ann/walk.bvh", moving_m)
  write(folder, "ben/run.csv", moving_m * 100)
  (folder / "notes.csv").write_text("subject,age\nann,30\n")
  text, status, files, found = look(folder)
  assert status == 0
  assert list(files) == ["ann/walk.bvh", "ben/run.csv"]
  assert all(list(seen) == KEYS for seen in files.values())
  run = files["ben/run.csv"]
  assert (run["unit"], run["rate_hz"], run["frames"]) == (
    "centimetre",
    120,
    360,
  )
  assert (run["mirrored"], run["up_axis"], run["error"]) == (False, "+y", None)
  assert (run["subject"], run["subject_from"]) == ("ben", "folder")
  assert run["warnings"] == []
  clip = poses.load_folder(folder)[1]
  assert run["stature_m"] == pytest.approx(clip.height_m, abs=1e-4)
  assert "all files can be used" in text
  assert "0 errors, 0 warnings" in text
  assert (found["errors"], found["clips_csv"]) == (0, "")


def z_up(p):
  return p[..., [0, 2, 1]] * [1, -1, 1]


def uneven(p):
  p = p.copy()
  hand, elbow = BODY21.index("LeftHand"), BODY21.index("LeftForeArm")
  p[:, hand] += 0.5 * (p[:, hand] - p[:, elbow])
  return p


@pytest.mark.parametrize(
  ("wrong", "key", "value", "error", "warning"),
  [
    (lambda p: p * [-1, 1, 1], "mirrored", True, "mirrored", None),
    (lambda p: p * [1, 1, -1], "mirrored", True, "right-handed", None),
    (z_up, "up_axis", "+z", "stands along +z", None),
    (lambda p: p * [1, -1, -1], "up_axis", "-y", "stands along -y", None),
    (lambda p: 0.3 * p, "unit", None, "unit_scale_m", None),
    (uneven, "mirrored", False, None, "left bone to Hand is 1.5"),
    (lambda p: z_up(uneven(p)), "mirrored", False, "along +z", "is 1.5"),
    (lambda p: z_up(p * [-1, 1, 1]), "mirrored", True, "along +z", "mirrored"),
  ],
)
def test_each_fault_is_named_beside_the_good_file(
  folder, moving_m, wrong, key, value, error, warning
):
  write(folder, "ann/a_bad.csv", wrong(moving_m))
  write(folder, "ann/good.csv", moving_m)
  text, status, files, _ = look(folder)
  bad = files["ann/a_bad.csv"]
  assert bad[key] == value
  assert status == int(error is not None)
  if error:
    assert error in bad["error"]
    assert "1 of 2 files cannot be used" in text
  else:
    assert bad["error"] is None
  said = " ".join(bad["warnings"])
  assert (warning in said) if warning else not said
  assert files["ann/good.csv"]["error"] is None
  assert files["ann/good.csv"]["warnings"] == []


def test_broken_files_and_tables_do_not_stop_the_rest(folder, moving_m):
  write(folder, "ann/good.csv", moving_m)
  text = write(folder, "ann/cut.bvh", moving_m).read_text()
  (folder / "ann" / "cut.bvh").write_text(text[:-2000])
  (folder / "ann" / "empty.bvh").touch()
  (folder / "ann" / "fifty.bvh").write_bytes(b"\xff\x00" * 50)
  (folder / "ann" / "gone.bvh").symlink_to(folder / "nowhere")
  (folder / "clips.csv").write_text("file,fps_true\nann/good.csv,fast\n")
  _, status, files, found = look(folder)
  assert status == 1
  assert found["errors"] == 5
  broken = ["cut", "empty", "fifty", "gone"]
  assert all(files[f"ann/{name}.bvh"]["error"] for name in broken)
  assert files["ann/cut.bvh"]["error"].startswith("line ")
  assert files["ann/good.csv"]["error"] is None
  (of_table,) = [f for f in found["findings"] if f["kind"] == "clips.csv"]
  assert "fps_true 'fast'" in of_table["what"]


def test_the_lines_can_be_pasted(folder, moving_m):
  write(folder, "walk1_x.csv", moving_m)
  write(folder, "dance, fast_x.csv", moving_m)
  fast = np.concatenate([moving_m[::12], moving_m[::-12]] * 6)
  write(folder, "run_x.csv", fast)
  write(folder, "turn_z.csv", z_up(moving_m))
  text, _, files, found = look(folder)
  assert found["clips_csv"].splitlines() == [
    "file,subject,fps_true,unit_scale_m,up_axis",
    '"dance, fast_x.csv",dance- fast,,,',
    "run_x.csv,run,?,,",
    "turn_z.csv,turn,,,z",
    "walk1_x.csv,walk1,,,",
  ]
  assert found["clips_csv"].strip() in text
  assert "people are guessed" in text
  assert "faster than" in files["run_x.csv"]["warnings"][0]
  # Until the question marks are replaced the table is refused by name.
  (folder / "clips.csv").write_text(found["clips_csv"])
  with pytest.raises(InputError, match=r"line 3: fps_true '\?'"):
    poses.load_folder(folder)
  mended = (folder / "clips.csv").read_text().replace("?", "12")
  (folder / "clips.csv").write_text(mended)
  _, _, files, _ = look(folder)
  assert files["run_x.csv"]["rate_hz"] == 12
  assert {seen["subject_from"] for seen in files.values()} == {"clips.csv"}


def test_takes_and_people_are_compared(folder, moving_m):
  write(folder, "walk.csv", moving_m)
  write(folder, "run.csv", moving_m * 1.2)
  text, status, files, found = look(folder)
  assert status == 0
  (said,) = files["walk.csv"]["warnings"] or files["run.csv"]["warnings"]
  assert "m elsewhere; name who moves in the column subject" in said
  assert "look at 1 of 2 first" in text
  assert "all files count as one person's" in text
  assert "people" not in [
    f["kind"] for f in found["findings"] if f["severity"] == "warning"
  ]


def test_recordings_come_first(raw, folder, moving_m):
  """Motion beside recordings is theirs; a folder with other sounds is not."""
  write(raw, "walk.csv", moving_m)
  values = flags.FlagValues()
  command.define_flags(values)
  text, _ = command.run(values, values(["doctor", "--align=none", str(raw)]))
  assert "raw layout" in text
  assert "motion files" not in text
  write(folder, "walk.csv", moving_m)
  (folder / "song.ogg").touch()
  text, status, files, _ = look(folder)
  assert (status, list(files)) == (0, ["walk.csv"])
  assert "its 1 sound files, such as song.ogg, were not opened" in text
  (folder / "subject_0_arnor_cut.wav").touch()
  values = flags.FlagValues()
  command.define_flags(values)
  text, status = command.run(values, values(["doctor", str(folder)]))
  assert status == 1
  assert "but 1 recordings" in text


def test_hostile_names_are_shown_on_one_line(folder, moving_m):
  name = "a\x1b[31m\nb_x.csv"
  write(folder, name, moving_m)
  write(folder, "c_y.csv", z_up(moving_m))
  text, _, files, found = look(folder)
  assert name in files
  assert "\x1b" not in text
  assert "x.csv" not in found["clips_csv"].replace("c_y.csv", "")


def test_a_folder_without_motion_is_told_as_before(folder):
  (folder / "ages.csv").write_text("subject,age\n")
  values = flags.FlagValues()
  command.define_flags(values)
  text, status = command.run(values, values(["doctor", str(folder)]))
  assert status == 1
  assert "holds neither data/sound_cut" in text
