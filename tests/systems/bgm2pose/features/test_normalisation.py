"""Fitted statistics against NumPy in float64."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import features
from bgm2pose_jax.systems.bgm2pose.features import (
  ampl_statistics,
  normalisation,
)

SPEC = features.get_feature_set("logmel_intensity").spec


def _table(n: int = 600, bands: int = 8):
  """More windows than one block; track 2 of 4 has none."""
  rng = np.random.default_rng(0)
  track = rng.choice([0, 1, 3], size=n)
  scale = np.array([20.0] * 6 + [0.02] * 3)
  offset = np.array([-22.0, -21, -25, -20, -31, -30, 0, 0.01, -0.01])
  values = rng.normal(size=(n, 12, bands, 9)) * scale + offset
  values += track[:, None, None, None] * np.array([1.0] * 6 + [0.001] * 3)
  return values.astype(np.float32), track.astype(np.int32)


def test_track_channel_against_numpy():
  values, track = _table()
  stats = features.fit_stats(values, track, SPEC, "track_channel", 4)
  assert {k: v.shape for k, v in stats.items()} == {
    "mean": (5, 9),
    "std": (5, 9),
  }
  exact = values.astype(np.float64)
  for row, chosen in ((0, track == 0), (3, track == 3), (4, track >= 0)):
    part = exact[chosen].reshape(-1, 9)
    np.testing.assert_allclose(stats["mean"][row], part.mean(0), rtol=1e-6)
    np.testing.assert_allclose(stats["std"][row], part.std(0), rtol=1e-6)
  for field in stats.values():
    assert field.dtype == np.float32
    np.testing.assert_array_equal(field[2], field[4])


def test_track_channel_normalises_then_subtracts():
  values, track = _table(40)
  stats = features.fit_stats(values, track, SPEC, "track_channel", 4)
  asked = track.copy()
  asked[:3] = [2, 9, -1]  # no training rows; unknown; unknown
  audio, music = jax.jit(
    lambda s, x, t: features.apply_stats(s, x, t, SPEC, "track_channel")
  )(stats, values, asked)
  row = np.where(np.isin(asked, [0, 1, 3]), asked, 4)
  z = (values - stats["mean"][row][:, None, None]) / stats["std"][row][
    :, None, None
  ]
  want_audio, want_music = features.conditioned(z, SPEC)
  np.testing.assert_allclose(audio, want_audio, atol=1e-4)
  np.testing.assert_allclose(music, want_music, atol=1e-4)


def test_per_band_standardises_each_band_of_the_training_rows():
  values, track = _table()
  stats = features.fit_stats(values, track, SPEC, "per_band", 4)
  assert stats["audio_mean"].shape == (5, 8, 11)
  assert stats["music_std"].shape == (5, 8, 2)
  audio, music = features.apply_stats(stats, values, track, SPEC, "per_band")
  for array in (np.asarray(audio), np.asarray(music)):
    exact = array.astype(np.float64)
    np.testing.assert_allclose(exact.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(exact.std((0, 1)), 1, rtol=1e-4)
  want, _ = features.conditioned(values.astype(np.float64), SPEC)
  np.testing.assert_allclose(stats["audio_mean"][0], want.mean((0, 1)), 1e-5)
  np.testing.assert_allclose(stats["audio_std"][4], want.std((0, 1)), 1e-5)


def test_per_recording_standardises_each_recording_by_itself():
  values, recording = _table()
  train = np.flatnonzero(recording == 0)[:50]
  stats = features.fit_stats(
    values,
    recording,
    SPEC,
    "per_recording",
    4,
    rows=train,
    own_rows=np.arange(len(values)),
  )
  assert stats["audio_mean"].shape == (5, 8, 11)
  audio, music = features.apply_stats(
    stats, values, recording, SPEC, "per_recording"
  )
  for array in (np.asarray(audio), np.asarray(music)):
    for own in (0, 1, 3):
      exact = array[recording == own].astype(np.float64)
      np.testing.assert_allclose(exact.mean((0, 1)), 0, atol=1e-5)
      np.testing.assert_allclose(exact.std((0, 1)), 1, rtol=1e-4)
  # A recording that nobody has seen takes what the training windows have.
  want, _ = features.conditioned(values[train].astype(np.float64), SPEC)
  for row in (2, 4):
    np.testing.assert_allclose(
      stats["audio_mean"][row], want.mean((0, 1)), 1e-5
    )
    np.testing.assert_allclose(stats["audio_std"][row], want.std((0, 1)), 1e-5)


def test_published_constants_take_the_rows_of_their_tracks():
  values, track = _table(60)
  fitted = features.fit_stats(values, track, SPEC, "track_channel", 4)
  names = ("jazz", "polka", "swing", "arnor")
  stats = ampl_statistics.laid_over(fitted, names, SPEC)
  # A few of them, typed again from the published list.
  np.testing.assert_allclose(stats["mean"][0, :2], [-16.957348, -18.000713])
  np.testing.assert_allclose(stats["std"][0, 8], 0.018870942)
  np.testing.assert_allclose(stats["mean"][3, 4:6], [-31.663267, -30.171076])
  np.testing.assert_allclose(stats["std"][3, 6], 0.017382737)
  for name in ("mean", "std"):
    assert stats[name].dtype == np.float32
    assert stats[name] is not fitted[name]
    for row in (1, 2, 4):
      np.testing.assert_array_equal(stats[name][row], fitted[name][row])
  banded = features.fit_stats(values, track, SPEC, "per_band", 4)
  with pytest.raises(InputError, match="constants are for track_channel"):
    ampl_statistics.laid_over(banded, names, SPEC)


@pytest.mark.parametrize("mode", normalisation.MODES)
def test_only_the_given_rows_count(mode):
  values, track = _table(50)
  rows = np.arange(7, 40, 3)
  chosen = features.fit_stats(values, track, SPEC, mode, 4, rows=rows)
  copied = features.fit_stats(values[rows], track[rows], SPEC, mode, 4)
  outside = values.copy()
  outside[0] = np.nan  # a row that is not chosen is not looked at
  again = features.fit_stats(outside, track, SPEC, mode, 4, rows=rows)
  for name in chosen:
    np.testing.assert_array_equal(chosen[name], copied[name])
    np.testing.assert_array_equal(chosen[name], again[name])


@pytest.mark.parametrize("mode", normalisation.MODES)
def test_blocks_of_one_value_stay_finite(mode):
  values = np.full((3, 12, 8, 9), -100.0, np.float32)
  track = np.zeros(3, np.int32)
  stats = features.fit_stats(values, track, SPEC, mode, 1)
  audio, music = features.apply_stats(stats, values + 1, track, SPEC, mode)
  assert np.isfinite(np.asarray(audio)).all()
  assert np.abs(np.asarray(music)).max() <= 1 / normalisation.MIN_STD_DB + 1e-3


def test_large_offset_keeps_the_deviation():
  rng = np.random.default_rng(0)
  values = 1e4 + rng.normal(size=(300, 12, 4, 9))
  values = values.astype(np.float32)
  stats = features.fit_stats(
    values, np.zeros(300, int), SPEC, "track_channel", 1
  )
  want = values.astype(np.float64).reshape(-1, 9).std(0)
  np.testing.assert_allclose(stats["std"][0], want, rtol=1e-5)


def test_bad_input_is_named():
  values, track = _table(8)
  fit = features.fit_stats
  with pytest.raises(InputError, match="feature_norm"):
    fit(values, track, SPEC, "layer", 4)
  with pytest.raises(InputError, match="track: indices"):
    fit(values, track, SPEC, "per_band", 2)
  with pytest.raises(InputError, match="recording: indices"):
    fit(values, track, SPEC, "per_recording", 2)
  with pytest.raises(InputError, match="training rows"):
    fit(values, track, SPEC, "per_band", 4, rows=np.zeros(0, int))
  with pytest.raises(InputError, match="c=9"):
    fit(values[..., :8], track, SPEC, "per_band", 4)
  with pytest.raises(InputError, match="one index per window"):
    fit(values, track[:3], SPEC, "per_band", 4)
  values[5, 3, 2, 1] = np.nan
  with pytest.raises(InputError, match="window 5"):
    fit(values, track, SPEC, "per_band", 4)
  stats = fit(values[:5], track[:5], SPEC, "per_band", 4)
  with pytest.raises(InputError, match="track_channel"):
    features.apply_stats(stats, values, track, SPEC, "track_channel")


@pytest.mark.parametrize("mode", ["per_band", "per_recording"])
def test_a_layout_without_music_has_no_statistics_of_it(mode):
  values, track = _table(60)
  stats = features.fit_stats(values, track, SPEC, mode, 4, layout="recording")
  # An empty array would be refused by the checkpoint, at the first save.
  assert all(field.size for field in stats.values())
  audio, music = features.apply_stats(
    stats, values, track, SPEC, mode, layout="recording"
  )
  assert audio.shape == (60, 12, 8, 7)
  assert music.shape == (60, 12, 8, 0)
  np.testing.assert_allclose(np.asarray(audio).mean((0, 1)), 0, atol=0.5)
