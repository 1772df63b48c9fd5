"""A recording by a stranger's recorder is what it is said to be."""

import numpy as np

from launch.studies import align_case


def test_noise_first_then_a_slower_clock():
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
