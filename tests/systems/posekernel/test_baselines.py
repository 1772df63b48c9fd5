"""Baselines on made-up geometry, where they must find what they look for."""

from __future__ import annotations

import numpy as np
import pytest
from stand_in_samples import (
  CAMERA,
  CENTRE_M,
  PAIRS_M,
  STANDING_M,
  StandIn,
  kernels,
  keypoints,
  table,
)

from bgm2pose_jax.config import schema
from bgm2pose_jax.data.rows import split_rows
from bgm2pose_jax.systems.posekernel import (
  baselines,
  encoding,
  learning_free,
  rays,
  splits,
)
from bgm2pose_jax.systems.posekernel.config import Config, EncodingConfig
from bgm2pose_jax.systems.posekernel.known_lengths import (
  FixedHeight,
  GroundPlane,
)

_CONFIG = schema.overlay(Config(), {"encoding.grid": [17, 17, 13]})


def _people(n: int, seed: int = 0, turned: bool = False) -> np.ndarray:
  """[n, joint, 3] before the camera, flat towards it or turned about y."""
  rng = np.random.default_rng(seed)
  pose = np.repeat(STANDING_M[None], n, axis=0)
  if turned:
    angle = rng.uniform(-np.pi, np.pi, n)
    x, z = pose[..., 0], pose[..., 2]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    pose = np.stack([cos * x + sin * z, pose[..., 1], cos * z - sin * x], -1)
  place = np.array([0, 0.3, 2.4]) + rng.uniform(-0.7, 0.7, (n, 3)) * (1, 0, 1)
  return pose + place[:, None]


def _seen(pose_m, lost=()):
  points = keypoints(pose_m)
  points[:, list(lost)] = 0
  camera = np.repeat(CAMERA.as_array()[None], len(pose_m), axis=0)
  return rays.bearings(points, camera), rays.are_found(points)


def test_rays_lead_through_the_joints():
  pose = _people(5, turned=True)
  bearing, found = _seen(pose)
  assert found.all()
  np.testing.assert_allclose(bearing * pose[..., 2:], pose, atol=1e-6)


def test_fixed_height_finds_people_of_the_training_shape():
  train, test = _people(20), _people(9, seed=1)
  height = FixedHeight.of(train, *_seen(train))
  bearing, found = _seen(test)
  depth = height.depths_m(bearing, found)
  np.testing.assert_allclose(depth, test[:, 8, 2], atol=1e-4)
  placed = height.template.placed(depth, bearing, found)
  np.testing.assert_allclose(placed, test, atol=1e-4)


def test_fixed_height_takes_a_child_to_be_far_away():
  train, test = _people(20), _people(9, seed=1)
  child = test[:, 8:9] + 0.5 * (test - test[:, 8:9])
  height = FixedHeight.of(train, *_seen(train))
  depth = height.depths_m(*_seen(child))
  np.testing.assert_allclose(depth, 2 * child[:, 8, 2], rtol=1e-3)


def test_lost_joints_are_filled_in_from_the_mean_pose():
  train, test = _people(20), _people(9, seed=1)
  lost = (4, 7, 8, 11)
  height = FixedHeight.of(train, *_seen(train, lost=(0,)))
  bearing, found = _seen(test, lost)
  assert found.sum() == 9 * 11
  placed = height.template.placed(
    height.depths_m(bearing, found), bearing, found
  )
  np.testing.assert_allclose(placed, test, atol=1e-3)


def test_with_nothing_found_the_mean_depth_stands_in():
  train, test = _people(20), _people(2, seed=1)
  height = FixedHeight.of(train, *_seen(train))
  bearing, found = _seen(test, lost=range(15))
  depth = height.depths_m(bearing, found)
  np.testing.assert_allclose(depth, train[:, 8, 2].mean())
  placed = height.template.placed(depth, bearing, found)
  np.testing.assert_allclose(
    placed[0] - height.template.offsets_m, np.tile([0, 0, depth[0]], (15, 1))
  )


def test_the_plane_goes_through_ankles_of_a_tilted_camera():
  people = _people(30)
  tilt = 0.3
  turn = np.array(
    [
      [1, 0, 0],
      [0, np.cos(tilt), -np.sin(tilt)],
      [0, np.sin(tilt), np.cos(tilt)],
    ]
  )
  tilted = people @ turn.T
  plane = GroundPlane.of(tilted)
  np.testing.assert_allclose(plane.normal, turn @ [0, 1, 0], atol=1e-6)
  assert plane.distance_m == pytest.approx(0.3 + 0.88)
  depth = plane.depths_m(*_seen(tilted))
  nearer = tilted[:, [11, 14], 2].min(axis=1)
  np.testing.assert_allclose(depth, nearer, rtol=1e-5)


def test_a_raised_foot_does_not_count_and_a_lost_one_neither():
  train, test = _people(30), _people(6, seed=1)
  plane = GroundPlane.of(train)
  raised = test.copy()
  raised[:, 11, 1] -= 0.4
  np.testing.assert_allclose(
    plane.depths_m(*_seen(raised)), test[:, 14, 2], rtol=1e-5
  )
  one = plane.depths_m(*_seen(test, lost=(14,)))
  np.testing.assert_allclose(one, test[:, 11, 2], rtol=1e-5)
  assert np.isnan(plane.depths_m(*_seen(test, lost=(11, 14)))).all()
  # An ankle above the horizon meets no floor.
  flying = test - [0, 3, 0]
  assert np.isnan(plane.depths_m(*_seen(flying))).all()


