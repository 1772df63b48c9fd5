from __future__ import annotations

import numpy as np

from bgm2pose_jax.systems.bgm2pose.align.line import fit_line


def test_a_third_of_wrong_points_does_not_bend_the_line():
  rng = np.random.default_rng(0)
  x = np.linspace(0, 60, 60)
  y = 1.0 + 2e-3 * x + rng.normal(0, 1e-2, 60)
  wrong = rng.permutation(60)[:20]
  y[wrong] += rng.uniform(0.5, 3, 20)
  line = fit_line(x, y, np.ones(60))
  assert not line.kept[wrong].any()
  assert line.kept.sum() >= 36
  assert abs(line.slope - 2e-3) < 4 * line.slope_se
  assert abs(line.at(0.0) - 1.0) < 0.02


def test_standard_errors_are_those_of_repeated_draws():
  rng = np.random.default_rng(1)
  x = np.linspace(0, 60, 80)
  lines = [fit_line(x, rng.normal(0, 1, 80), np.ones(80)) for _ in range(200)]
  spread = np.std([line.slope for line in lines])
  told = np.mean([line.slope_se for line in lines])
  assert 0.8 < told / spread < 1.25
