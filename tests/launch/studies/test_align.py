from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.simulate import music
from launch.studies import align_case, align_figures


@pytest.fixture(scope="module")
def measured():
  plan = align_case.Plan(seconds=18.0, longest_offset_s=2.0)
  tracks = {"tide": music.compose("tide", 50.0)}
  tracks["haze"] = music.compose("haze", 20.0)
  case = align_case.make_case(plan, tracks, 1)
  again = align_case.make_case(plan, tracks, 1)
  assert np.array_equal(case.recording, again.recording)
  return align_figures.measure(case, tracks, plan)


@pytest.mark.slow
def test_a_simulated_case_is_aligned_and_wrong_music_refused(measured):
  assert abs(measured["offset_error"]) < 2
  assert abs(measured["drift_error"]) < 0.5
  assert measured["other track refused"]
  assert measured["other part refused"]
  assert measured["noise refused"]


def test_the_summary_counts_what_failed(measured):
  lines, met = align_figures.summary([measured] * 3)
  assert met
  assert lines[0] == "within 1 ms and 5 ppm: 3 of 3"
  lost = {"case": "x", "error": "not heard", "s": 1.0}
  lines, met = align_figures.summary([measured, lost])
  assert not met
  assert lines[0].endswith("1 of 2")
  taken = measured | {"other track refused": False}
  lines, met = align_figures.summary([measured, taken])
  assert not met
  assert "other track: refused 1 of 2" in lines


def test_a_strangers_recording_has_noise_first_then_a_slower_clock():
  time_s = np.arange(2 * 48_000) / 48_000
  tone = np.tile(np.sin(2 * np.pi * 440 * time_s), (4, 1)).astype("f4")
  moved = align_case.strange(tone, before_s=0.5, drift_ppm=200.0)
  before = moved[:, :24_000]
  assert np.abs(before).max() < 0.02 < np.abs(moved[:, 24_000:]).max()
  assert np.std(before) > 0
  # The player seems 200 ppm fast: what it plays is heard higher and sooner.
  place_s = (np.arange(24_000, 90_000) - 24_000) * (1 + 200e-6) / 48_000
  wanted = np.sin(2 * np.pi * 440 * place_s)
  got = moved[0, 24_000:90_000]
  np.testing.assert_allclose(got[500:-500], wanted[500:-500], atol=2e-3)
