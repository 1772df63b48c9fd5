"""The air: against the values of the standards' tables."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.simulate.pulse_echo import air


def test_absorption_is_that_of_the_standard_s_table():
  # ISO 9613-2:1996, table 2: 20 deg C, 70 %, octaves from 63 Hz, dB/km. It is
  # for exact midbands, 1000 Hz times powers of two are within 1 %.
  octaves_hz = 1000 * 10 ** (0.3 * np.arange(-4, 4))
  table = [0.1, 0.3, 1.1, 2.8, 5.0, 9.0, 22.9, 76.6]
  found = 1000 * air.absorption_db_m(octaves_hz, 20.0, 70.0)
  np.testing.assert_allclose(found, table, atol=0.06, rtol=2e-3)
  cold = 1000 * air.absorption_db_m(octaves_hz[5:], 10.0, 70.0)
  np.testing.assert_allclose(cold, [9.7, 32.8, 117.0], atol=0.06, rtol=2e-3)


def test_sound_is_faster_in_warm_air():
  assert abs(air.sound_speed_m_s(20.0) - 343.2) < 0.1
  assert air.sound_speed_m_s(0.0) == 331.3
