from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from bgm2pose_jax.audio import fir_fit


def test_a_response_is_found_and_nothing_is_left() -> None:
  rng = np.random.default_rng(0)
  played = rng.standard_normal(8000)
  response = rng.standard_normal(50) * np.exp(-np.arange(50) / 10)
  heard = scipy.signal.fftconvolve(played, response)[:8000]
  found = fir_fit.fit(played, heard, 60)
  np.testing.assert_allclose(found[:50], response, atol=0.05)
  noisy = heard + 0.1 * heard.std() * rng.standard_normal(8000)
  sound, rest = fir_fit.left(played, noisy, 60)
  assert fir_fit.decibels(sound, rest) == pytest.approx(20.0, abs=0.5)


def test_bands_are_told_apart() -> None:
  rng = np.random.default_rng(0)
  sound = rng.standard_normal(40_000)
  low = scipy.signal.butter(4, 1000, fs=16_000, output="sos")
  rest = 0.1 * scipy.signal.sosfilt(low, sound)
  found = fir_fit.octave_decibels(sound, rest, 16_000, (100, 800, 1600, 6400))
  assert found[0] == pytest.approx(20.0, abs=0.5)
  assert found[2] > 35
