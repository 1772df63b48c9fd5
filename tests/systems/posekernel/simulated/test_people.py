"""People from motion files, and people who fit nowhere."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bgm2pose_jax import poses
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import motion
from bgm2pose_jax.systems.posekernel.config import SimulateConfig
from bgm2pose_jax.systems.posekernel.simulated.environments import environment
from bgm2pose_jax.systems.posekernel.simulated.people import People
from bgm2pose_jax.systems.posekernel.simulated.samples import SimulatedSamples


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
  """Two people with a clip each."""
  home = tmp_path_factory.mktemp("captured")
  for subject in ("anna", "ben"):
    (home / subject).mkdir()
    style = motion.subject_style(subject)
    done = motion.perform(style, 4.0, motion.random_stream(0, subject))
    poses.write_position_csv(
      home / subject / f"{subject}_1.csv", done.positions_m
    )
  return home


def test_captured_people_stand_in_the_rooms(captured):
  plan = SimulateConfig(
    environments=1, samples=11, persons=8, mocap_dir=str(captured)
  )
  samples = SimulatedSamples(plan)
  assert samples.people() == ("anna", "ben")
  made = list(samples.make("room01"))
  assert {one.person for one in made} == {"anna", "ben"}
  pose = np.stack([one.pose_m for one in made])
  assert np.isfinite(pose).all()
  assert np.ptp(pose[:10], axis=0).max() > 0.1
  few = SimulatedSamples(dataclasses.replace(plan, persons=1))
  assert few.people() == ("anna",)


def test_motion_that_changes_is_other_data(captured, tmp_path):
  plan = SimulateConfig(mocap_dir=str(captured))
  first = SimulatedSamples(plan).identity()
  moved = tmp_path / "moved"
  captured.rename(moved)
  try:
    elsewhere = dataclasses.replace(plan, mocap_dir=str(moved))
    assert SimulatedSamples(elsewhere).identity() == first
    (moved / "more.txt").write_text("x")
    assert SimulatedSamples(elsewhere).identity() != first
    (moved / "more.txt").unlink()
  finally:
    moved.rename(captured)


def test_a_joint_map_goes_with_motion_files(captured, tmp_path):
  path = tmp_path / "map.json"
  path.write_text('{"Hips": "Hips"}')
  plan = SimulateConfig(mocap_dir=str(captured), joint_map=str(path))
  assert SimulatedSamples(plan).people() == ("anna", "ben")
  without = SimulatedSamples(dataclasses.replace(plan, joint_map=None))
  assert "joint_map" not in without.identity()["simulate"]
  assert SimulatedSamples(plan).identity() != without.identity()
  path.write_text('{"Arm": "Wing"}')
  with pytest.raises(InputError, match="'Wing' is no joint"):
    SimulatedSamples(plan).people()
  path.write_text('{"Hips": "Hips"}')
  alone = SimulateConfig(joint_map=str(path))
  with pytest.raises(InputError, match="given without"):
    SimulatedSamples(alone).people()


def test_everybody_comes_once_per_round():
  room = environment(0, seed=4)
  people = People(seed=4, count=3)
  turns = [people.visit(room, number).person for number in range(6)]
  assert sorted(turns[:3]) == sorted(turns[3:]) == list(people.names)


def test_people_differ_in_stature():
  people = People(seed=0, count=8)
  heights = [
    people.visit(environment(0, 0), number).body.height_m for number in range(8)
  ]
  assert np.ptp(heights) > 0.1
  assert 1.4 < min(heights) < max(heights) < 2.1


def test_who_fits_nowhere_is_named():
  room = environment(0, seed=0)
  blind = dataclasses.replace(
    room, camera=dataclasses.replace(room.camera, image_px=(64, 64))
  )
  with pytest.raises(InputError, match="fits nowhere into the image"):
    People(seed=0, count=2).visit(blind, 0)
