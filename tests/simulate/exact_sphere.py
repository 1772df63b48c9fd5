"""Exact pressures around one rigid sphere, summed from the package's series.

Source: P. M. Morse and K. U. Ingard, Theoretical Acoustics (1968), ch. 8.
Time factor exp(-i omega t).
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.simulate import sphere_series


def far_field_amplitude(wavenumber, radius_m: float, cos_theta) -> np.ndarray:
  """Far-field scattering amplitude f of a rigid sphere, in metres.

  Scattered pressure at distance r: f exp(ikr)/r for a unit plane wave.

  Args:
    wavenumber: k = 2 pi f / c in rad/m, [f].
    radius_m: radius of the sphere.
    cos_theta: cosine of the angle between incident and outgoing propagation
      (1 = forward), [angle].

  Returns:
    complex128 [angle, f].
  """
  k = np.atleast_1d(wavenumber)
  waves = sphere_series.partial_waves(k * radius_m)
  p = sphere_series.legendre(np.atleast_1d(cos_theta), len(waves))
  return 1j / k * (p.T @ waves)


def point_source_pressure(
  wavenumber, radius_m: float, source_m: float, receiver_m: float, cos_gamma
) -> np.ndarray:
  """Scattered pressure of a point source at a point receiver.

  The direct sound in the same unit is exp(ikR)/R.

  Args:
    wavenumber: k in rad/m, [f].
    radius_m: radius of the sphere.
    source_m: distance of the source from the centre.
    receiver_m: distance of the receiver from the centre.
    cos_gamma: cosine of the angle source - centre - receiver (minus the
      cos_theta of `far_field_amplitude`), [angle].

  Returns:
    complex128 [angle, f] in 1/m.
  """
  k = np.atleast_1d(wavenumber)
  waves = sphere_series.partial_waves(k * radius_m)
  terms = len(waves)
  g = sphere_series.radiation_factor(k * source_m, terms)
  g = g * sphere_series.radiation_factor(k * receiver_m, terms)
  p = sphere_series.legendre(-np.atleast_1d(cos_gamma), terms)
  with np.errstate(invalid="ignore"):
    weighted = np.where(waves == 0, 0, waves * g)
  spreading = np.exp(1j * k * (source_m + receiver_m)) / (source_m * receiver_m)
  return 1j / k * (p.T @ weighted) * spreading
