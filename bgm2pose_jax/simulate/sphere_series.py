"""Exact sound scattering by one rigid sphere: float64 partial-wave series.

These are the slow, trusted functions (NumPy and SciPy); `scattering` tabulates
them for rendering. Time factor exp(-i omega t) as in the physics books, so a
wave going out is exp(+ikr)/r; NumPy's FFT has the opposite sign, and only
`scattering` converts.

Source: P. M. Morse and K. U. Ingard, Theoretical Acoustics (1968), ch. 8.
"""

from __future__ import annotations

import numpy as np
from scipy import special


def num_terms(ka: np.ndarray) -> np.ndarray:
  """Number of partial waves that the series needs at each `ka`."""
  ka = np.asarray(ka, np.float64)
  return np.ceil(ka + 4.0 * np.cbrt(ka) + 12.0).astype(np.int64)


def _bessel_ratio(ka: np.ndarray, terms: int) -> np.ndarray:
  """j_n'(ka) / h_n'(ka) as complex128 [terms, len(ka)]; 0 past num_terms."""
  n = np.arange(terms)[:, None]
  j = special.spherical_jn(n, ka[None], derivative=True)
  with np.errstate(over="ignore", invalid="ignore"):
    y = special.spherical_yn(n, ka[None], derivative=True)
    ratio = j / (j + 1j * y)
  # Past the last needed term y overflows; the true ratio there is below 1e-15.
  return np.where((n < num_terms(ka)[None]) & np.isfinite(ratio), ratio, 0.0)


def radiation_factor(x: np.ndarray, terms: int) -> np.ndarray:
  """How far h_n(x) is from its far form: g_n = h_n x (i)^(n+1) exp(-ix).

  A finite polynomial in 1/x: g_0 = 1, g_1 = 1 + i/x, g_2 = 1 + 3i/x - 3/x^2.
  All g_n tend to 1 at infinity. Term n of the far-field amplitude times
  g_n(k d1) g_n(k d2) is exact for a point source at d1 and a point receiver
  at d2.

  Args:
    x: wavenumber times distance, positive, any shape [...].
    terms: number of orders n.

  Returns:
    complex128 [terms, ...]; large orders at small x may overflow to inf.
  """
  x = np.asarray(x, np.float64)
  g = np.ones((terms, *x.shape), np.complex128)
  if terms > 1:
    g[1] = 1.0 + 1j / x
  with np.errstate(over="ignore", invalid="ignore"):
    # h_{n+1} = (2n+1)/x h_n - h_{n-1}, the phase (-i)^(n+1) taken out; upward
    # recurrence is stable for h.
    for n in range(1, terms - 1):
      g[n + 1] = g[n - 1] + 1j * (2 * n + 1) / x * g[n]
  return g


def legendre(cos_theta: np.ndarray, terms: int) -> np.ndarray:
  """Legendre polynomials P_n(cos_theta), float64 [terms, ...]."""
  c = np.asarray(cos_theta, np.float64)
  p = np.ones((terms, *c.shape))
  if terms > 1:
    p[1] = c
  for n in range(1, terms - 1):
    p[n + 1] = ((2 * n + 1) * c * p[n] - n * p[n - 1]) / (n + 1)
  return p


def lobe_orders(ka: np.ndarray, terms: int) -> np.ndarray:
  """Share of each partial wave that casts the shadow, float64 [terms, f].

  With S_n the phase factor of partial wave n, the scattered wave is the sum
  of (S_n - 1): the "-1" of the waves that hit the sphere (n + 1/2 < ka)
  cancels the direct sound behind it, S_n is what is reflected. The edge is as
  wide as the penumbra, ka^(1/3), so that the cut rings little in angle, and
  lies half that below ka, where a hard sphere's shadow ends: then what is left
  removes no power from the direct sound (|Im f(0)| < 0.22 a for all ka).
  Nothing is taken below ka of about 1, where a sphere casts no shadow.
  """
  rim = ka - 0.5 * np.cbrt(ka)
  n = np.arange(terms)[:, None] + 0.5
  width = 0.8 * np.cbrt(np.maximum(ka, 1e-3))[None]
  # Its tail must fall faster than g_n^2 rises at a near source: Gaussian.
  edge = 0.5 * special.erfc((n - rim[None]) / width)
  onset = ka**4 / (1.0 + ka**4)
  return edge * onset[None]


def partial_waves(ka: np.ndarray, *, forward_lobe: bool = True) -> np.ndarray:
  """Weights (2n+1) j_n'(ka)/h_n'(ka) of the series, complex128 [terms, f].

  Args:
    ka: wavenumber times radius, positive, [f].
    forward_lobe: False takes the shadow-forming part out (`lobe_orders`).

  Returns:
    One row per order, zero where an order is not needed.
  """
  ka = np.asarray(ka, np.float64)
  terms = int(num_terms(ka).max())
  ratio = _bessel_ratio(ka, terms)
  if not forward_lobe:
    # ratio = (1 - S_n)/2; take the 1 away and keep -S_n/2.
    ratio = ratio - 0.5 * lobe_orders(ka, terms)
    ratio = np.where(np.arange(terms)[:, None] < num_terms(ka), ratio, 0.0)
  return (2 * np.arange(terms)[:, None] + 1) * ratio
