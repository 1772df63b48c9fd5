"""Fresnel shadow against SciPy and a numerically integrated aperture."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from bgm2pose_jax.simulate import shadow

_SPEED = 343.0
_SOURCE = np.array([0.0, 1.0, -1.5])
_MIC = np.array([0.0, 1.1, 1.5])
_TORSO_HALF = np.array([0.17, 0.30, 0.0])


_shadow = jax.jit(shadow.rectangle_shadow)


def _factor(centre, half_axes, freqs, source=_SOURCE, mic=_MIC) -> np.ndarray:
  return np.asarray(
    _shadow(
      *(jnp.asarray(x, jnp.float32) for x in (source, mic, centre, half_axes)),
      jnp.asarray(freqs, jnp.float32),
    )
  )


def _kirchhoff(centre, half_width, half_height, freq, source, mic) -> complex:
  """1 minus the Kirchhoff integral over an upright screen facing z."""
  k = 2 * np.pi * freq / _SPEED
  x = np.linspace(-half_width, half_width, 401)
  y = np.linspace(-half_height, half_height, 601)
  xx, yy = np.meshgrid(x, y, indexing="ij")
  points = np.stack([xx, yy, 0 * xx], -1) + centre
  before, after = points - source, mic - points
  r1, r2 = np.linalg.norm(before, axis=-1), np.linalg.norm(after, axis=-1)
  obliquity = (before[..., 2] / r1 + after[..., 2] / r2) / 2
  field = np.exp(1j * k * (r1 + r2)) / (r1 * r2) * obliquity
  weights = np.ones_like(xx)
  weights[[0, -1]] *= 0.5
  weights[:, [0, -1]] *= 0.5
  area = (x[1] - x[0]) * (y[1] - y[0])
  integral = k / (2j * np.pi) * np.sum(field * weights) * area
  gap = np.linalg.norm(mic - source)
  return np.conj(1 - integral / (np.exp(1j * k * gap) / gap))


def test_fresnel_integrals_against_scipy():
  w = np.concatenate([np.linspace(-8, 8, 4001), np.geomspace(8, 60, 200)])
  c, s = shadow.fresnel(jnp.asarray(w, jnp.float32))
  expected_s, expected_c = special.fresnel(np.float64(np.float32(w)))
  assert np.abs(c - expected_c).max() < 7e-4
  assert np.abs(s - expected_s).max() < 7e-4


@pytest.mark.parametrize("freq", [1000.0, 2000.0, 4000.0, 8000.0])
@pytest.mark.parametrize("x", [0.0, 0.1, 0.17, 0.25, 0.45, 0.8])
@pytest.mark.parametrize("z", [0.0, -0.8])
def test_within_2_db_of_kirchhoff(freq: float, x: float, z: float):
  centre = np.array([x, 1.15, z])
  expected = _kirchhoff(centre, 0.17, 0.30, freq, _SOURCE, _MIC)
  got = _factor(centre, np.diag(_TORSO_HALF), [freq])[0]
  assert abs(20 * np.log10(abs(got) / abs(expected))) < 2
  assert abs(got - expected) < 0.06


def test_person_on_the_line_shadows_high_not_low_frequencies():
  factor = np.abs(_factor([0, 1.15, 0], np.diag(_TORSO_HALF), [125.0, 8000.0]))
  low_db, high_db = 20 * np.log10(factor)
  assert abs(low_db) < 1
  assert high_db < -5


def test_no_shadow_far_off_the_line_or_outside_it():
  freqs = np.linspace(0, 24000, 129)
  axes = np.diag(_TORSO_HALF)
  assert np.abs(_factor([3.0, 1.1, 0], axes, freqs) - 1).max() < 0.1
  for z in (-1.6, 1.6, -1.9, 2.5):  # behind source and microphone
    np.testing.assert_array_equal(_factor([0, 1.1, z], axes, freqs), 1)


def test_moves_smoothly_through_the_whole_room():
  """No click: 1 mm of movement changes the factor as little as it should."""
  freqs = np.array([500.0, 2000.0, 8000.0])
  axes = np.diag([0.17, 0.30, 0.11])
  for line in (
    np.stack([np.arange(-2, 2, 1e-3), np.full(4000, 1.1), np.zeros(4000)], -1),
    np.stack([np.zeros(4000), np.full(4000, 1.2), np.arange(-2, 2, 1e-3)], -1),
  ):
    factor = _factor(line, axes[None], freqs)
    step = np.abs(np.diff(factor, axis=0)).max()
    # Crossing an edge at 8 kHz takes about 0.1 m; near the ends of the path
    # the edge is sharper and the part fades within 0.25 m.
    assert step < 0.04
    assert np.abs(factor).max() < 2.0


def test_turning_is_smooth_and_narrows_the_shadow():
  turns = np.linspace(0, 2 * np.pi, 721)
  lateral = np.stack([np.cos(turns), 0 * turns, np.sin(turns)], -1)
  forward = np.cross(lateral, [0, 1, 0])
  up = np.broadcast_to([0.0, 1.0, 0.0], lateral.shape)
  axes = np.stack([0.17 * lateral, 0.3 * up, 0.11 * forward], axis=1)
  factor = _factor([0.0, 1.1, 0.0], axes, [2000.0])[:, 0]
  assert np.abs(np.diff(factor)).max() < 0.01
  facing, sideways = factor[0], factor[180]
  expected = [
    _factor([0.0, 1.1, 0.0], np.diag([w, 0.3, 0.0]), [2000.0])[0]
    for w in (0.17, 0.11)
  ]
  np.testing.assert_allclose([facing, sideways], expected, atol=1e-3)


def test_reciprocal_and_symmetric():
  freqs = np.array([300.0, 3000.0])
  axes = np.diag([0.17, 0.30, 0.11])
  there = _factor([0.2, 1.3, 0.4], axes, freqs)
  back = _factor([0.2, 1.3, 0.4], axes, freqs, source=_MIC, mic=_SOURCE)
  mirrored = _factor([-0.2, 1.3, 0.4], axes, freqs)
  np.testing.assert_allclose(there, back, atol=1e-5)
  np.testing.assert_allclose(there, mirrored, atol=1e-5)


def test_degenerate_geometry_is_finite():
  freqs = np.array([0.0, 125.0, 24000.0])
  point, up = np.array([0.3, 1.0, 0.2]), np.array([0.0, 1.0, 0.0])
  cases = [
    (point, point, point, np.zeros((3, 3))),
    (_SOURCE, _SOURCE, point, np.diag(_TORSO_HALF)),
    (_SOURCE, _MIC, _SOURCE, np.diag(_TORSO_HALF)),
    (_SOURCE, _MIC, point, np.zeros((3, 3))),
    # "Up" along the path, and straight down.
    (_SOURCE, _MIC, point, np.array([[0.2, 0, 0], [0, 0.01, 0.3]])),
    (_SOURCE, _MIC, point, np.array([[0.2, 0, 0], [0, -0.3, 0]])),
    (point, point + 2 * up, point + up, np.diag(_TORSO_HALF)),
  ]
  for source, mic, centre, axes in cases:
    out = _factor(centre, axes, freqs, source=source, mic=mic)
    assert np.all(np.isfinite(out))
    assert out[0] == pytest.approx(1)


def test_leading_axes_broadcast():
  axes = np.broadcast_to(np.diag(_TORSO_HALF), (5, 1, 2, 3, 3))
  centres = np.random.default_rng(0).normal(size=(5, 1, 2, 3))
  source = np.stack([_SOURCE, np.array([1.0, 1.0, -1.5])])[None, :, None]
  out = _factor(centres, axes, [500.0, 900.0], source=source)
  assert out.shape == (5, 2, 2, 2)
  alone = _factor(
    centres[3, 0, 1], axes[3, 0, 1], [500.0, 900.0], source=source[0, 1, 0]
  )
  np.testing.assert_allclose(out[3, 1, 1], alone, atol=1e-5)
