from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.table import context
from bgm2pose_jax.systems.bgm2pose import baselines, normal_equations
from bgm2pose_jax.systems.bgm2pose import ridge as ridge_lib
from bgm2pose_jax.systems.bgm2pose.features import get_feature_set
from bgm2pose_jax.systems.bgm2pose.features.conditioning import conditioned
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

SPEC = get_feature_set("logmel_intensity").spec


def make_table(windows=40, subjects=3, seed=0, noise=0.3):
  """Recordings of one track whose poses depend on the lowest bands."""
  rng = np.random.default_rng(seed)
  n = windows * subjects
  features = rng.normal(-50, 8, (n, 12, 128, 9)).astype(np.float32)
  audio, _ = conditioned(features, SPEC)
  drive = audio.reshape(n * 12, 128, -1)[:, 0:64, -2:].mean(axis=1)
  later = np.roll(drive, -1, axis=0)
  mix = rng.normal(0, 0.2, (4, 63))
  pose = np.concatenate([drive, later], axis=1) @ mix
  pose += rng.normal(0, noise, pose.shape) + 2.0
  zero = np.zeros(n, np.int32)
  subject = np.repeat(np.arange(subjects, dtype=np.int32), windows)
  return MusicWindows(
    features=features,
    pose=pose.reshape(n, 12, 21, 3).astype(np.float32),
    subject=subject,
    track=zero,
    genre=zero,
    recording=subject,
    label=zero,
    window_index=np.tile(np.arange(windows, dtype=np.int32), subjects),
    valid=np.ones(n, bool),
    has_pose=np.ones(n, bool),
    subjects=tuple(f"s{i}" for i in range(subjects)),
    tracks=("haze",),
    genres=("ambient",),
    recordings=tuple(f"s{i}_haze" for i in range(subjects)),
    labels=("walk",),
    spec=SPEC,
    simulated=True,
    fingerprint="0",
  )


