"""Who moves in a file, and how well that is known."""

from __future__ import annotations

import pytest

from bgm2pose_jax import poses
from bgm2pose_jax.poses.subject_evidence import (
  CLIPS_CSV,
  FOLDER,
  GUESS,
  LONE_SUBJECT,
  NAME_PATTERN,
  NOTHING,
  explain,
  subjects,
  weakest,
)


def found(*files, listed=None):
  people = subjects(files, listed or {})
  return [(people[file].name, people[file].evidence) for file in files]


@pytest.mark.parametrize(
  ("file", "name"),
  [
    ("walk1_subject1.bvh", "subject1"),
    ("fallAndGetUp2_subject3.bvh.gz", "subject3"),
    ("Person 07 - jumping.csv", "Person 07"),
    ("dance_actor-2_take3.bvh", "actor-2"),
    ("subject_0_haze_position.csv", "subject_0"),
    ("07_01.bvh", "07"),
    ("143_12_poses.bvh", "143"),
    ("cmu05_14.bvh.gz", "cmu05"),
    ("gBR_sBM_cAll_d04_mBR0_ch01.bvh", "d04"),
    ("kthjazz_gCH_sFM_cAll_d02_mCH_ch01_swing_003.bvh", "d02"),
    ("skl_s01_a01_r01.bvh", "s01"),
    ("HDM_bd_01-01_02_120.bvh", "bd"),
    ("1_wayne_0_10_12.bvh", "1_wayne"),
    ("0005_Jogging001.bvh", "0005"),
  ],
)
def test_names_that_say_who_moves(file, name):
  assert found(file) == [(name, NAME_PATTERN)]


@pytest.mark.parametrize(
  "file",
  [
    "dataset-1_walk_active_001.bvh",
    "dataset-2_raise-up-left-hand_masculine_029.bvh",
    "Aeroplane_BR.bvh",
    "Zombie/Zombie_TR2.bvh",
    "001_Neutral_0_x_1_0.bvh",
    "Standing Idle (1).bvh",
    "walk.bvh",
  ],
)
def test_names_that_say_the_action_alone(file):
  assert found(file, "HipHop.bvh")[0] == (LONE_SUBJECT, NOTHING)


@pytest.mark.parametrize(
  ("file", "name"),
  [
    ("walk1_take2.bvh", "walk1"),
    ("anna_walk.bvh", "anna"),
    ("s1_x_position.csv", "s1"),
  ],
)
def test_the_beginning_of_a_name_is_a_guess(file, name):
  assert found(file) == [(name, GUESS)]


def test_folders_are_evidence_unless_they_name_actions():
  assert found("anna/walk.bvh", "ben/day1/run.bvh") == [
    ("anna", FOLDER),
    ("ben", FOLDER),
  ]
  assert found("anna/actor1.bvh", "ben/actor1.bvh") == [
    ("anna", FOLDER),
    ("ben", FOLDER),
  ]
  assert found("walking/a.bvh", "slow_run/b.bvh") == [
    ("walking", GUESS),
    ("slow_run", GUESS),
  ]
  assert found("walk/subject1.bvh", "run/subject1.bvh") == [
    ("subject1", NAME_PATTERN),
    ("subject1", NAME_PATTERN),
  ]
  assert found("train/02_01.bvh", "test/35_01.bvh") == [
    ("02", NAME_PATTERN),
    ("35", NAME_PATTERN),
  ]
  assert found("Old/Old_FW.bvh", "Drunk/Drunk_FW.bvh") == [
    (LONE_SUBJECT, NOTHING),
    (LONE_SUBJECT, NOTHING),
  ]


def test_a_folder_around_the_whole_set_names_nobody():
  assert found("lafan1/walk1_subject1.bvh", "lafan1/run1_subject2.bvh") == [
    ("subject1", NAME_PATTERN),
    ("subject2", NAME_PATTERN),
  ]
  assert found("anna/walk.bvh", "anna/run.bvh") == [("anna", FOLDER)] * 2


def test_the_table_has_the_last_word():
  files = ("walk1_subject1.bvh", "x/a.bvh", "b_1.bvh")
  listed = {"walk1_subject1.bvh": "eve", "x/a.bvh": None}
  assert found(*files, listed=listed) == [
    ("eve", CLIPS_CSV),
    ("x", FOLDER),
    ("b", GUESS),
  ]


def test_hostile_names_take_no_time():
  for name in ("_" * 60_000, "subject" * 9000, "a1_" * 20_000 + "subject"):
    ((_, evidence),) = found(f"{name}.bvh")
    assert evidence in (GUESS, NOTHING)
  assert found(".bvh") == [(LONE_SUBJECT, NOTHING)]


def test_people_are_as_sure_as_the_least_of_them():
  assert weakest([CLIPS_CSV, GUESS, FOLDER]) == GUESS
  assert weakest([]) is None
  said = explain(GUESS, ("walk1", "dance1"))
  assert said == "people are guessed from file names (walk1, dance1)"
  for evidence in (CLIPS_CSV, FOLDER, NAME_PATTERN):
    assert explain(evidence, ("a", "b")) is None
  assert explain(GUESS, ("p",)) is None


def test_clips_say_what_names_their_people(tmp_path, figure):
  text = figure.bvh_text(figure.root_m(150))
  for name in ("walk1_subject1.bvh", "dance1_subject5.bvh", "run_2.bvh"):
    figure.write(tmp_path / name, text)
  (tmp_path / "clips.csv").write_text("file,subject\nrun_2.bvh,kim\n")
  clips = poses.load_folder(tmp_path)
  assert [(clip.subject, clip.subject_from) for clip in clips] == [
    ("kim", CLIPS_CSV),
    ("subject5", NAME_PATTERN),
    ("subject1", NAME_PATTERN),
  ]
