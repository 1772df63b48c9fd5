"""Robust straight lines: Tukey's biweight by reweighted least squares."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

# Residuals beyond this many standard deviations count for nothing; 4.685
# keeps 95 % of least squares' efficiency on normal errors.
_TUKEY = 4.685
_ROUNDS = 30


@dataclasses.dataclass(frozen=True)
class Line:
  """y = intercept + slope (x - centre).

  Attributes:
    centre: weighted mean of x; intercept and slope are uncorrelated there.
    intercept: y at the centre.
    slope: the slope of the line.
    intercept_se: standard error of the intercept, from the scatter.
    slope_se: the same of the slope.
    kept: bool [points], which points count.
  """

  centre: float
  intercept: float
  slope: float
  intercept_se: float
  slope_se: float
  kept: np.ndarray

  def at(self, x: Any) -> Any:
    """The line's value."""
    return self.intercept + self.slope * (x - self.centre)


def fit_line(
  x: np.ndarray,
  y: np.ndarray,
  deviation: np.ndarray,
  overlap: float = 1.0,
) -> Line:
  """Fits a line that single wrong points cannot bend.

  Args:
    x: [points], at least two different ones.
    y: [points].
    deviation: [points] standard deviations, right up to a common factor.
    overlap: how much points that share samples raise the variance.

  Returns:
    The line; errors are of the scatter found, not of the deviations given.
  """
  weight = 1 / np.square(deviation)
  robust = np.ones(len(x))
  # Medians of slopes first (Siegel): half of the points may be wrong.
  slope = _repeated_median(x, y)
  centre = float(np.average(x, weights=weight))
  intercept = float(np.median(y - slope * (x - centre)))
  scale = 1.0
  for _ in range(_ROUNDS):
    score = (y - intercept - slope * (x - centre)) / deviation
    scale = max(1.4826 * float(np.median(np.abs(score))), 1e-9)
    robust = np.square(
      np.clip(1 - np.square(score / (_TUKEY * scale)), 0, None)
    )
    total = weight * robust
    centre = float(np.average(x, weights=total))
    spread = float(np.sum(total * np.square(x - centre)))
    before = slope, intercept
    slope = float(np.sum(total * (x - centre) * y)) / max(spread, 1e-300)
    intercept = float(np.average(y, weights=total))
    if np.allclose(before, (slope, intercept), rtol=1e-12, atol=1e-15):
      break
  total = weight * robust
  miss = y - intercept - slope * (x - centre)
  spread = float(np.sum(total * np.square(x - centre)))
  freedom = max(float(robust.sum()) - 2, 1.0)
  variance = float(np.sum(total * np.square(miss))) / freedom * overlap
  return Line(
    centre,
    intercept,
    slope,
    float(np.sqrt(variance / total.sum())),
    float(np.sqrt(variance / max(spread, 1e-300))),
    robust > 0,
  )


def _repeated_median(x: np.ndarray, y: np.ndarray) -> float:
  slopes = []
  for i in range(len(x)):
    away = x - x[i]
    other = away != 0
    if other.any():
      slopes.append(float(np.median((y[other] - y[i]) / away[other])))
  return float(np.median(slopes)) if slopes else 0.0
