"""Errors against plain loops and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.evaluation.metrics import added, measure, total
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.metrics import METRICS, TITLES

KEYS = list(TITLES)
HEADLINE = ["mpjpe_cm", "root_cm", "mpjpe_root_cm", "pck_10cm_pct"]


def _poses(n: int = 6, noise_m: float = 0.1):
  rng = np.random.default_rng(0)
  target = rng.normal(0, 0.4, (n, 15, 3)) + np.array([0.2, 0.1, 2.5])
  predicted = target + rng.normal(0, noise_m, target.shape)
  return predicted.astype(np.float32), target.astype(np.float32)


def test_against_loops():
  predicted, target = _poses()
  got = measure(METRICS, predicted, target)
  assert list(got) == [*KEYS, "per_joint"]
  found = {key: [] for key in KEYS}
  joint_errors = np.zeros((6, 15))
  for i, (p, x) in enumerate(
    zip(predicted.astype(np.float64), target.astype(np.float64))
  ):
    found["root_cm"].append(100 * np.linalg.norm(p[8] - x[8]))
    for j in range(15):
      error = p[j] - x[j]
      size = np.sqrt(error @ error)
      joint_errors[i, j] = 100 * size
      found["mpjpe_cm"].append(100 * size)
      relative = (p[j] - p[8]) - (x[j] - x[8])
      found["mpjpe_root_cm"].append(100 * np.linalg.norm(relative))
      along = error @ x[j] / np.linalg.norm(x[j])
      found["along_ray_cm"].append(100 * abs(along))
      found["across_ray_cm"].append(100 * np.sqrt(size**2 - along**2))
      for limit in (5, 10, 20, 30):
        found[f"pck_{limit}cm_pct"].append(100.0 * (100 * size <= limit))
  for key, values in found.items():
    assert got[key] == pytest.approx(np.mean(values), rel=1e-9), key
  assert 0 < got["pck_10cm_pct"] < got["pck_20cm_pct"] < 100
  assert list(got["per_joint"]) == list(BODY15.joints)
  for value, wanted in zip(got["per_joint"].values(), joint_errors.mean(0)):
    assert value == pytest.approx({"mpjpe_cm": wanted})


def test_a_person_too_far_away_errs_along_rays_alone():
  _, target = _poses()
  got = measure(METRICS, 1.1 * target.astype(np.float64), target)
  far = np.linalg.norm(target.astype(np.float64), axis=-1)
  assert got["mpjpe_cm"] == pytest.approx(10 * far.mean())
  assert got["along_ray_cm"] == pytest.approx(got["mpjpe_cm"])
  assert got["across_ray_cm"] == pytest.approx(0, abs=1e-6)


def test_a_shifted_pose_is_right_but_for_its_root():
  _, target = _poses()
  got = measure(METRICS, target + np.array([0.03, 0, -0.04]), target)
  for key in ("mpjpe_cm", "root_cm"):
    assert got[key] == pytest.approx(5, rel=1e-6)
  assert got["mpjpe_root_cm"] == pytest.approx(0, abs=1e-6)
  shares = [got[f"pck_{limit}cm_pct"] for limit in (10, 20, 30)]
  assert shares == [100.0] * 3
  moved = measure(METRICS, target + np.array([0, 0.15, 0]), target)
  assert [moved[f"pck_{limit}cm_pct"] for limit in (5, 10, 20)] == [0, 0, 100]


def test_a_joint_in_the_camera_has_no_ray():
  target = np.zeros((1, 15, 3))
  got = measure(METRICS, target + np.array([0, 0, 0.1]), target)
  assert got["along_ray_cm"] == 0
  assert got["across_ray_cm"] == pytest.approx(10)


def test_batches_add_up_and_the_headline_is_their_quotient():
  predicted, target = _poses(20)
  whole = measure(METRICS, predicted, target)
  sums = None
  for rows in (slice(0, 7), slice(7, 8), slice(8, 20)):
    sums = added(sums, total(METRICS.sums(predicted[rows], target[rows])))
  again = METRICS.finish(sums)
  assert [again[key] for key in KEYS] == pytest.approx(
    [whole[key] for key in KEYS], rel=1e-12
  )
  assert [figure.key for figure in METRICS.figures] == HEADLINE
  rows = METRICS.overall(METRICS.sums(predicted, target))
  assert METRICS.headline(rows.sum(axis=0)) == pytest.approx(
    [whole[key] for key in HEADLINE]
  )
  assert [f.lowest for f in METRICS.figures] == [True, True, True, False]


def test_bad_shapes_and_empty_sets_are_refused():
  predicted, target = _poses()
  with pytest.raises(InputError, match="one prediction for each"):
    METRICS.sums(predicted[:1], target)
  for bad in (target[:, :14], target[:, :, :2], target[:, None]):
    with pytest.raises(InputError, match="joint=15"):
      METRICS.sums(bad, bad)
  with pytest.raises(InputError, match="no sample"):
    measure(METRICS, target[:0], target[:0])
