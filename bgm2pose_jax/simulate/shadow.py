"""Shadow of torso and head on a free path, by closed-form Fresnel diffraction.

A person between loudspeaker and microphone blocks the wave front. Summing
singly scattering spheres takes about 10 dB too little out of it, so the direct
and the floor path are multiplied by Babinet's complement of a rectangular
aperture,

  F(f) = 1 - a b,   a = (e(w2) - e(w1)) / sqrt(2i),   e(w) = C(w) + i S(w)

one such difference per side; C and S are Fresnel's integrals and w^2 / 4 is
the detour by way of an edge in wavelengths. For low frequencies a b is small
and a quarter period behind (nothing happens), for high ones it tends to 1
behind the body and to 0 beside it. Several parts that do not overlap as seen
along the path add: F = 1 + sum (F_r - 1).

A part is given by half-axis vectors of the box around it; the rectangle is the
silhouette of the ellipsoid with those half axes, turned to face the path, so
that a person turning or bending changes its size smoothly.

Source: M. Born and E. Wolf, Principles of Optics, sections 8.7 and 8.8. There
w is x sqrt(2 (1/d1 + 1/d2) / wavelength), its limit near the path; with the
detour itself the formula holds to about 30 degrees off it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

# A part fades in over this distance from source or microphone: nearer, its
# shadow is not that of a screen in a beam, and behind them there is none.
_FADE_M = 0.25
_TINY = 1e-9

# Fresnel's auxiliary functions f and g as rational functions whose tails are
# the known 1/(pi w) and 1/(pi^2 w^3); coefficients fitted to
# scipy.special.fresnel on 0..200, error below 5e-4 and 3e-4.
_F = (0.449183, 0.130706, 0.928028, 1.524056)
_G = (0.521897, 3.017116, 4.936790, 2.500851)


def _auxiliary(w: jax.Array) -> tuple[jax.Array, jax.Array]:
  """f(w) and g(w) of Abramowitz and Stegun 7.3.5-6, for w >= 0."""
  a1, a2, b1, b2 = _F
  f = (0.5 + w * (a1 + w * a2)) / (1 + w * (b1 + w * (b2 + w * (np.pi * a2))))
  a1, b1, b2, b3 = _G
  g = (0.5 + w * a1) / (
    1 + w * (b1 + w * (b2 + w * (b3 + w * (np.pi**2 * a1))))
  )
  return f, g


def fresnel(w: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Fresnel integrals, error below 6e-4 for all w.

  Args:
    w: float [...], of any sign.

  Returns:
    C(w) = integral of cos(pi t^2 / 2) from 0 to w, and S(w) with the sine.
  """
  size = jnp.abs(w)
  f, g = _auxiliary(size)
  phase = (0.5 * np.pi) * size * size
  sin, cos = jnp.sin(phase), jnp.cos(phase)
  c = 0.5 + f * sin - g * cos
  s = 0.5 - f * cos - g * sin
  # Not sign(): w = 0 has C = S = 0 through f(0) = g(0) = 1/2.
  return jnp.where(w < 0, -c, c), jnp.where(w < 0, -s, s)


def _side(
  middle: jax.Array,
  half: jax.Array,
  d1: jax.Array,
  d2: jax.Array,
  per_wavelength: jax.Array,
) -> tuple[jax.Array, jax.Array]:
  """(e(w2) - e(w1)) / sqrt(2i) of a side, real and imaginary part."""

  def edge(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    # Twice the detour by way of the edge over x^2, exactly; the paraxial
    # 1/d1 + 1/d2 puts ripples off the path at the wrong frequencies.
    bend = 2 / (d1 + jnp.sqrt(d1 * d1 + x * x))
    bend = bend + 2 / (d2 + jnp.sqrt(d2 * d2 + x * x))
    scale = jnp.sqrt(2 * bend[..., None] * per_wavelength)
    return fresnel(x[..., None] * scale)

  c2, s2 = edge(middle + half)
  c1, s1 = edge(middle - half)
  c, s = c2 - c1, s2 - s1
  return 0.5 * (c + s), 0.5 * (s - c)  # 1 / sqrt(2i) = (1 - i) / 2


def _smoothstep(x: jax.Array) -> jax.Array:
  x = jnp.clip(x, 0.0, 1.0)
  return x * x * (3 - 2 * x)


def _unit(v: jax.Array) -> jax.Array:
  """Direction of v, with a finite value and gradient at v = 0."""
  return v / jnp.sqrt(jnp.sum(v * v, axis=-1, keepdims=True) + _TINY)


def rectangle_shadow(
  source_m: jax.Array,
  mic_m: jax.Array,
  centre_m: jax.Array,
  half_axes_m: jax.Array,
  freqs_hz: jax.Array,
  *,
  sound_speed_m_s: float = 343.0,
) -> jax.Array:
  """Factor by which one body part multiplies a free path.

  For the floor path mirror the source in the floor. Leading axes broadcast.

  Args:
    source_m: [..., 3].
    mic_m: [..., 3].
    centre_m: centre of the part, [..., 3] (`BodyModel.rectangles`).
    half_axes_m: [..., axis, 3], vectors from the centre to the middles of the
      sides of the box around the part: lateral, up and, for a part with
      depth, forward. The second says where the rectangle's up is.
    freqs_hz: [f], not negative.
    sound_speed_m_s: speed of sound.

  Returns:
    complex64 [..., f], NumPy FFT sign; 1 = unobstructed. Goes smoothly to 1
    as the part leaves the path sideways (as 1/distance, with the ripples of a
    real edge), or goes behind source or microphone; finite for coinciding
    points and vanishing axes.
  """
  source_m, mic_m, centre_m = jnp.broadcast_arrays(source_m, mic_m, centre_m)
  path = mic_m - source_m
  length = jnp.sqrt(jnp.sum(path * path, axis=-1) + _TINY)
  along = path / length[..., None]
  offset = centre_m - source_m
  d1 = jnp.sum(offset * along, axis=-1)
  d2 = length - d1
  present = _smoothstep(d1 / _FADE_M) * _smoothstep(d2 / _FADE_M)

  # Axes of the picture that the microphone sees: up, and the third direction.
  # A little of the world's up keeps it defined for a part lying on the path.
  up = _unit(half_axes_m[..., 1, :]) + jnp.asarray([0.0, 0.05, 0.0])
  up = _unit(up - jnp.sum(up * along, axis=-1, keepdims=True) * along)
  side = jnp.cross(up, along)

  def extent(direction: jax.Array) -> jax.Array:
    reach = jnp.sum(half_axes_m * direction[..., None, :], axis=-1)
    return jnp.sqrt(jnp.sum(reach * reach, axis=-1) + _TINY)

  near = 0.25 * _FADE_M  # keeps 1/d finite where `present` is about 0
  ends = (
    jnp.maximum(d1, near),
    jnp.maximum(d2, near),
    freqs_hz / sound_speed_m_s,
  )
  a_re, a_im = _side(jnp.sum(offset * side, axis=-1), extent(side), *ends)
  b_re, b_im = _side(jnp.sum(offset * up, axis=-1), extent(up), *ends)
  weight = present[..., None]
  taken_re = weight * (a_re * b_re - a_im * b_im)
  taken_im = weight * (a_re * b_im + a_im * b_re)
  # Conjugated: the integrals above are for time factor exp(-i omega t).
  return jax.lax.complex(1 - taken_re, taken_im)
