"""What a rigid sphere throws back to where the sound came from.

The exact series of `sphere_series` at backscatter. Its amplitude is the echo
of a convex mirror by geometric optics, a / (2 d (d - a)) for a point source at
distance d from the centre, times a factor of ka and a / d, here taken as
linear in a / d between 0 (the far field) and `NEAR`. The phase of the specular
point (the sphere's nearest) is taken out, which leaves a curve of ka smooth
enough for one table for all radii.

Against the exact series from 100 Hz to 32 kHz, for radii of 4 to 13.7 cm, the
error at 1 to 4 m is at most 1.5 % of the mirror's echo; at 0.8 m 2.3 %.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy import interpolate

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import sphere_series
from bgm2pose_jax.simulate.pulse_echo.fourier import frequencies_hz

# Radius over distance of the nearer table: a torso's sphere at 1 m.
NEAR = 0.125
# The echo of the sound that creeps around turns once per 2 pi / (2 + pi).
_KA_STEP = 0.1
_KA_MAX = 125.0  # 14 cm at 48 kHz


@functools.cache
def _table() -> interpolate.CubicSpline:
  """Twice the factor, complex, [far and near] as a function of ka."""
  ka = np.arange(1, round(_KA_MAX / _KA_STEP) + 1) * _KA_STEP
  waves = sphere_series.partial_waves(ka)
  signs = (-1.0) ** np.arange(len(waves))  # Legendre polynomials at -1
  with np.errstate(over="ignore", invalid="ignore"):
    near = waves * sphere_series.radiation_factor(ka / NEAR, len(waves)) ** 2
  near = np.where(waves == 0, 0.0, near) * (1 - NEAR)
  both = np.stack([signs @ waves, signs @ near], axis=-1)
  both *= (1j / ka * np.exp(2j * ka))[:, None]
  # exp(-i omega t) of the physics to exp(+i omega t) of the FFT.
  return interpolate.CubicSpline(
    np.append(0.0, ka), np.concat([np.zeros((1, 2)), both.conj()])
  )


def backscatter(ka: np.ndarray) -> np.ndarray:
  """Echo over the radius, the specular point's phase taken out.

  Args:
    ka: wavenumber times radius, not negative, [...].

  Returns:
    complex128 [..., 2], NumPy FFT sign, B_far and B_near: the echo of a sphere
    of radius a at distance d is a exp(-2ik(d - a)) / (d (d - a)) times
    B_far (1 - w) + B_near w with w = a / (d NEAR).

  Raises:
    InputError: a ka beyond the table.
  """
  ka = np.asarray(ka, np.float64)
  if ka.size and not (ka.min() >= 0 and ka.max() <= _KA_MAX):
    raise InputError(
      "ka", f"{ka.min():g} to {ka.max():g}", f"give 0 to {_KA_MAX:g}"
    )
  return _table()(ka)


@functools.lru_cache(maxsize=64)
def class_spectra(
  radii_m: tuple[float, ...], taps: int, rate_hz: float, speed_m_s: float
) -> np.ndarray:
  """Echoes of spheres at the bins of an FFT.

  Args:
    radii_m: one radius a class.
    taps: length of the FFT.
    rate_hz: sample rate.
    speed_m_s: speed of sound.

  Returns:
    complex128 [far and near, class, taps // 2 + 1], metres, `backscatter`
    times the radius; do not write to it.
  """
  k = 2 * np.pi * frequencies_hz(taps, rate_hz) / speed_m_s
  radii = np.asarray(radii_m)[:, None]
  return np.moveaxis(radii[..., None] * backscatter(radii * k), -1, 0)
