"""The simulated detector: its errors, and what it misses."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.systems.posekernel.rig import Camera
from bgm2pose_jax.systems.posekernel.simulated import detector

CAMERA = Camera().as_array().astype(np.float64)


def draws(count, seed=0):
  rng = np.random.default_rng(seed)
  shape = (count, 15, 2)
  return rng.standard_normal(shape), rng.uniform(size=shape)


def test_a_pinhole_projects_by_hand():
  points = np.array([[0.0, 0.0, 2.0], [0.5, -0.25, 2.0], [1.0, 1.0, 4.0]])
  expected = [[640, 360], [792.5, 283.75], [792.5, 512.5]]
  np.testing.assert_allclose(detector.project(points, CAMERA), expected)


def test_errors_are_those_that_were_asked_for():
  pose = np.tile([0.1, 0.2, 2.5], (4000, 15, 1))
  seen = detector.detect(pose, CAMERA, *draws(4000))
  found = seen[..., 2] > 0
  np.testing.assert_allclose(1 - found.mean(), detector.MISSING, atol=0.004)
  error = (seen[..., :2] - detector.project(pose, CAMERA))[found]
  np.testing.assert_allclose(error.std(axis=0), 3.0, atol=0.03)
  np.testing.assert_allclose(error.mean(axis=0), 0.0, atol=0.04)
  assert (seen[~found] == 0).all()
  assert seen[found][:, 2].min() >= 0.5
  assert seen[found][:, 2].max() <= 1.0


def test_what_is_outside_the_image_or_behind_is_missed():
  pose = np.full((15, 3), [0.0, 0.0, 2.0])
  pose[0] = [3.0, 0.0, 2.0]
  pose[1] = [0.0, -1.3, 2.0]
  pose[2] = [0.0, 0.0, -2.0]
  normal, uniform = np.zeros((15, 2)), np.full((15, 2), 0.5)
  seen = detector.detect(pose, CAMERA, normal, uniform)
  assert (seen[:3] == 0).all()
  assert (seen[3:, 2] == 0.75).all()


def test_the_device_s_answer_is_numpy_s():
  rng = np.random.default_rng(1)
  pose = rng.uniform([-1, -1, 2], [1, 1, 4], (3, 15, 3)).astype(np.float32)
  camera = np.tile(CAMERA.astype(np.float32), (3, 1))
  normal, uniform = (one.astype(np.float32) for one in draws(3))
  expected = detector.detect(pose, camera, normal, uniform)
  found = detector.detect(
    *(jnp.asarray(one) for one in (pose, camera, normal, uniform))
  )
  np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_keypoints_follow_from_seed_environment_and_number():
  pose = np.tile([0.1, 0.2, 2.5], (15, 1))
  one = detector.keypoints(pose, CAMERA, 0, "room01", 3)
  assert one.dtype == np.float32
  np.testing.assert_array_equal(
    one, detector.keypoints(pose, CAMERA, 0, "room01", 3)
  )
  for other in ((1, "room01", 3), (0, "room02", 3), (0, "room01", 4)):
    assert (detector.keypoints(pose, CAMERA, *other) != one).any()
