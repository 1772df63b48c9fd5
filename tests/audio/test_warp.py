from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from bgm2pose_jax.audio.warp import warp
from bgm2pose_jax.base.errors import InputError

RATE_HZ = 48000


@pytest.mark.parametrize(
  ("offset", "drift_ppm"),
  [(123.456, 100.0), (-300.77, -100.0), (0.5, 3.3), (0.25, 0.0), (9.0, -900)],
)
@pytest.mark.parametrize("freq_hz", [100, 5000, 18000])
def test_a_sine_is_moved_to_below_90_db(offset, drift_ppm, freq_hz):
  step = 2 * np.pi * freq_hz / RATE_HZ
  music = np.sin(step * np.arange(40_000) + 0.3)
  moved = warp(music, offset, drift_ppm, 30_000, first_sample=500)
  place = (np.arange(500, 30_500) - offset) * (1 + drift_ppm * 1e-6)
  error = np.abs(moved - np.sin(step * place + 0.3))
  assert error.max() < 10 ** (-90 / 20)


def test_half_a_sample_is_what_scipy_resamples_in_between():
  rng = np.random.default_rng(0)
  noise = rng.normal(size=8000)
  low = scipy.signal.firwin(255, 18000, window=("kaiser", 12), fs=RATE_HZ)
  music = scipy.signal.fftconvolve(noise, low, "same")
  music *= np.hanning(len(music))
  between = scipy.signal.resample(music, 2 * len(music))[1::2]
  moved = warp(music, -0.5, 0.0, len(music))
  error = np.sqrt(np.mean((moved - between) ** 2) / np.mean(between**2))
  assert error < 10 ** (-90 / 20)


def test_whole_samples_are_copied_and_the_outside_is_silent():
  music = np.random.default_rng(1).normal(size=(2, 5000)).astype(np.float32)
  moved = warp(music, 700.0, 0.0, 6500)
  np.testing.assert_allclose(moved[:, 700:5700], music, atol=1e-12)
  assert not moved[:, :660].any()
  assert not moved[:, 5740:].any()
  assert not warp(music, 1e6, 50.0, 1000).any()
  assert not warp(music, -1e6, 50.0, 1000).any()


def test_pieces_are_the_whole():
  music = np.random.default_rng(2).normal(size=(2, 30_000))
  whole = warp(music, 10.3, 87.0, 29_000)
  parts = [
    warp(music, 10.3, 87.0, 7250, first_sample=i * 7250) for i in range(4)
  ]
  np.testing.assert_allclose(np.concatenate(parts, 1), whole, atol=1e-9)


@pytest.mark.parametrize(
  ("offset", "drift"), [(np.nan, 0.0), (0.0, np.nan), (0.0, 2000.0)]
)
def test_figures_that_mean_nothing_are_refused(offset, drift):
  with pytest.raises(InputError, match="warp"):
    warp(np.zeros(100), offset, drift, 100)
