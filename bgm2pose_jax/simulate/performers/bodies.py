"""Bodies of adults, drawn from anthropometric tables.

Statures, and how much limbs vary beside them, are those of R. L. Huston,
Principles of Biomechanics, CRC Press 2009 (standing and sitting dimensions,
5th, 50th and 95th percentile). Limbs as shares of stature are those of Drillis
and Contini, in D. A. Winter, Biomechanics and Motor Control of Human Movement,
4th ed. 2009, fig. 4.1. What these do not give between joint centres (trunk,
neck, shoulder and hip joints, feet) is that of `kinematics.BodyDimensions`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.simulate.kinematics import BodyDimensions

# Deviations from the median to the 5th or 95th percentile of a normal variable.
PERCENTILE_95 = 1.645
# Sex -> stature in metres: 5th, 50th and 95th percentile (Huston 2009).
STATURE_M: dict[str, tuple[float, float, float]] = {
  "male": (1.649, 1.759, 1.869),
  "female": (1.518, 1.618, 1.724),
}
# Share of stature between the joints (Winter 2009, fig. 4.1).
SHARE: dict[str, float] = {
  "upper_arm_m": 0.186,
  "forearm_m": 0.146,
  "thigh_m": 0.245,
  "shin_m": 0.246,
}
# Deviation of a length from its share of the stature, relative to it. Huston's
# arms vary by 4.7 %, legs by 5.1 % and statures by 3.8 %; were limbs in
# proportion they would vary as statures do. The rest is the root of the
# difference of the squares. Widths: the same as legs.
SPREAD: dict[str, float] = {
  "upper_arm_m": 0.028,
  "forearm_m": 0.028,
  "thigh_m": 0.034,
  "shin_m": 0.034,
  "collar_m": 0.034,
  "hip_m": 0.034,
}
# Stature of the default `BodyDimensions`, metres.
_DEFAULT_STATURE_M = 1.70


@dataclasses.dataclass(frozen=True)
class Body:
  """One person's build.

  Attributes:
    sex: a key of `STATURE_M`.
    stature_m: height of the person, metres.
    dimensions: lengths of the bones, metres.
  """

  sex: str
  stature_m: float
  dimensions: BodyDimensions


def draw_body(rng: np.random.Generator) -> Body:
  """Draws an adult between the 5th and the 95th percentile.

  Args:
    rng: decides sex, stature, limbs and widths.

  Returns:
    A body of which every drawn length lies within `length_range_m`. Long legs
    go with a short trunk, so that the stature stays the drawn one.
  """
  sex = sorted(STATURE_M)[int(rng.integers(len(STATURE_M)))]
  low_m, median_m, high_m = STATURE_M[sex]
  deviation = _deviation(rng)
  side_m = high_m - median_m if deviation > 0 else median_m - low_m
  stature_m = median_m + side_m * deviation / PERCENTILE_95
  usual = typical(stature_m)
  lengths = {
    name: getattr(usual, name) * (1 + spread * _deviation(rng))
    for name, spread in SPREAD.items()
  }
  drawn = dataclasses.replace(usual, **lengths)
  trunk_m = usual.spine_m + usual.chest_m
  shorter = 1 - (drawn.leg_m - usual.leg_m) / trunk_m
  return Body(
    sex,
    stature_m,
    dataclasses.replace(
      drawn,
      spine_m=usual.spine_m * shorter,
      chest_m=usual.chest_m * shorter,
    ),
  )


def typical(stature_m: float) -> BodyDimensions:
  """Returns the dimensions in proportion to a stature in metres."""
  scaled = BodyDimensions().scaled(stature_m / _DEFAULT_STATURE_M)
  return dataclasses.replace(
    scaled, **{name: share * stature_m for name, share in SHARE.items()}
  )


def length_range_m(name: str) -> tuple[float, float]:
  """The shortest and the longest that a drawn length can be, metres.

  Args:
    name: a key of `SPREAD`.
  """
  statures_m = [m for row in STATURE_M.values() for m in row]
  spread = SPREAD[name] * PERCENTILE_95
  return (
    getattr(typical(min(statures_m)), name) * (1 - spread),
    getattr(typical(max(statures_m)), name) * (1 + spread),
  )


def _deviation(rng: np.random.Generator) -> float:
  """A normal variable drawn between its 5th and its 95th percentile."""
  while True:
    value = float(rng.standard_normal())
    if abs(value) <= PERCENTILE_95:
      return value
