"""The gain at which one sound explains another."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from bgm2pose_jax.systems.bgm2pose.still_room.band_fit import BandFit


def _noise(seed: int, lowest_hz: float, highest_hz: float) -> np.ndarray:
  band = scipy.signal.butter(
    8, (lowest_hz, highest_hz), "bandpass", fs=48_000, output="sos"
  )
  noise = np.random.default_rng(seed).normal(size=(4, 96_000))
  return scipy.signal.sosfilt(band, noise).astype("f4")


@pytest.mark.parametrize("gain", [0.25, 1.0, 3.0])
def test_bands_that_explain_nothing_do_not_pull(gain):
  known, wrong = _noise(0, 400, 8_000), 10 * _noise(1, 60, 200)
  heard = gain * known + _noise(2, 60, 200) + 0.01 * _noise(3, 60, 15_000)
  fit = BandFit()
  fit.add(heard, known + wrong, keep=1.0)
  assert fit.gain(9.0) == pytest.approx(gain, rel=0.01)
  # A plain regression is pulled: most of the power is in the wrong bands.
  said = known + wrong
  assert np.vdot(heard, said) / np.vdot(said, said) < 0.5 * gain


def test_the_past_is_forgotten_and_silence_says_nothing():
  fit, sound = BandFit(), _noise(0, 100, 10_000)
  silence = np.zeros_like(sound)
  fit.add(silence, silence, keep=1.0)
  assert fit.gain(0.7) == 0.7
  fit.add(silence, sound, keep=1.0)
  assert fit.gain(0.7) == 0.7
  fit = BandFit()
  fit.add(2 * sound, sound, keep=1.0)
  fit.add(sound, sound, keep=0.01)
  assert fit.gain(0.7) == pytest.approx(1.01, rel=0.01)
  fit.add(-sound, sound, keep=0.0)
  assert fit.gain(0.7) == 0.7
