"""Responses of several recordings, and of recordings with another clock."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.signal

from bgm2pose_jax.audio.warp import warp
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl import recordings
from bgm2pose_jax.systems.bgm2pose.features import clock_drift, static_response
from bgm2pose_jax.systems.bgm2pose.still_room import room_fit, still_room
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_SAMPLES

_BLOCK = 4 * WINDOW_SAMPLES


@pytest.fixture(autouse=True)
def _short_responses(monkeypatch):
  """The rooms of these tests ring for a few milliseconds."""
  monkeypatch.setattr(room_fit, "default_taps", lambda: 2400)


def _mixed(seed: int, lowest_hz: float, highest_hz: float, gain: float):
  """Blocks of music in one octave or so, through one and the same room."""
  rng = np.random.default_rng(seed)
  taps = 0.1 * np.random.default_rng(9).normal(size=(4, 2, 40))
  band = scipy.signal.butter(
    12, (lowest_hz, highest_hz), "bandpass", fs=48_000, output="sos"
  )
  music = scipy.signal.sosfilt(band, rng.normal(size=(2, _BLOCK)))
  sound = scipy.signal.fftconvolve(music[None], taps, axes=-1)
  sound = sound.sum(1)[:, :_BLOCK] + 1e-3 * rng.normal(size=(4, _BLOCK))
  sound = gain * sound
  return [recordings.Block(0, 4, sound.astype("f4"), music.astype("f4"))]


def test_several_recordings_tell_what_one_leaves_open():
  low, high = _mixed(0, 200, 3_000, 1.0), _mixed(1, 1_000, 9_000, 0.4)
  (truth,) = _mixed(2, 300, 7_000, 1.0)

  def left(*made):
    opens = [lambda blocks=blocks: blocks for blocks in made]
    taps = np.asarray(room_fit.fit(*opens).taps)
    (still,) = still_room.still_blocks([truth], taps)
    return np.mean((still[1] - truth.audio) ** 2) / np.mean(truth.audio**2)

  assert min(left(low), left(high)) > 0.05
  # As loud as in the first, though the second was recorded 8 dB lower.
  assert left(low, high) < 0.003
  quiet = _mixed(4, 200, 2_000, 0.4)
  turned = [dataclasses.replace(b, audio=-b.audio) for b in quiet]
  with pytest.raises(InputError, match="recording 2 of 2: does not answer"):
    room_fit.fit(lambda: low, lambda: turned)


def _blocks(audio, music):
  return [
    recordings.Block(
      4 * k,
      4,
      audio[:, k * _BLOCK : (k + 1) * _BLOCK],
      music[:, k * _BLOCK : (k + 1) * _BLOCK],
    )
    for k in range(audio.shape[1] // _BLOCK)
  ]


def _drifting(drift_ppm: float, count: int = 6 * _BLOCK):
  """Music that falls with frequency, and what a room makes of it."""
  rng = np.random.default_rng(0)
  fall = scipy.signal.butter(1, 300, fs=48_000)
  played = scipy.signal.lfilter(*fall, rng.normal(size=(2, count)))
  taps = 0.1 * rng.normal(size=(4, 2, 300)) * np.exp(-np.arange(300) / 60)
  taps[..., :100] = 0  # the way from the loudspeakers
  sound = scipy.signal.fftconvolve(played[None], taps, axes=-1).sum(1)
  sound = sound[:, :count] + 1e-5 * rng.normal(size=(4, count))
  # What is played at position p was at p / (1 + drift) in the file.
  music = warp(played, 0.0, -drift_ppm, count)
  return _blocks(sound.astype("f4"), music.astype("f4"))


@pytest.mark.parametrize("drift_ppm", [-0.7, 6.0])
def test_a_clock_is_found_and_taken_out(drift_ppm):
  made = _drifting(drift_ppm)
  found = room_fit.fit_with_clock(lambda: made)
  taps, found_ppm = found.response.taps, found.drift_ppm
  assert abs(found_ppm - drift_ppm) < 0.05

  def left(blocks, response):
    errors = [
      np.mean((block.audio - still) ** 2)
      for block, still in still_room.still_blocks(blocks, response)
    ]
    return np.mean(errors[:-1])  # the last one's music ends too early

  drifting = static_response.solve(room_fit.correlations(made)).taps
  corrected = left(room_fit.on_clock(made, found_ppm), taps)
  assert corrected < 0.02 * left(made, drifting)
  (first, *_) = still_room.with_still(lambda: made, StaticForm("whole"))
  moved = next(room_fit.on_clock(made, found_ppm))
  np.testing.assert_array_equal(first.music, moved.music)


def test_one_clock_is_left_alone():
  made = _drifting(0.0)
  found = room_fit.fit_with_clock(lambda: made)
  sums = room_fit.correlations(made)
  plain = static_response.solve(sums).taps
  assert found.drift_ppm == 0
  np.testing.assert_array_equal(found.response.taps, plain)
  np.testing.assert_array_equal(
    found.density, static_response.power_density(sums, plain)
  )
  assert all(a is b for a, b in zip(room_fit.on_clock(made, 0.0), made))


def test_the_drift_is_that_of_numpys_regression():
  made = _drifting(0.5)
  taps = static_response.solve(room_fit.correlations(made)).taps
  moments, seconds = room_fit.moments_in_time(made)
  assert seconds == pytest.approx(6 * 2.4)
  left, slopes, times = [], [], []
  for at, (block, still) in enumerate(still_room.still_blocks(made, taps)):
    left.append((np.float64(block.audio) - still)[:, 1:-1])
    slopes.append((np.float64(still[:, 2:]) - still[:, :-2]) / 2)
    times.append((at + 0.5) * _BLOCK)
  power = np.array([np.sum(slope**2) for slope in slopes])
  times = np.array(times) - np.average(times, weights=power)
  fits = np.array([np.sum(e * s) for e, s in zip(left, slopes, strict=True)])
  want = np.sum(times * fits) / np.sum(times**2 * power)
  got = float(clock_drift.estimate(moments, taps))
  assert got == pytest.approx(want, rel=0.02)
  alone, _ = room_fit.moments_in_time(made[:1])
  assert not float(clock_drift.estimate(alone, taps))


def test_a_clock_too_far_off_is_told_and_left_alone(monkeypatch):
  told = []
  monkeypatch.setattr(
    room_fit.logging, "warning", lambda text, *rest: told.append(text % rest)
  )
  made = _drifting(90.0)
  found = room_fit.fit_with_clock(lambda: made, "dance.wav")
  assert found.drift_ppm == 0
  assert len(told) == 1
  assert told[0].startswith("dance.wav: the clocks")
  assert "align them first" in told[0]
  plain = static_response.solve(room_fit.correlations(made)).taps
  np.testing.assert_array_equal(found.response.taps, plain)


def test_blocks_on_a_clock_are_the_whole_on_it():
  made = _drifting(0.0)
  music = np.concatenate([b.music for b in made], axis=-1)
  want = warp(music, 0.0, 15.0, music.shape[1])
  moved = room_fit.on_clock(made, 15.0)
  got = np.concatenate([b.music for b in moved], axis=-1)
  np.testing.assert_allclose(got, want, atol=1e-6)
