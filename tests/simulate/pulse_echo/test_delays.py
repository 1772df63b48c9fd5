"""Band-limited impulses: against a delay done by phases."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.simulate.pulse_echo.delays import HALF_TAPS, impulse_trains


def test_an_impulse_is_a_delay_by_phase_up_to_a_third_of_the_rate():
  taps, delays = 512, np.array([101.0, 203.37, 255.5, 300.99])
  trains = impulse_trains(
    np.arange(4), delays, np.array([1.0, -2.0, 0.5, 1.0]), (4, taps)
  )
  turns = np.fft.rfftfreq(taps)
  expected = np.exp(-2j * np.pi * turns * delays[:, None])
  expected *= np.array([[1.0], [-2.0], [0.5], [1.0]])
  error = np.abs(np.fft.rfft(trains) - expected)[:, turns < 1 / 3]
  assert error.max() < 2e-4


def test_impulses_of_a_row_add_up_and_rows_stay_apart():
  both = impulse_trains(
    np.array([0, 1, 0]),
    np.array([40.2, 50.0, 90.9]),
    np.array([1.0, 3.0, 2.0]),
    (2, 128),
  )
  first = impulse_trains(
    np.zeros(1, int), np.array([40.2]), np.ones(1), (1, 128)
  )
  later = impulse_trains(
    np.zeros(1, int), np.array([90.9]), np.ones(1), (1, 128)
  )
  np.testing.assert_allclose(both[0], (first + 2 * later)[0], atol=1e-15)
  np.testing.assert_allclose(both[1].sum(), 3.0, rtol=1e-6)


@pytest.mark.parametrize("delay", [-1e9, -40.0, 1e9, 128.0 + HALF_TAPS])
def test_what_falls_outside_goes_nowhere(delay):
  trains = impulse_trains(
    np.array([0, 1]), np.array([delay, 64.0]), np.ones(2), (3, 128)
  )
  assert not trains[[0, 2]].any()
  assert trains[1].argmax() == 64
