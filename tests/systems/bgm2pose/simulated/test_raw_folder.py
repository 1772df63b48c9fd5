"""A simulated folder has AMPL's layout, can be resumed, refuses other plans."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from absl import flags

from bgm2pose_jax import poses as mocap
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import motion, recorder
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout
from bgm2pose_jax.systems.bgm2pose.simulated import __main__ as command
from bgm2pose_jax.systems.bgm2pose.simulated import casting, raw_folder

_PLAN = raw_folder.RawPlan(
  subjects=2,
  tracks=("haze",),
  minutes=0.05,
  seed=4,
  snr_db=30.0,
  scene=Scene(max_order=1),
)


def _digests(folder):
  return {
    path.relative_to(folder).as_posix(): hashlib.sha256(
      path.read_bytes()
    ).hexdigest()
    for path in sorted(folder.rglob("*"))
    if path.is_file()
  }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  out = tmp_path_factory.mktemp("raw")
  report = raw_folder.make_raw(out, _PLAN, progress=False)
  return out, report


def test_layout_is_that_of_the_raw_data(made):
  out, report = made
  assert report.made == ("subject_0_haze", "subject_1_haze")
  assert report.recorded_s == pytest.approx(6.0)
  assert set(_digests(out)) == {
    "data/sound_cut/haze_input.WAV",
    "data/sound_cut/subject_0_haze_cut.wav",
    "data/sound_cut/subject_1_haze_cut.wav",
    "data/annotations/subject_0_haze.txt",
    "data/annotations/subject_1_haze.txt",
    "data/poses_synchronized/subject_0_haze_position.csv",
    "data/poses_synchronized/subject_1_haze_position.csv",
    "data/tracks.json",
    "data/simulated.json",
  }
  sound = out / "data" / "sound_cut"
  for name, channels in (
    ("subject_0_haze_cut.wav", 4),
    ("haze_input.WAV", 2),
  ):
    info = soundfile.info(sound / name)
    assert (info.channels, info.samplerate) == (channels, 48000)
    assert (info.subtype, info.frames) == ("PCM_24", 144000)


def test_poses_and_annotations_are_those_of_the_performance(made):
  out, _ = made
  acted = casting.performance(_PLAN, casting.cast(_PLAN), "1", "haze")
  poses = mocap.read_position_csv(
    out / "data/poses_synchronized/subject_1_haze_position.csv"
  )
  assert poses.shape == (360, BODY21.num_joints, 3)
  np.testing.assert_allclose(poses, acted.positions_m, atol=2e-6)
  lines = (out / "data/annotations/subject_1_haze.txt").read_text().split("\n")
  assert len(lines) == len(acted.labels) + 1
  start_s, end_s, label = lines[0].split()
  assert (float(start_s), label) == (0.0, acted.labels[0][2])
  assert float(end_s) == pytest.approx(acted.labels[0][1], abs=1e-5)


def test_recording_is_the_rendered_one_with_the_track_gain(made):
  out, _ = made
  music, _ = soundfile.read(
    out / "data/sound_cut/haze_input.WAV", dtype="float32"
  )
  gain = json.loads((out / "data/tracks.json").read_text())["haze"]["gain"]
  got, _ = soundfile.read(
    out / "data/sound_cut/subject_0_haze_cut.wav", dtype="float32"
  )
  acted = casting.performance(_PLAN, casting.cast(_PLAN), "0", "haze")
  quiet = dataclasses.replace(_PLAN.scene, noise="none")
  clean = gain * recorder.render(quiet, music.T, acted.positions_m, 120.0)
  noise = got.T - clean
  power = np.sqrt(np.mean(clean[0] ** 2)) / np.sqrt(np.mean(noise[0] ** 2))
  assert 20 * np.log10(power) == pytest.approx(30.0, abs=0.5)
  empty = gain * recorder.static_recording(quiet, music.T)
  assert np.abs(empty).max() == pytest.approx(0.4, rel=1e-3)
  assert np.abs(got).max() < 0.99


def test_person_is_in_the_recording(made):
  """Two people leave different recordings of the same music in one room."""
  out, _ = made
  first, second = (
    soundfile.read(out / f"data/sound_cut/subject_{i}_haze_cut.wav")[0]
    for i in "01"
  )
  difference = np.sqrt(np.mean((first - second) ** 2))
  level = np.sqrt(np.mean(first**2))
  # Well above the two noises (30 dB down each), well below the direct sound.
  assert 0.05 < difference / level < 1.0


def test_simulated_json_says_how_it_was_made(made):
  out, _ = made
  said = json.loads((out / "data/simulated.json").read_text())
  assert said["simulated"] is True
  assert said["seed"] == 4
  assert Scene.from_dict(said["scene"]) == _PLAN.noisy_scene()
  assert said["versions"]["numpy"] == np.__version__
  tracks = json.loads((out / "data/tracks.json").read_text())
  assert tracks["haze"]["genre"] == "ambient"


def test_second_call_makes_only_what_is_missing(made):
  out, _ = made
  before = _digests(out)
  (out / "data/sound_cut/subject_1_haze_cut.wav").unlink()
  (out / "data/annotations/subject_1_haze.txt").unlink()
  report = raw_folder.make_raw(out, _PLAN, progress=False)
  assert report.made == ("subject_1_haze",)
  assert report.kept == ("subject_0_haze",)
  assert _digests(out) == before  # same seed, same bytes
  assert raw_folder.make_raw(out, _PLAN, progress=False).made == ()
  # As a copy that was stopped leaves it.
  path = out / "data/sound_cut/subject_0_haze_cut.wav"
  path.write_bytes(path.read_bytes()[:-1000])
  report = raw_folder.make_raw(out, _PLAN, progress=False)
  assert report.made == ("subject_0_haze",)
  assert _digests(out) == before


@pytest.mark.parametrize(
  ("change", "field"),
  [
    ({"seed": 5}, "seed"),
    ({"minutes": 0.04}, "minutes"),
    ({"subjects": 3}, "subjects"),
    ({"snr_db": None}, "noise"),
    ({"scene": Scene(max_order=1, room_m=(9, 3, 7))}, "room_m"),
  ],
)
def test_another_plan_is_refused_by_field(made, change, field):
  out, _ = made
  before = _digests(out)
  with pytest.raises(InputError, match=field):
    raw_folder.make_raw(
      out, dataclasses.replace(_PLAN, **change), progress=False
    )
  assert _digests(out) == before


def test_a_folder_of_real_recordings_is_left_alone(tmp_path):
  sound = tmp_path / "data" / "sound_cut"
  sound.mkdir(parents=True)
  (sound / "subject_0_arnor_cut.wav").write_bytes(b"real")
  with pytest.raises(InputError, match="did not make"):
    raw_folder.make_raw(tmp_path, _PLAN, progress=False)
  assert not (tmp_path / "data" / "simulated.json").exists()


def test_command_line_names_the_problem_and_exits_with_2(tmp_path):
  run = subprocess.run(
    [
      sys.executable,
      "-m",
      "bgm2pose_jax.simulate",
      f"--out={tmp_path / 'out'}",
      "--tracks=polka",
    ],
    capture_output=True,
    text=True,
    check=False,
  )
  assert run.returncode == 2
  assert run.stdout == ""
  assert run.stderr.startswith("error: ")
  assert "polka" in run.stderr
  assert "Traceback" not in run.stderr
  assert len(run.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
  ("arguments", "noise", "snr_db"),
  [
    ((), "white", 40.0),
    (("--scene",), "room", 25.0),
    (("--scene", "--snr_db=33"), "room", 33.0),
    (("--scene", "--snr_db=none"), "none", 25.0),
  ],
)
def test_snr_of_a_scene_file_counts(tmp_path, arguments, noise, snr_db):
  path = tmp_path / "scene.json"
  path.write_text('{"noise": "room", "snr_db": 25.0}')
  chosen = [a if a != "--scene" else f"--scene={path}" for a in arguments]
  values = flags.FlagValues()
  command.define_flags(values)
  values(["simulate", *chosen])
  scene = command.read_plan(values).noisy_scene()
  assert (scene.noise, scene.snr_db) == (noise, snr_db)


def test_a_folder_says_what_names_its_captured_people(made, tmp_path):
  """Whoever learns from the recordings never sees the motion files."""
  out, _ = made
  motion_dir = tmp_path / "motion"
  motion_dir.mkdir()
  for name in ("walk1_x", "dance1_x"):
    rng = motion.random_stream(0, "people", name)
    done = motion.perform(motion.subject_style(name, 0), 2.0, rng)
    moved = done.positions_m.copy()
    hand, elbow = BODY21.index("LeftHand"), BODY21.index("LeftForeArm")
    moved[:, hand] += 0.5 * (moved[:, hand] - moved[:, elbow])
    mocap.write_position_csv(motion_dir / f"{name}.csv", moved)
  plan = dataclasses.replace(_PLAN, mocap_dir=str(motion_dir))
  raw_folder.make_raw(tmp_path / "out", plan, progress=False)
  held = raw_layout.scan_raw(tmp_path / "out").holdings()
  assert held.people == casting.holdings(plan).people
  assert held.people.subject_from == "guess"
  (said,) = held.people.warnings
  assert said.startswith("dance1_x.csv and 1 more: the left bone to Hand")
  path = tmp_path / "out" / "data" / "simulated.json"
  described = json.loads(path.read_text())
  for odd in (None, {"subject_from": "hearsay"}, {"subject_from": "guess",
                                                  "warnings": 7}):  # fmt: skip
    path.write_text(json.dumps({**described, "people": odd or {}}))
    people = raw_layout.scan_raw(tmp_path / "out").people
    assert people is None or people.warnings == ()
  path.write_text(json.dumps({**described, "people": "all"}))
  with pytest.raises(InputError, match="people is no object"):
    raw_layout.scan_raw(tmp_path / "out").holdings()
  # Folders of procedural people, and those made before, say nothing.
  assert raw_layout.scan_raw(out).holdings().people is None
