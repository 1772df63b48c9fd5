"""Bodies against the tables that they are drawn from."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.simulate.performers import bodies


def _drawn(count=300):
  return [bodies.draw_body(np.random.default_rng(i)) for i in range(count)]


def test_drawn_lengths_lie_in_the_tables_range_and_fill_it():
  drawn = _drawn()
  for sex, (low_m, median_m, high_m) in bodies.STATURE_M.items():
    statures = [body.stature_m for body in drawn if body.sex == sex]
    assert low_m <= min(statures) < low_m + 0.03
    assert high_m - 0.03 < max(statures) <= high_m
    assert abs(np.median(statures) - median_m) < 0.02
  for name in bodies.SPREAD:
    low_m, high_m = bodies.length_range_m(name)
    lengths = [getattr(body.dimensions, name) for body in drawn]
    assert low_m <= min(lengths)
    assert max(lengths) <= high_m
    assert max(lengths) - min(lengths) > 0.5 * (high_m - low_m)


def test_limbs_are_winters_shares_of_a_typical_stature():
  body = bodies.typical(1.80)
  assert body.upper_arm_m == 0.186 * 1.80
  assert body.forearm_m == 0.146 * 1.80
  assert body.thigh_m == 0.245 * 1.80
  assert body.shin_m == 0.246 * 1.80


def test_long_legs_go_with_a_short_trunk():
  for body in _drawn(20):
    usual, own = bodies.typical(body.stature_m), body.dimensions
    np.testing.assert_allclose(
      own.leg_m + own.spine_m + own.chest_m,
      usual.leg_m + usual.spine_m + usual.chest_m,
    )
    assert own.hips_to_spine_m == usual.hips_to_spine_m
