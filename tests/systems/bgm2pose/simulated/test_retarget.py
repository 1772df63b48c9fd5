from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.body21 import BODY21, normalize_pose
from bgm2pose_jax.systems.bgm2pose.simulated import retarget

HIPS, SPINE = BODY21.index("Hips"), BODY21.index("Spine")


def test_spine_keeps_its_direction_and_gets_the_length():
  rng = np.random.default_rng(0)
  poses = rng.normal(size=(7, 21, 3)).astype(np.float32)
  moved = retarget.place_spine(poses, 1.70)
  assert moved.dtype == np.float32
  before = poses[:, SPINE] - poses[:, HIPS]
  after = moved[:, SPINE] - moved[:, HIPS]
  np.testing.assert_allclose(np.linalg.norm(after, axis=-1), 0.0921, rtol=1e-5)
  np.testing.assert_allclose(
    after / np.linalg.norm(after, axis=-1, keepdims=True),
    before / np.linalg.norm(before, axis=-1, keepdims=True),
    atol=1e-5,
  )
  others = [j for j in range(21) if j != SPINE]
  np.testing.assert_array_equal(moved[:, others], poses[:, others])


def test_two_skeletons_of_one_person_measure_alike():
  rng = np.random.default_rng(1)
  one = rng.normal(size=(5, 21, 3))
  other = one.copy()
  other[:, SPINE] += 1.3 * (one[:, SPINE] - one[:, HIPS])
  a, b = (normalize_pose(retarget.place_spine(p, 1.6)) for p in (one, other))
  np.testing.assert_allclose(a[:, HIPS, 1].std(), b[:, HIPS, 1].std())
  rest = [j for j in range(21) if j != SPINE]
  np.testing.assert_allclose(
    a[:, rest] - a[:, [HIPS]], b[:, rest] - b[:, [HIPS]], atol=1e-9
  )


def test_coinciding_joints_stay_finite():
  still = np.zeros((2, 21, 3))
  np.testing.assert_array_equal(retarget.place_spine(still, 1.7), still)
