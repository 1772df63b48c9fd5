"""Arrivals and shifts of sounds that were moved by known parts of a sample."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.systems.posekernel.extraction import arrival, measures
from bgm2pose_jax.systems.posekernel.extraction.plan import Plan


def _pulse(place: float, size: int = 512, high: float = 0.6) -> np.ndarray:
  """A band-limited pulse at any place, from its spectrum."""
  frequency = np.fft.rfftfreq(size)
  weight = np.clip((high / 2 - frequency) / 0.05, 0, 1)
  return np.fft.irfft(weight * np.exp(-2j * np.pi * frequency * place), size)


@pytest.mark.parametrize("place", [100.0, 100.25, 100.5, 211.9])
def test_a_pulse_is_found(place):
  for sign in (1, -1):
    found, peak = arrival.first_arrival(sign * _pulse(place))
    assert found == pytest.approx(place, abs=0.05)
    assert peak > 10


def test_the_first_of_two_counts_even_where_the_second_is_louder():
  found, _ = arrival.first_arrival(_pulse(100.0) - 1.5 * _pulse(300.0))
  assert found == pytest.approx(100, abs=0.1)
  found, _ = arrival.first_arrival(0.1 * _pulse(100.0) + _pulse(300.0))
  assert found == pytest.approx(300, abs=0.1)


def test_noise_has_no_peak():
  rng = np.random.default_rng(0)
  for size in (500, 50_000):
    _, peak = arrival.first_arrival(rng.normal(size=size))
    assert peak < 6.5
  assert arrival.first_arrival(np.zeros(9)) == (0.0, 0.0)
  places, peak = arrival.arrivals(np.zeros(9))
  assert (len(places), peak) == (0, 0.0)


def test_all_arrivals_are_found():
  places, _ = arrival.arrivals(
    _pulse(50.3) + 0.9 * _pulse(200.0) - _pulse(400.8) + 0.2 * _pulse(300.0)
  )
  np.testing.assert_allclose(places, [50.3, 200.0, 400.8], atol=0.05)


@pytest.mark.parametrize("later", [0.0, 0.1, 0.5, -7.33, 20.77])
def test_shifts_are_found(later):
  rng = np.random.default_rng(1)
  echoes = [(rng.normal(), 100 + 4 * k) for k in range(20)]
  reference = sum(a * _pulse(place) for a, place in echoes)
  moved = sum(-0.3 * a * _pulse(place + later) for a, place in echoes)
  found, correlation, gain = arrival.shift(-moved, reference)
  assert found == pytest.approx(later, abs=0.003)
  assert correlation == pytest.approx(1, abs=1e-3)
  assert gain == pytest.approx(0.3, rel=1e-3)
  _, correlation, _ = arrival.shift(rng.normal(size=512), reference)
  assert correlation < 0.5
  assert arrival.shift(np.zeros(9), np.ones(9)) == (0.0, 0.0, 0.0)


def test_latencies_are_told_apart():
  """A whole recording 100 samples late, and one pair 7 later than its own."""
  plan = Plan(np.ones(9), 96_000, 3072, (19.0, 32_000.0))
  left = np.tile([500.0, 600.0, 700.0], (5, 1))
  left[1] += 100
  left[3, 2] += 7
  left[4] = np.nan
  left[0, 1] = np.nan
  middle_ms, spread_ms, whole, own = measures.latency(left, plan)
  np.testing.assert_allclose(middle_ms, np.array([500, 600, 700]) / 96)
  np.testing.assert_allclose(spread_ms, 100 / 96)
  assert whole.tolist() == [0, 100, 0, 0, 0]
  expected = np.zeros((5, 3))
  expected[3, 2] = 7
  np.testing.assert_array_equal(own, expected)
  unknown, *_ = measures.latency(np.full((2, 3), np.nan), plan)
  assert np.isnan(unknown).all()


def test_octaves_lie_within_the_band():
  assert measures.octaves_hz((19.0, 32_000.0)).tolist() == [
    31.25, 62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16000,
  ]  # fmt: skip
  assert measures.octaves_hz((800.0, 900.0)).tolist() == []


def test_the_median_is_a_value_that_is_there():
  rng = np.random.default_rng(0)
  values = rng.normal(size=(7, 40))
  np.testing.assert_array_equal(
    measures.median(values, axis=0), np.median(values, axis=0)
  )
  values[rng.uniform(size=values.shape) < 0.3] = np.nan
  expected = [
    np.percentile(column[np.isfinite(column)], 50, method="lower")
    for column in values.T
  ]
  np.testing.assert_array_equal(measures.median(values, axis=0), expected)