def stacked(table, rows, pool=64, width=2):
  """Plain design matrix float64 [frame, lag * feature] and targets."""
  x = context(table, rows, width, width)
  audio, _ = conditioned(x, SPEC)
  audio = audio.astype(np.float64)
  n, t, f, c = audio.shape
  audio = audio.reshape(n, t, f // pool, pool, c).mean(axis=3).reshape(n, t, -1)
  lags = [audio[:, k : k + 12] for k in range(2 * width + 1)]
  frames = audio[:, width : width + 12].reshape(n * 12, -1)
  mean, std = frames.mean(axis=0), frames.std(axis=0)
  design = np.concatenate([(lag - mean) / std for lag in lags], axis=-1)
  return design.reshape(n * 12, -1), table.pose[rows].reshape(n * 12, 63)


def closed_form(x, y, alphas):
  """Ridge in float64 by singular values, not by normal equations."""
  x0, y0 = x.mean(axis=0), y.mean(axis=0).astype(np.float64)
  u, s, vt = np.linalg.svd(x - x0, full_matrices=False)
  projected = u.T @ (y - y0)
  out = []
  for alpha in alphas:
    penalty = alpha * np.sum(s**2) / x.shape[1]
    w = vt.T @ ((s / (s**2 + penalty))[:, None] * projected)
    out.append((w, y0 - x0 @ w))
  return out


@pytest.fixture(scope="module")
def table():
  return make_table()


def test_mean_pose_is_the_mean_over_rows_and_frames(table):
  rows = np.arange(0, 120, 3)
  got = baselines.mean_pose(table.pose, rows)
  want = table.pose[rows].astype(np.float64).mean(axis=(0, 1))
  np.testing.assert_allclose(got, want, atol=1e-6)
  repeated = baselines.repeat_pose(got, 4)
  assert repeated.shape == (4, 12, 21, 3)
  assert (repeated == got).all()


def test_ridge_equals_least_squares_in_float64(table):
  # Gaps in the rows, so that runs start and stop in mid recording.
  rows = np.setdiff1d(np.arange(120), [7, 8, 30, 61, 100])
  alpha = 0.01
  ridge = ridge_lib.fit_ridge(table, rows, pool=64, alphas=(alpha,))
  x, y = stacked(table, rows)
  ((w, bias),) = closed_form(x, y, (alpha,))
  want = (x @ w + bias).reshape(-1, 12, 21, 3)
  got = ridge.predict(table, rows)
  np.testing.assert_allclose(got, want, atol=2e-4)
  np.testing.assert_allclose(
    ridge.weight.reshape(w.shape), w, atol=2e-3 * np.abs(w).max()
  )


def test_left_out_scores_equal_refitting_each_fold(table):
  rows = np.arange(120)
  alphas = (0.01, 0.3, 10.0)
  ridge = ridge_lib.fit_ridge(table, rows, pool=64, alphas=alphas)
  x, y = stacked(table, rows)
  subject = np.repeat(table.subject, 12)
  errors = np.zeros(len(alphas))
  for out in range(3):
    fits = closed_form(x[subject != out], y[subject != out], alphas)
    for k, (w, bias) in enumerate(fits):
      held = x[subject == out] @ w + bias - y[subject == out]
      errors[k] += np.mean(held**2) / 3
  np.testing.assert_allclose(
    [score for _, score in ridge.scores], errors, rtol=1e-4
  )
  assert ridge.folds == 3
  assert ridge.alpha == min(ridge.scores, key=lambda pair: pair[1])[0]


def test_gram_of_runs_equals_direct_product():
  rng = np.random.default_rng(1)
  width, d, y_size = 2, 5, 63
  lengths = (1, 12, 60)
  z, centre, start, stop, direct = [], [], [], [], []
  at = 0
  for length in lengths:
    run = rng.normal(size=(length + 2 * width, d)).astype(np.float32)
    z += [run, np.zeros((2 * width, d), np.float32)]
    start.append(at)
    stop.append(at + len(run))
    centre.append(np.arange(at + width, at + width + length))
    direct.append(
      np.concatenate([run[k : k + length] for k in range(5)], axis=1)
    )
    at += len(run) + 2 * width
  y = np.zeros((sum(lengths), y_size), np.float32)
  sums = normal_equations.LaggedSums.of(
    np.concatenate(z),
    np.concatenate(centre),
    np.asarray(start),
    np.asarray(stop),
    y,
    width,
  )
  x = np.concatenate(direct).astype(np.float64)
  np.testing.assert_allclose(sums.gram(), x.T @ x, atol=1e-4)
  np.testing.assert_allclose(sums.sx, x.sum(axis=0), atol=1e-4)


def test_ridge_beats_mean_pose_where_features_tell_and_music_does_not():
  table = make_table(windows=60, noise=0.05)
  train, test = np.arange(120), np.arange(120, 180)
  found = baselines.all_baselines(table, train, test, pool=64)
  error = {
    name: np.sqrt(np.mean((b.values - table.pose[test]) ** 2))
    for name, b in found.items()
  }
  assert error["ridge"] < 0.9 * error["mean_pose"]
  # Pure noise to the music ridge: it may not beat the mean pose by 2 %.
  assert error["music_only"] > 0.98 * error["mean_pose"]
  assert found["ridge"].facts["features"] == 5 * 2 * 11
  assert found["music_only"].facts["features"] == 5 * 2 * 2


def test_per_recording_takes_out_what_each_recording_adds(table):
  train, test = np.arange(80), np.arange(80, 120)
  options = {"pool": 64, "alphas": (0.01,), "per_recording": True}
  want = ridge_lib.fit_ridge(table, train, **options).predict(table, test)
  # People of other sizes in louder rooms, the test person too: one offset per
  # recording channel and recording.
  moved = make_table()
  rng = np.random.default_rng(1)
  offset = rng.normal(0, 20, (3, 1, 1, 9)).astype(np.float32)
  moved.features[...] += offset[moved.recording]
  got = ridge_lib.fit_ridge(moved, train, **options).predict(moved, test)
  np.testing.assert_allclose(got, want, atol=2e-3)
  options["per_recording"] = False
  plain = ridge_lib.fit_ridge(moved, train, **options).predict(moved, test)
  assert np.abs(plain - want).max() > 0.1


def test_music_only_ignores_the_recording(table):
  rows = np.arange(120)
  ridge = ridge_lib.fit_ridge(table, rows, channels="music", pool=64)
  before = ridge.predict(table, rows)
  changed = make_table()
  changed.features[..., [0, 1, 2, 3, 6, 7, 8]] += 5.0
  np.testing.assert_array_equal(ridge.predict(changed, rows), before)


def test_one_subject_falls_back_to_stretches_of_time():
  ridge = ridge_lib.fit_ridge(make_table(subjects=1), np.arange(40), pool=64)
  assert ridge.folds == 4
  assert len(ridge.scores) == len(ridge_lib.ALPHAS)


def test_constant_channel_and_order_of_rows_do_no_harm(table):
  silent = make_table()
  silent.features[..., 4:6] = -100.0
  ridge = ridge_lib.fit_ridge(silent, np.arange(120), channels="music", pool=64)
  want = baselines.mean_pose(silent.pose, np.arange(120))
  np.testing.assert_allclose(
    ridge.predict(silent, np.arange(3)),
    baselines.repeat_pose(want, 3),
    atol=1e-5,
  )
  shuffled = np.random.default_rng(0).permutation(120)
  a = ridge_lib.fit_ridge(table, np.arange(120), pool=64, alphas=(1.0,))
  b = ridge_lib.fit_ridge(table, shuffled, pool=64, alphas=(1.0,))
  np.testing.assert_array_equal(a.weight, b.weight)


def test_unusable_training_rows_are_refused(table):
  with pytest.raises(InputError, match="no training rows"):
    ridge_lib.fit_ridge(table, np.zeros(0, int))
  broken = make_table()
  broken.features[3, 2, 1, 0] = np.nan
  with pytest.raises(InputError, match="not finite"):
    ridge_lib.fit_ridge(broken, np.arange(120), pool=64)
  with pytest.raises(ValueError, match="channels="):
    ridge_lib.fit_ridge(table, np.arange(120), channels="both")


@pytest.mark.parametrize("per_recording", [False, True])
def test_a_band_that_hardly_moves_in_training_is_not_blown_up(per_recording):
  table = make_table(windows=30)
  train, test = np.arange(60), np.arange(60, 90)
  x = table.features.copy()
  # The top of lossy music: silent but for a thousandth of a decibel, and then
  # loud now and then in the test recording.
  rng = np.random.default_rng(0)
  x[..., 120:, 4:6] = -100 + 1e-3 * rng.normal(size=(90, 12, 8, 2))
  x[60:, ::5, 120:, 4:6] = -60
  moved = dataclasses.replace(table, features=x)
  wrong = {}
  for name, found in (("moved", moved), ("plain", table)):
    ridge = ridge_lib.fit_ridge(
      found, train, channels="music", pool=8, per_recording=per_recording
    )
    error = ridge.predict(found, test) - table.pose[test]
    wrong[name] = np.abs(error).max()
  assert wrong["moved"] < 2 * wrong["plain"]
