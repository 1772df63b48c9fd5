"""Exact sphere series against closed forms and conservation laws."""

from __future__ import annotations

import exact_sphere
import numpy as np
import pytest
from scipy import special

from bgm2pose_jax.simulate import sphere_series

_RADIUS_M = 0.08


def _amplitude(ka: float, theta: np.ndarray) -> np.ndarray:
  k = np.array([ka / _RADIUS_M])
  return exact_sphere.far_field_amplitude(k, _RADIUS_M, np.cos(theta))[:, 0]


def _oracle(ka: float, theta: float) -> complex:
  """Term by term with SciPy, 3 ka + 20 terms, h from j and y."""
  total = 0j
  for n in range(int(3 * ka + 20)):
    j = special.spherical_jn(n, ka, derivative=True)
    y = special.spherical_yn(n, ka, derivative=True)
    if not np.isfinite(y):
      break
    term = (2 * n + 1) * j / (j + 1j * y)
    total += term * special.eval_legendre(n, np.cos(theta))
  return 1j * _RADIUS_M / ka * total


@pytest.mark.parametrize("ka", [0.1, 0.5, 1.0, 3.0, 7.5, 20.0])
def test_far_field_equals_the_series_term_by_term(ka: float):
  theta = np.linspace(0, np.pi, 25)
  expected = np.array([_oracle(ka, t) for t in theta])
  np.testing.assert_allclose(
    _amplitude(ka, theta), expected, rtol=1e-10, atol=1e-10 * _RADIUS_M
  )


def test_small_spheres_scatter_by_rayleighs_law():
  theta = np.linspace(0, np.pi, 19)
  for ka in (0.02, 0.05):
    law = -_RADIUS_M * ka**2 / 3 * (1 - 1.5 * np.cos(theta))
    error = np.abs(_amplitude(ka, theta) - law)
    assert error.max() < 2 * ka**2 * np.abs(law).max()


@pytest.mark.parametrize("ka", [0.3, 2.0, 10.0, 40.0])
def test_optical_theorem(ka: float):
  """Power taken from the wave forward = power scattered in all directions."""
  nodes, weights = np.polynomial.legendre.leggauss(200)
  scattered = np.abs(_amplitude(ka, np.arccos(nodes))) ** 2
  sigma = 2 * np.pi * weights @ scattered
  k = ka / _RADIUS_M
  forward = _amplitude(ka, np.zeros(1))[0].imag
  np.testing.assert_allclose(forward, k * sigma / (4 * np.pi), rtol=1e-10)


def test_pressure_has_no_normal_gradient_on_the_rigid_surface():
  """The boundary condition itself, with a point source close by."""
  radius, source = 0.1, 0.35
  k = np.array([20.0, 90.0])
  gamma = np.deg2rad([10.0, 75.0, 140.0])

  def total(r: float) -> np.ndarray:
    cosine = np.cos(gamma)
    gap = np.sqrt(r * r + source * source - 2 * r * source * cosine)
    direct = np.exp(1j * k * gap[:, None]) / gap[:, None]
    return direct + exact_sphere.point_source_pressure(
      k, radius, source, r, cosine
    )

  step = 1e-6
  slope = (total(radius + 2 * step) - total(radius + step)) / step
  scale = np.abs(total(radius + step)) * k
  # One step away from the surface the slope is not quite zero: p'' * step.
  assert np.all(np.abs(slope) < 1e-3 * scale)


def test_point_source_tends_to_the_far_field():
  k = np.array([10.0, 60.0])
  distance = 4000.0
  cosine = np.cos([0.3, 1.2, 2.9])
  exact = exact_sphere.point_source_pressure(
    k, _RADIUS_M, distance, distance, -cosine
  )
  far = exact_sphere.far_field_amplitude(k, _RADIUS_M, cosine)
  far = far * np.exp(2j * k * distance) / distance**2
  np.testing.assert_allclose(exact, far, rtol=1e-3)


def test_reciprocity():
  args = np.array([15.0, 80.0]), _RADIUS_M
  there = exact_sphere.point_source_pressure(*args, 0.3, 1.7, [0.2, -0.9])
  back = exact_sphere.point_source_pressure(*args, 1.7, 0.3, [0.2, -0.9])
  np.testing.assert_allclose(there, back, rtol=1e-12)


def test_radiation_factor_is_scipys_spherical_hankel():
  x = np.array([0.7, 3.0, 25.0])
  n = np.arange(12)[:, None]
  h = special.spherical_jn(n, x) + 1j * special.spherical_yn(n, x)
  expected = h * x * 1j ** (n + 1) * np.exp(-1j * x)
  got = sphere_series.radiation_factor(x, 12)
  np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("ka", [0.3, 1.0, 3.0, 10.0, 30.0])
def test_without_lobe_no_shadow_is_left_and_the_back_is_unchanged(ka: float):
  kas = np.array([ka])
  theta = np.deg2rad([0.0, 90.0, 120.0, 150.0, 180.0])
  amplitudes = []
  for lobe in (True, False):
    waves = sphere_series.partial_waves(kas, forward_lobe=lobe)
    p = sphere_series.legendre(np.cos(theta), len(waves))
    amplitudes.append(1j / ka * (p.T @ waves)[:, 0])  # in radii
  full, reflected = amplitudes
  # The shadow of a disc of the sphere's size is Im f(0) = ka/2 radii.
  assert abs(reflected[0].imag) < 0.22
  assert np.all(np.abs(reflected - full)[1:] < 0.13)
  if ka >= 3:
    assert full[0].imag > 0.5 * ka / 2
