"""A person of a single sphere, for tests with closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.simulate.pulse_echo.pairs import Pairs

# 343 m/s by `air.sound_speed_m_s`.
TEMPERATURE_C = ((343 / 331.3) ** 2 - 1) * 273.15


class _OneSphere:
  def __init__(self, radius_m: float):
    self.radii_m = np.array([radius_m])
    self.radius_class = np.array([0])
    self.class_radii_m = (radius_m,)

  def sphere_centres(self, positions_m):
    """Centres [1, 3]."""
    return positions_m


def one_sphere(radius_m: float) -> Any:
  """Stands in for `body.BodyModel`; the only joint is the centre."""
  return _OneSphere(radius_m)


def facing(positions_m, target_m) -> Pairs:
  """Pairs that look at a point."""
  positions = np.asarray(positions_m, np.float64)
  return Pairs(positions, np.asarray(target_m, np.float64) - positions)
