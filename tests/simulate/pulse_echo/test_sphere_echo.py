"""A sphere's echo: against the series written anew, and geometric optics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.pulse_echo import sphere_echo


def exact_echo(k, radius_m, distance_m):
  """Echo at the source itself, exp(-i omega t); source exp(ikR)/R.

  -ik sum (2n+1) j_n'(ka) / h_n'(ka) h_n(kd)^2, from the expansion of a point
  source in spherical waves.
  """
  total = np.zeros(len(k), complex)
  for i, one in enumerate(k):
    n = np.arange(int(one * radius_m + 4 * np.cbrt(one * radius_m) + 15))

    def hankel(x, derivative=False, n=n):
      y = special.spherical_yn(n, x, derivative)
      return special.spherical_jn(n, x, derivative) + 1j * y

    ratio = special.spherical_jn(n, one * radius_m, True)
    ratio = ratio / hankel(one * radius_m, True)
    waves = (2 * n + 1) * ratio * hankel(one * distance_m) ** 2
    total[i] = -1j * one * waves.sum()
  return total


@pytest.mark.parametrize(
  ("radius_m", "distance_m"),
  [(0.04, 1.0), (0.057, 4.0), (0.124, 1.0), (0.137, 2.0)],
)
def test_the_echo_is_that_of_the_exact_series(radius_m, distance_m):
  k = 2 * np.pi * np.geomspace(100, 32_000, 40) / 343
  nearness = radius_m / distance_m / sphere_echo.NEAR
  parts = sphere_echo.backscatter(k * radius_m)
  echo = parts @ np.array([1 - nearness, nearness])
  mirror = radius_m / (2 * distance_m * (distance_m - radius_m))
  echo = 2 * mirror * echo * np.exp(-2j * k * (distance_m - radius_m))
  expected = exact_echo(k, radius_m, distance_m).conj()
  assert np.abs(echo - expected).max() < 0.016 * mirror


def test_a_large_sphere_is_a_mirror_and_a_small_one_is_rayleigh_s():
  # The mirror's next term is of order 1 / ka.
  far = sphere_echo.backscatter(np.array([100.0, 120.0]))[:, 0]
  np.testing.assert_allclose(far, 0.5, atol=0.01)
  # Backscatter of a rigid sphere, 5/6 (ka)^2 a (Morse and Ingard, 8.2).
  small = sphere_echo.backscatter(np.array([0.1]))[:, 0]
  np.testing.assert_allclose(np.abs(small), 5 / 6 * 0.01, rtol=0.02)


def test_a_ka_beyond_the_table_is_refused():
  with pytest.raises(InputError, match="ka: 1 to 300"):
    sphere_echo.backscatter(np.array([1.0, 300.0]))
