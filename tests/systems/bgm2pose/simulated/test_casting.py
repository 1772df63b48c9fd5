"""Who performs what: plans, folders of motion and music, names."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import motion
from bgm2pose_jax.systems.bgm2pose.config import SimulateConfig
from bgm2pose_jax.systems.bgm2pose.simulated import casting
from bgm2pose_jax.systems.bgm2pose.simulated.source import SimulatedRecordings


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
  """Two captured people with two clips each, two music files."""
  home = tmp_path_factory.mktemp("input")
  for subject in ("subject_02", "subject_10"):
    (home / "mocap" / subject).mkdir(parents=True)
    for clip in "ab":
      style = motion.subject_style(subject)
      done = motion.perform(style, 4.0, motion.random_stream(0, subject, clip))
      poses.write_position_csv(
        home / "mocap" / subject / f"{subject[-2:]}{clip}.csv",
        done.positions_m,
      )
  (home / "music").mkdir()
  noise = np.random.default_rng(0).normal(0, 0.1, (48000, 2))
  for name in ("ambient_1.wav", "jazz_1.wav"):
    soundfile.write(home / "music" / name, noise, 48000)
  return home


def _plan(folders, **fields):
  return casting.RawPlan(
    mocap_dir=str(folders / "mocap"),
    music_dir=str(folders / "music"),
    minutes=0.1,
    **fields,
  )


def test_procedural_holdings():
  held = casting.holdings(casting.RawPlan(subjects=3))
  assert held.genres == {
    "haze": "ambient",
    "drift": "ambient",
    "tide": "ambient",
    "swing": "jazz",
  }
  assert held.subjects["swing"] == ("0", "1", "2")


def test_captured_people_take_part_by_name(folders):
  held = casting.holdings(_plan(folders))
  assert held.genres == {"ambient_1": "ambient", "jazz_1": "jazz"}
  assert held.subjects["jazz_1"] == ("02", "10")
  one = casting.cast(_plan(folders, subjects=("subject_10",)))
  assert one.subjects == ("10",)
  assert {clip.subject for clip in one.clips["10"]} == {"subject_10"}


def test_captured_motion_is_labelled_with_its_clips(folders):
  plan = _plan(folders)
  done = casting.performance(plan, casting.cast(plan), "02", "jazz_1")
  assert done.positions_m.shape == (720, 21, 3)
  assert {label for _, _, label in done.labels} == {"02a", "02b"}


def test_recordings_of_one_subject_differ_between_tracks():
  plan = casting.RawPlan(subjects=2, minutes=0.5)
  found = casting.cast(plan)
  haze = casting.performance(plan, found, "0", "haze")
  tide = casting.performance(plan, found, "0", "tide")
  again = casting.performance(plan, found, "0", "haze")
  assert haze.positions_m.tobytes() == again.positions_m.tobytes()
  assert [x[2] for x in haze.labels] != [x[2] for x in tide.labels]


def test_music_fits_the_recording(folders):
  plan = _plan(folders)
  found = casting.cast(plan)
  assert casting.track_music(plan, found, "jazz_1").shape == (2, 288000)


@pytest.mark.parametrize(
  ("fields", "message"),
  [
    ({"tracks": ("polka",)}, "polka"),
    ({"subjects": 0}, "subjects"),
    ({"subjects": ("a", "a")}, "each name once"),
    ({"minutes": 0.0}, "minutes"),
    ({"minutes": float("nan")}, "minutes"),
    ({"seed": -1}, "seed"),
    ({"yaw": "up"}, "yaw"),
    ({"tracks": "haze"}, "tuple"),
    ({"mocap_dir": "/nowhere/at/all"}, "no such folder"),
    ({"music_dir": "/nowhere/at/all"}, "no such music folder"),
  ],
)
def test_bad_plan_is_refused(fields, message):
  with pytest.raises(InputError, match=message):
    casting.cast(casting.RawPlan(**fields))


@pytest.fixture(scope="module")
def renamed(folders, tmp_path_factory):
  """One person whose joints no table knows, and the joint map of it."""
  home = tmp_path_factory.mktemp("renamed")
  text = (folders / "mocap" / "subject_02" / "02a.csv").read_text()
  head, rows = text.split("\n", 1)
  names = {}
  for i, joint in enumerate(BODY21.joints):
    names[f"bone{i}"] = joint
    head = ",".join(
      cell.replace(f"{joint}_", f"bone{i}_")
      if cell.startswith(f"{joint}_")
      else cell
      for cell in head.split(",")
    )
  (home / "mocap").mkdir()
  (home / "mocap" / "eve_1.csv").write_text(f"{head}\n{rows}")
  (home / "map.json").write_text(json.dumps(names))
  return home


def test_a_joint_map_makes_unknown_names_known(folders, renamed):
  mocap, joint_map = str(renamed / "mocap"), str(renamed / "map.json")
  plan = casting.RawPlan(mocap_dir=mocap)
  with pytest.raises(InputError, match="--joint_map=FILE"):
    casting.cast(plan)
  plan = casting.RawPlan(mocap_dir=mocap, joint_map=joint_map)
  (clip,) = casting.cast(plan).clips["eve"]
  expected = casting.cast(_plan(folders)).clips["02"][0]
  np.testing.assert_array_equal(clip.positions_m, expected.positions_m)


def test_another_joint_map_is_other_motion(renamed, tmp_path):
  mocap, path = str(renamed / "mocap"), tmp_path / "map.json"
  none = casting.motion_digest(mocap)
  names = json.loads((renamed / "map.json").read_text())
  path.write_text(json.dumps(names, indent=2))
  first = casting.motion_digest(mocap, str(path))
  assert first == casting.motion_digest(mocap, str(renamed / "map.json"))
  names["bone0"], names["bone1"] = names["bone1"], names["bone0"]
  path.write_text(json.dumps(names))
  assert len({none, first, casting.motion_digest(mocap, str(path))}) == 3
  sources = [
    SimulatedRecordings(SimulateConfig(), mocap, joint_map=joint_map)
    for joint_map in (str(renamed / "map.json"), str(path))
  ]
  assert sources[0].identity() != sources[1].identity()


def test_a_joint_map_without_motion_files_is_refused(renamed):
  with pytest.raises(InputError, match=r"--joint_map: .* without --mocap_dir"):
    casting.RawPlan(joint_map=str(renamed / "map.json"))


def test_unknown_captured_subject_is_refused(folders):
  with pytest.raises(InputError, match="use some of 02, 10"):
    casting.cast(_plan(folders, subjects=("03",)))
