"""How likely directions are those of two loudspeakers, by where they stand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# What is not at all to the side of the other counts as so many degrees.
_ASIDE_DEG = 20.0
# Loudspeakers side by side differ along the horizon.
_LEAST_HORIZONTAL = 0.7
_LEAST_APART = 0.05

AXES = "XYZ"


def frames(left: str) -> tuple[int, ...]:
  """Axes that may point up: of an upright microphone Z, unless it lies.

  Args:
    left: axis of the microphone that points left, such as `+Y`.
  """
  return {"Y": (2,), "X": (1, 2), "Z": (0, 1)}[left[1]]


def up_deg(units: Sequence[np.ndarray], up: int) -> float:
  """How far up or down the one stands that is furthest from the horizon.

  Args:
    units: [3] X, Y, Z of each loudspeaker's direction, of length one.
    up: number of the axis that points up.
  """
  return max(
    math.degrees(math.asin(min(abs(float(unit[up])), 1.0))) for unit in units
  )


def aside(units: Sequence[np.ndarray], left: str) -> float | None:
  """Share of the way from right to left that points left; None for no way.

  Args:
    units: directions, see `up_deg`, the left loudspeaker's first.
    left: see `frames`.
  """
  if len(units) < 2:
    return None
  way = units[0] - units[1]
  apart = float(np.linalg.norm(way))
  if apart < _LEAST_APART:
    return None
  sign = 1 if left[0] == "+" else -1
  return sign * float(way[AXES.index(left[1])]) / apart


def unlikely_deg(
  units: Sequence[np.ndarray], left: str, up: int, is_other: bool
) -> float:
  """How unlikely loudspeakers stand so: degrees up and down, and aside.

  Args:
    units, left, up: see `aside` and `up_deg`.
    is_other: of another order than what was read; loudspeakers one above the
      other are then out of the question.
  """
  share = aside(units, left)
  if share is None:
    return up_deg(units, up)
  way = units[0] - units[1]
  way = way / np.linalg.norm(way)
  if is_other and math.sqrt(max(1 - way[up] ** 2, 0)) < _LEAST_HORIZONTAL:
    return math.inf
  # Cables may be swapped; of two orders the one without is likelier.
  swapped = 2.0 if share < 0 else 0.0
  return up_deg(units, up) + _ASIDE_DEG * (1 - abs(share)) + swapped


def stand(units: Sequence[np.ndarray], up: int) -> str:
  """Where the loudspeakers seem to stand, in words.

  Args:
    units, up: see `up_deg`.
  """
  degrees = [math.degrees(math.asin(np.clip(u[up], -1, 1))) for u in units]
  places = [
    f"{abs(d):.0f} degrees {'up' if d >= 0 else 'down'}" for d in degrees
  ]
  if len(places) == 1:
    return f"the sound comes from {places[0]}"
  if places[0] == places[1]:
    return f"both loudspeakers stand {places[0]}"
  return f"the left loudspeaker stands {places[0]}, the right one {places[1]}"
