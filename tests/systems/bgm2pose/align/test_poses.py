from __future__ import annotations

import json

import numpy as np
import pytest
import room_case

from bgm2pose_jax import poses as mocap
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import motion
from bgm2pose_jax.systems.bgm2pose.align import align, poses

CLAPS_S = (2.0, 2.7, 4.1)


@pytest.fixture(scope="module")
def clapping():
  """Someone who stands, 12 s, and claps three times: [time, 21, 3]."""
  style = motion.subject_style("someone", 0)
  rng = np.random.default_rng(0)
  pose = motion.perform(style, 0.1, rng).positions_m[0]
  track = np.repeat(pose[None], 12 * 120, axis=0)
  time = np.arange(len(track)) / 120
  apart = np.full(len(track), 0.8)
  for clap in CLAPS_S:
    before = (time <= clap) & (time > clap - 0.3)
    after = (time > clap) & (time < clap + 0.3)
    apart[before] = 0.15 + 0.65 * (clap - time[before]) / 0.3
    apart[after] = 0.15 + 0.65 * ((time[after] - clap) / 0.3) ** 2
  middle = track[:, BODY21.index("Spine1")]
  for side, sign in (("Left", 1), ("Right", -1)):
    place = middle + np.array([0.0, 0.1, 0.3])
    place[:, 0] += sign * apart / 2
    track[:, BODY21.index(side + "Hand")] = place
  return track


def _cracks(samples, starts_s, seed=5):
  """Short bursts of noise, one at each time."""
  rng = np.random.default_rng(seed)
  out = np.zeros(samples, np.float32)
  burst = rng.normal(size=960) * np.exp(-np.arange(960) / 150)
  for start in starts_s:
    at = round(start * 48000)
    out[at : at + 960] += burst
  return out


def test_claps_are_found_under_music(clapping, tmp_path):
  music = room_case.piece()
  recording = room_case.record(music, 48_000, 30.0, 20.0)
  loud = 5 * recording[0].std()
  lag_s = 3.456
  recording += loud * _cracks(960_000, [lag_s + clap for clap in CLAPS_S])
  found = align(recording, music)
  mocap.write_position_csv(tmp_path / "p.csv", clapping)
  lag = poses.align_poses(tmp_path / "p.csv", recording, music, found)
  told = json.loads(poses.write(tmp_path, lag).read_text())
  assert told["lag_samples"] == pytest.approx(48000 * lag.lag_s)
  assert f"{lag.lag_s:+.4f} s" in poses.table(lag)
  assert abs(lag.lag_s - lag_s) < 0.01
  assert lag.confidence > 0.25
  np.testing.assert_allclose(
    np.array(lag.impacts_s) - lag_s, CLAPS_S, atol=0.02
  )


def test_the_music_is_taken_out():
  music = room_case.piece()
  recording = room_case.record(music, 0, 0.0, 16.0)
  left = poses.without_music(recording, music, align(recording, music))
  # Noise is left, and what the piece has above 11 kHz.
  before = np.square(recording[0, 48000:-48000]).mean()
  after = np.square(left[24000:-24000]).mean()
  assert after < 0.25 * before


def test_a_landing_counts_and_a_step_does_not(clapping):
  still = np.repeat(clapping[:1], 360, axis=0)
  assert not poses.impact_strength(still).any()
  time = np.arange(360) / 120 - 1.5
  height = np.clip(0.3 - 4.9 * time**2, 0, None)
  jump = still + np.array([0, 1, 0]) * height[:, None, None]
  strength = poses.impact_strength(100 * jump)  # in centimetres
  assert np.flatnonzero(strength).tolist()
  landing = (1.5 + np.sqrt(0.3 / 4.9)) * 120
  assert np.abs(np.flatnonzero(strength) - landing).max() <= 3
  slow = still + np.array([0, 1, 0]) * (height[:, None, None] / 20)
  assert not poses.impact_strength(slow).any()


def test_what_is_unclear_is_refused(clapping):
  rng = np.random.default_rng(0)
  quiet = 0.01 * rng.normal(size=480_000)
  with pytest.raises(InputError, match="hands never meet"):
    poses.find_lag(quiet, clapping[:100], "poses")
  with pytest.raises(InputError, match="no clap or jump"):
    poses.find_lag(quiet, clapping, "poses")
  regular = quiet + _cracks(960_000, np.arange(1, 19, 0.35))[::2]
  with pytest.raises(InputError, match="no clap or jump"):
    poses.find_lag(regular, clapping, "poses")