def test_the_product_of_maps_peaks_at_a_single_echo():
  grid, rng = EncodingConfig(grid=(17, 17, 13)), np.random.default_rng(0)
  points = CENTRE_M + rng.uniform(-0.7, 0.7, (12, 3)) * (1, 0.7, 1)
  given = np.stack([kernels(point[None]) for point in points])
  pairs = np.repeat(PAIRS_M[None], 12, axis=0)
  centre = np.repeat(CENTRE_M[None], 12, axis=0)
  found = learning_free.best_m(given, pairs, centre, grid)
  # In the voxel or next to it; the pairs' heights differ least.
  off = np.abs(found - points)
  assert off[:, [0, 2]].max() < 0.11
  assert off[:, 1].max() < 0.21
  alone = learning_free.best_m(given[:, :1], pairs[:, :1], centre, grid)
  off = np.linalg.norm(alone - points, axis=-1).mean()
  assert off > 3 * np.linalg.norm(found - points, axis=-1).mean()


def test_the_product_in_plain_loops():
  config = EncodingConfig(grid=(7, 7, 7), voxel_m=0.25)
  rng = np.random.default_rng(3)
  given = rng.normal(size=(3, 4, 3072)).astype(np.float32)
  given[:, 2] *= 40  # a loud pair counts no more than others
  pairs = np.repeat(PAIRS_M[None], 3, axis=0).astype(np.float32)
  centre = np.repeat(CENTRE_M[None], 3, axis=0).astype(np.float32)
  found = learning_free.best_m(given, pairs, centre, config)
  maps = np.asarray(
    encoding.sound_volumes(given, pairs, centre, config), np.float64
  )
  for sample, each in zip(found, maps):
    score = np.ones((7, 7, 7))
    for pair in each:
      score *= pair / np.sqrt(np.mean(pair**2)) + 3.5
    x, z, y = np.unravel_index(np.argmax(score), score.shape)
    wanted = CENTRE_M + 0.25 * (np.array([x, y, z]) - 3)
    np.testing.assert_allclose(sample, wanted, atol=1e-5)


def test_silence_is_somewhere_in_the_grid():
  config = EncodingConfig(grid=(7, 7, 7))
  found = learning_free.best_m(
    np.zeros((1, 4, 3072)), PAIRS_M[None], CENTRE_M[None], config
  )
  assert np.isfinite(found).all()


def _all(changes=None, made=None):
  made = made or table()
  config = schema.overlay(_CONFIG, changes or {})
  split = splits.resolve(config, made.environments)
  rows = split_rows(made, split)
  found = baselines.all_baselines(config, made, rows, split)
  return made, rows, found


def test_all_baselines_of_a_flat_person_are_near():
  made, rows, found = _all()
  target = made.pose[rows.test]
  assert list(found) == [
    "fixed_height",
    "ground_plane",
    "time_of_arrival",
  ]
  for name, limit_cm in (("fixed_height", 0.1), ("ground_plane", 0.1)):
    off = np.linalg.norm(found[name].values - target, axis=-1)
    assert 100 * off.mean() < limit_cm, name
  assert found["ground_plane"].facts["plane_of"] == {
    "room1": "all training ankles"
  }
  # Echoes come from the whole body, so that the depth is off by a part of it.
  off = np.linalg.norm(found["time_of_arrival"].values - target, axis=-1)
  assert 100 * off.mean() < 40
  assert found["time_of_arrival"].facts["pairs"] == 4
  assert all(each.values.dtype == np.float32 for each in found.values())


def test_an_environment_of_training_has_its_own_plane():
  made, rows, found = _all({"split_by": "block"})
  own = found["ground_plane"].facts["plane_of"]
  assert own == dict.fromkeys(made.environments, "its own training ankles")
  assert found["ground_plane"].facts["without_plane_pct"] == 0
  assert len(rows.test) == 6


def test_fewer_pairs_are_used_where_fewer_are_asked_for():
  _, _, four = _all()
  _, _, one = _all({"data.pairs": 1})
  assert one["time_of_arrival"].facts["pairs"] == 1
  errors = [
    found["time_of_arrival"].facts["arg_max_root_cm"] for found in (four, one)
  ]
  assert errors[1] > errors[0]


def test_the_floor_is_half_a_voxels_mean_radius():
  rng = np.random.default_rng(0)
  made = table(StandIn(environments=2, samples=40))
  spread = CENTRE_M + rng.uniform(-0.6, 0.6, made.pose.shape)
  made.pose[:] = spread
  _, rows, found = _all(made=made)
  facts = found["time_of_arrival"].facts["grid"]
  # The mean distance of a cube's points from its middle is 0.4803 of an edge.
  assert facts["floor_cm"] == pytest.approx(0.4803 * 10, rel=0.05)
  assert facts["joints_outside_grid_pct"] == 0
  assert facts["voxel_cm"] == pytest.approx(10)
  assert facts["read_out"] == "soft"
  made.pose[rows.test[0], 3] = CENTRE_M + np.array([0, 2.0, 0])
  _, _, found = _all(made=made)
  again = found["time_of_arrival"].facts["grid"]
  assert again["joints_outside_grid_pct"] == pytest.approx(100 / (15 * 40))
  # Thirteen voxels along y: the last one's middle is 60 cm from the grid's.
  further = (again["floor_cm"] - facts["floor_cm"]) * 15 * 40
  assert further == pytest.approx(140, abs=10)
