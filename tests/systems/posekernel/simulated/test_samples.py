"""The simulated data set: samples, where they are, what decides them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.posekernel.config import SimulateConfig
from bgm2pose_jax.systems.posekernel.extraction.kernels import kernels_of
from bgm2pose_jax.systems.posekernel.sample import KERNEL_TAPS
from bgm2pose_jax.systems.posekernel.simulated.detector import project
from bgm2pose_jax.systems.posekernel.simulated.samples import (
  LATENCY_SAMPLES,
  SimulatedSamples,
)

PLAN = SimulateConfig(environments=2, samples=12, persons=3, moved_walls=True)


@pytest.fixture(scope="module")
def made():
  return list(SimulatedSamples(PLAN).make("room02"))


def test_a_sample_is_what_the_record_says(made):
  assert [one.index for one in made] == list(range(12))
  for one in made:
    assert one.environment == "room02"
    assert one.kernels.shape == (4, KERNEL_TAPS)
    assert one.kernels.dtype == np.float32
    assert np.isfinite(one.kernels).all()
    assert one.pairs_m.shape == (4, 3)
    assert one.pose_m.shape == one.keypoints.shape == (15, 3)
    assert one.pose_m.dtype == one.keypoints.dtype == np.float32
    assert one.grid_centre_m.shape == (3,)


def test_people_take_turns_and_move(made):
  assert len({one.person for one in made}) == 2
  assert {one.person for one in made} <= set(SimulatedSamples(PLAN).people())
  pose = np.stack([one.pose_m for one in made])
  # Samples are half a second apart.
  steps = np.linalg.norm(np.diff(pose, axis=0), axis=-1).max(axis=-1)
  assert np.median(steps) > 0.05
  assert steps[:9].max() < 3.0


def test_the_last_fifth_is_recorded_between_other_walls(made):
  assert [one.walls for one in made] == ["as_built"] * 10 + ["moved"] * 2
  still = SimulatedSamples(dataclasses.replace(PLAN, moved_walls=False))
  unmoved = list(still.make("room02"))
  assert {one.walls for one in unmoved} == {"as_built"}
  for one, other in zip(made, unmoved, strict=True):
    np.testing.assert_array_equal(one.pose_m, other.pose_m)
    np.testing.assert_array_equal(one.keypoints, other.keypoints)
    same = np.array_equal(one.kernels, other.kernels)
    assert same == (one.walls == "as_built")


def test_a_sample_follows_from_the_plan_alone(made):
  again = SimulatedSamples(
    dataclasses.replace(PLAN, samples=2, moved_walls=False)
  )
  list(again.make("room01"))
  for one, other in zip(made[:2], again.make("room02"), strict=True):
    for field in dataclasses.fields(one):
      np.testing.assert_array_equal(
        getattr(one, field.name), getattr(other, field.name)
      )
  plan = dataclasses.replace(PLAN, seed=1, samples=1)
  other = next(SimulatedSamples(plan).make("room02"))
  assert np.abs(other.pose_m - made[0].pose_m).max() > 0.05
  assert not np.array_equal(other.pairs_m, made[0].pairs_m)


def test_kernels_are_those_of_the_recordings(made):
  samples = SimulatedSamples(PLAN)
  for indices in ([1, 9], [11]):
    kernels, report = kernels_of(
      *samples.recordings("room02", indices),
      KERNEL_TAPS,
      latency_samples=LATENCY_SAMPLES,
    )
    assert report.faults == ()
    for index, kernel in zip(indices, kernels, strict=True):
      np.testing.assert_array_equal(kernel, made[index].kernels)


def test_recordings_are_what_a_file_can_hold():
  occupied, empty, sweep, rate_hz = SimulatedSamples(PLAN).recordings(
    "room01", [0]
  )
  assert occupied.shape[1:] == empty.shape[1:]
  assert occupied.dtype == empty.dtype == np.float32
  assert 0.1 < np.abs(occupied).max() < 1
  assert len(sweep) < occupied.shape[-1]
  assert rate_hz == 96_000


def test_everybody_is_in_the_image_and_in_the_grid():
  samples = SimulatedSamples(SimulateConfig(environments=5, samples=300))
  for name in samples.environments():
    room = samples.environment(name)
    for number in range(0, 30, 4):
      visit = samples.visit(name, number)
      px = project(visit.pose_m, room.camera.as_array())
      assert ((px > 0) & (px < room.camera.image_px)).all()
      offset = np.abs(visit.pose_m - room.grid_centre_m)
      assert (offset < [1.75, 1.25, 1.75]).all()
      # From 1.9 to 3.2 m, and half a metre of steps.
      depth = visit.pose_m[..., 8, 2]
      assert (depth > 1.3).all()
      assert (depth < 3.8).all()


@pytest.mark.parametrize(
  ("indices", "words"),
  [([], "none"), ([3, 12], r"\[12\]"), ([9, 10], "before and after")],
)
def test_recordings_that_cannot_be_are_refused(indices, words):
  with pytest.raises(InputError, match=words):
    SimulatedSamples(PLAN).recordings("room01", indices)


def test_an_unknown_environment_is_refused():
  with pytest.raises(InputError, match="room09"):
    next(SimulatedSamples(PLAN).make("room09"))


def test_environments_differ():
  samples = SimulatedSamples(SimulateConfig(environments=5))
  rooms = [samples.environment(name) for name in samples.environments()]
  sizes = np.array([one.room.size_m for one in rooms])
  levels = np.sort([one.room.absorption[:, 3].mean() for one in rooms])
  assert np.diff(np.sort(sizes.prod(axis=1))).min() > 10
  assert levels[-1] > 2 * levels[0]
  for one in rooms:
    heights = one.pairs.positions_m[:, 1]
    assert ((heights >= 0.3) & (heights <= 1.8)).all()
    assert abs(heights.mean() - 1.0) < 0.05
    assert 0.8 <= one.camera_m[1] <= 1.8


def test_the_camera_s_frame_is_right_handed_and_looks_at_the_pairs():
  room = SimulatedSamples(SimulateConfig()).environment("room01")
  axes = room.to_camera(np.eye(3)) - room.to_camera(np.zeros(3))
  np.testing.assert_allclose(np.linalg.det(axes), 1.0)
  np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
  floor, above = room.to_camera(np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
  assert above[1] - floor[1] < -0.9
  assert above[2] > 1.5
  back = room.from_camera(np.stack([floor, above]))
  np.testing.assert_allclose(back[1], [0, 1, 0], atol=1e-12)


def test_the_surface_form_has_the_same_poses_and_other_kernels(made):
  plan = dataclasses.replace(PLAN, scattering="surface", samples=1)
  other = next(SimulatedSamples(plan).make("room02"))
  np.testing.assert_array_equal(other.pose_m, made[0].pose_m)
  assert np.abs(other.kernels - made[0].kernels).max() > 1e-5


def test_identity_is_the_plan():
  samples = SimulatedSamples(PLAN)
  assert samples.simulated
  assert samples.inventory() is None
  assert samples.environments() == {"room01": 12, "room02": 12}
  assert samples.identity()["simulate"]["seed"] == 0
