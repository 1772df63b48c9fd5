"""Errors against plain loops, SciPy and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.evaluation.bootstrap import bootstrap_interval
from bgm2pose_jax.evaluation.metrics import added, measure, total
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.metrics import (
  METRICS,
  TITLES,
  procrustes_distance,
)

KEYS = list(TITLES)
HEADLINE = [figure.key for figure in METRICS.figures]


def _poses(n: int = 5, t: int = 9, noise_m: float = 0.2):
  rng = np.random.default_rng(0)
  target = rng.normal(0, 0.5, (n, t, 13, 3)).astype(np.float32)
  predicted = target + rng.normal(0, noise_m, target.shape)
  return predicted.astype(np.float32), target


def _aligned(pred: np.ndarray, true: np.ndarray) -> np.ndarray:
  """A frame [joint, 3] turned by SciPy, scaled by regression."""
  pred, true = pred - pred.mean(axis=0), true - true.mean(axis=0)
  turned = Rotation.align_vectors(true, pred)[0].apply(pred)
  return np.sum(turned * true) / np.sum(pred * pred) * turned, true


def test_against_loops():
  predicted, target = _poses()
  got = measure(METRICS, predicted, target)
  assert list(got) == [*KEYS, "per_joint"]
  position, velocity, acceleration, root, fitted = [], [], [], [], []
  for p, x in zip(predicted.astype(np.float64), target.astype(np.float64)):
    for f in range(9):
      position.append(np.linalg.norm(p[f] - x[f], axis=-1))
      hip_p, hip_x = (p[f, 7] + p[f, 8]) / 2, (x[f, 7] + x[f, 8]) / 2
      root.append(np.linalg.norm((p[f] - hip_p) - (x[f] - hip_x), axis=-1))
      aligned, centred = _aligned(p[f], x[f])
      fitted.append(np.linalg.norm(aligned - centred, axis=-1))
    for f in range(1, 9):
      difference = (p[f] - p[f - 1]) - (x[f] - x[f - 1])
      velocity.append(np.linalg.norm(difference, axis=-1))
    for f in range(1, 8):
      bend_p = p[f - 1] - 2 * p[f] + p[f + 1]
      bend_x = x[f - 1] - 2 * x[f] + x[f + 1]
      acceleration.append(np.linalg.norm(bend_p - bend_x, axis=-1))
  wanted = (position, acceleration, velocity, root, fitted)
  for key, values in zip(KEYS, wanted):
    assert got[key] == pytest.approx(1000 * np.mean(values), rel=1e-9), key
  per_joint = 1000 * np.mean(position, axis=0)
  assert list(got["per_joint"]) == list(BODY13.joints)
  for value, want in zip(got["per_joint"].values(), per_joint):
    assert value == pytest.approx({"mpjpe_mm": want})


def test_closed_forms():
  _, target = _poses()
  got = measure(METRICS, target + np.array([0.003, 0, -0.004]), target)
  assert got["mpjpe_mm"] == pytest.approx(5)
  rest = [got[key] for key in KEYS[1:]]
  assert rest == pytest.approx([0] * 4, abs=1e-9)
  time = np.arange(9.0)[:, None, None]
  got = measure(METRICS, target + time**2 * (0, 0.001, 0), target)
  assert got["mpjae_mm_per_frame2"] == pytest.approx(2)
  assert got["mpjve_mm_per_frame"] == pytest.approx(8)
  assert got["mpjpe_mm"] == pytest.approx(np.mean(time**2))
  # White noise of 300 mm per axis: sums of its differences are normal, too.
  predicted, target = _poses(40, 150, 0.3)
  got = measure(METRICS, predicted, target)
  mean = 300 * np.sqrt(8 / np.pi)
  assert got["mpjpe_mm"] == pytest.approx(mean, rel=0.01)
  assert got["mpjve_mm_per_frame"] == pytest.approx(mean * 2**0.5, rel=0.01)
  assert got["mpjae_mm_per_frame2"] == pytest.approx(mean * 6**0.5, rel=0.01)


def test_similar_poses_are_aligned_and_mirrored_ones_are_not():
  rng = np.random.default_rng(1)
  target = rng.normal(size=(50, 13, 3))
  turn = Rotation.random(50, random_state=1).as_matrix()
  similar = 0.7 * target @ turn + rng.normal(size=(50, 1, 3))
  np.testing.assert_allclose(procrustes_distance(similar, target), 0, atol=1e-9)
  mirrored = similar * [1, 1, -1]
  got = procrustes_distance(mirrored, target)
  assert got.mean() > 0.1
  for found, pred, true in zip(got, mirrored, target):
    aligned, centred = _aligned(pred, true)
    want = np.linalg.norm(aligned - centred, axis=-1)
    np.testing.assert_allclose(found, want, atol=1e-9)


def test_poses_in_a_plane_and_in_a_point_are_aligned():
  rng = np.random.default_rng(2)
  target = rng.normal(size=(13, 3))
  flat = target * [1, 1, 0]
  aligned, centred = _aligned(flat, target)
  want = np.linalg.norm(aligned - centred, axis=-1)
  np.testing.assert_allclose(procrustes_distance(flat, target), want)
  # All joints in one point: the best fit is the middle.
  point = procrustes_distance(np.ones((13, 3)), target)
  centred = target - target.mean(axis=0)
  np.testing.assert_allclose(point, np.linalg.norm(centred, axis=-1))


def test_batches_add_up():
  predicted, target = _poses(40)
  whole = measure(METRICS, predicted, target)
  sums = None
  for rows in (slice(0, 7), slice(7, 8), slice(8, 40)):
    sums = added(sums, total(METRICS.sums(predicted[rows], target[rows])))
  got = METRICS.finish(sums)
  assert [got[key] for key in KEYS] == pytest.approx(
    [whole[key] for key in KEYS], rel=1e-13
  )


def test_each_window_counts_by_its_frames():
  long, short = _poses(1, 20), _poses(1, 5)
  sums = added(total(METRICS.sums(*long)), total(METRICS.sums(*short)))
  got = METRICS.finish(sums)
  parts = [measure(METRICS, *pair) for pair in (long, short)]
  for key, counts in zip(KEYS, ((20, 5), (18, 3), (19, 4))):
    values = [part[key] for part in parts]
    assert got[key] == pytest.approx(np.average(values, weights=counts))


def test_overall_sums_give_the_headline_figures_and_intervals():
  assert HEADLINE == ["mpjpe_mm", "mpjae_mm_per_frame2"]
  predicted, target = _poses(8)
  rows = METRICS.overall(METRICS.sums(predicted, target))
  got = METRICS.headline(rows.sum(axis=0))
  whole = measure(METRICS, predicted, target)
  assert got == pytest.approx([whole[key] for key in HEADLINE])
  one = measure(METRICS, predicted[3:4], target[3:4])
  assert METRICS.headline(rows[3]) == pytest.approx(
    [one[key] for key in HEADLINE]
  )
  intervals = bootstrap_interval(
    METRICS,
    predicted,
    target,
    None,
    np.repeat(["a", "b", "c", "d"], 2),
    np.arange(8) % 2,
    improved=("mpjpe_mm",),
    seed=0,
  )
  for key in HEADLINE:
    low, high = intervals[key]
    assert low <= whole[key] <= high


def test_predictions_that_are_no_numbers_give_none():
  predicted, target = _poses()
  predicted[2, 4, 5] = np.nan
  rows = METRICS.overall(METRICS.sums(predicted, target))
  assert np.isnan(rows[2, :5]).all()
  assert np.isfinite(np.delete(rows, 2, axis=0)).all()


def test_the_root_of_the_loss_would_change_nothing():
  predicted, target = _poses(noise_m=0.02)
  square = np.sum((predicted.astype(np.float64) - target) ** 2, axis=-1)
  smooth = 1000 * np.sqrt(square + 1e-8).mean()
  got = measure(METRICS, predicted, target)["mpjpe_mm"]
  assert got == pytest.approx(smooth, rel=1e-4)
  assert got < smooth


def test_bad_shapes_and_empty_sets_are_refused():
  predicted, target = _poses()
  with pytest.raises(InputError, match="one prediction for each"):
    METRICS.sums(predicted[:1], target)
  for bad in (target[:, :, :12], target[:, :2], target.reshape(5, 9, 39)):
    with pytest.raises(InputError, match="joint=13"):
      METRICS.sums(bad, bad)
  with pytest.raises(InputError, match="no frame"):
    measure(METRICS, target[:0], target[:0])
