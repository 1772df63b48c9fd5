"""Equations of features that hardly change are solved all the same."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from bgm2pose_jax.systems.bgm2pose.normal_equations import Centred


def _equations(below_zero):
  """Gram matrix whose least eigenvalue is below zero, as rounding leaves it."""
  rng = np.random.default_rng(0)
  vectors, _ = np.linalg.qr(rng.normal(size=(6, 6)))
  values = np.array([-below_zero, 0.0, 1e-9, 2.0, 3.0, 5.0])
  gram = (vectors * values) @ vectors.T
  xy = rng.normal(size=(6, 2))
  return Centred(
    gram=(gram + gram.T) / 2,
    xy=xy,
    x_mean=np.zeros(6),
    y_mean=np.zeros(2),
    level=float(np.trace(gram)) / 6,
  )


def test_eigenvalues_below_zero_count_as_zero():
  alpha = 1e-6
  fit = _equations(below_zero=1e-4)
  with pytest.raises(scipy.linalg.LinAlgError):
    np.linalg.cholesky(fit.gram + alpha * fit.level * np.eye(6))
  rounded = _equations(below_zero=0.0)
  matrix = rounded.gram + alpha * fit.level * np.eye(6)
  wanted = np.linalg.solve(matrix, fit.xy)
  np.testing.assert_allclose(fit.solve(alpha), wanted, rtol=1e-6)


def test_both_ways_agree_where_both_can_be_taken():
  fit = _equations(below_zero=0.0)
  np.testing.assert_allclose(fit.solve(0.1), fit._solve_rounded(0.1), rtol=1e-9)
