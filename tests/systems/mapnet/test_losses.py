"""Losses against closed forms."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from bgm2pose_jax.systems.mapnet import losses
from bgm2pose_jax.systems.mapnet.config import LossConfig


def _poses(seed=0):
  return np.random.default_rng(seed).normal(size=(2, 6, 13, 3))


def test_mpjpe_is_the_mean_distance_in_metres():
  target = _poses()
  out = target + np.array([0.03, 0.0, 0.04])
  (found,) = losses.terms(LossConfig(), out, target).values()
  assert found == pytest.approx(0.05, rel=1e-5)


def test_its_gradient_is_finite_where_nothing_differs():
  target = _poses().astype(np.float32)
  config = LossConfig(kind="mpjpe_dyn")
  grad = jax.grad(lambda x: sum(losses.terms(config, x, target).values()))
  assert np.isfinite(grad(target)).all()


def test_dynamics_cost_nothing_where_motion_is_alike_and_two_where_opposite():
  target = _poses()
  config = LossConfig(kind="mpjpe_dyn", dynamics=3.0)
  # Standing elsewhere is no other motion.
  alike = losses.terms(config, target + 0.2, target)
  assert alike["velocity"] == pytest.approx(0, abs=1e-4)
  assert alike["acceleration"] == pytest.approx(0, abs=1e-4)
  opposite = losses.terms(config, -target, target)
  still = losses.terms(config, np.zeros_like(target), target)
  for name in ("velocity", "acceleration"):
    # 1 - cos of opposite ways is 2, of none at all 1.
    assert opposite[name] == pytest.approx(3 * 2, rel=1e-4)
    assert still[name] == pytest.approx(3 * 1, rel=1e-4)
