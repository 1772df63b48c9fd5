"""Normal equations of ridge regression on stacked neighbouring frames.

In an unbroken run of frames the Gram blocks of (lag i, lag j) and (lag i+1,
lag j+1) differ only by the few frames at the run's ends. So 2c+1 lagged
products of the single-frame features and small edge corrections give the exact
Gram matrix of 2c+1 stacked frames, with 2c+1 times fewer operations than
multiplying the stacked features. The sums add up over groups of rows, and the
error on a left-out group follows from them without another pass over the data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy.linalg

_BLOCK_ROWS = 4096  # rows multiplied in float32 before adding in float64


@dataclasses.dataclass
class LaggedSums:
  """Additive sums over one group's rows; d features, w = 2 context lags.

  n: rows; lagged: float64 [w + 1, d, d] sum of z[u]^T z[u + lag] over runs;
  head, tail: float32 [run, w, d] first and last w frames of each run; sx:
  [(w + 1) d]; xy: [(w + 1) d, 63]; sy: [63]; yy: sum of squares.
  """

  n: int
  lagged: np.ndarray
  head: np.ndarray
  tail: np.ndarray
  sx: np.ndarray
  xy: np.ndarray
  sy: np.ndarray
  yy: float

  @staticmethod
  def of(
    z: np.ndarray,
    centre: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    y: np.ndarray,
    context: int,
  ) -> LaggedSums:
    """Sums over runs laid end to end.

    Args:
      z: float32 [row, d] frames; at least 2 * context zero rows after a run.
      centre: int [n] the row of z whose target is y.
      start: int [run] first row of each run.
      stop: int [run] one past the last row of each run.
      y: float32 [n, 63] targets.
      context: frames stacked on either side.

    Returns:
      The sums; every run must hold context + its targets + context rows.
    """
    w = 2 * context
    d = z.shape[1]
    lagged = np.zeros((w + 1, d, d))
    for begin in range(0, len(z), _BLOCK_ROWS):
      for lag in range(w + 1):
        right = z[begin + lag : begin + lag + _BLOCK_ROWS]
        lagged[lag] += z[begin : begin + len(right)].T @ right
    steps = np.arange(w)
    sx = np.zeros((w + 1, d))
    xy = np.zeros((w + 1, d, y.shape[1]))
    for begin in range(0, len(y), _BLOCK_ROWS):
      target = y[begin : begin + _BLOCK_ROWS]
      rows = centre[begin : begin + _BLOCK_ROWS]
      for lag in range(w + 1):
        x = z[rows + lag - context]
        sx[lag] += x.sum(axis=0, dtype=np.float64)
        xy[lag] += x.T @ target
    return LaggedSums(
      n=len(y),
      lagged=lagged,
      head=z[start[:, None] + steps],
      tail=z[stop[:, None] - w + steps],
      sx=sx.reshape(-1),
      xy=xy.reshape((w + 1) * d, -1),
      sy=y.sum(axis=0, dtype=np.float64),
      yy=float(np.sum(np.square(y, dtype=np.float64))),
    )

  def gram(self) -> np.ndarray:
    """The Gram matrix float64 [(w + 1) d, (w + 1) d] of the stacked lags."""
    lags, d = self.lagged.shape[:2]
    w = lags - 1
    gram = np.empty((lags, d, lags, d))
    for lag in range(lags):
      for i in range(lags - lag):
        # Pairs (u, u + lag) with u < i, or u + lag past the last row of this
        # block, are inside the run but not in this block's sum.
        block = self.lagged[lag].copy()
        for a in range(i):
          block -= self.head[:, a].T @ self.head[:, a + lag]
        for a in range(i, w - lag):
          block -= self.tail[:, a].T @ self.tail[:, a + lag]
        gram[i, :, i + lag, :] = block
        gram[i + lag, :, i, :] = block.T
    return gram.reshape(lags * d, lags * d)


@dataclasses.dataclass
class Centred:
  """Normal equations of one set of rows about its own means.

  gram: float64 [feature, feature]; xy: [feature, 63]; x_mean: [feature];
  y_mean: [63]; level: mean eigenvalue of the Gram matrix.
  """

  gram: np.ndarray
  xy: np.ndarray
  x_mean: np.ndarray
  y_mean: np.ndarray
  level: float

  @staticmethod
  def of(
    n: int, gram: np.ndarray, sx: np.ndarray, xy: np.ndarray, sy: np.ndarray
  ) -> Centred:
    """Subtracts the means; takes `gram` over and changes it."""
    x_mean, y_mean = sx / n, sy / n
    gram -= np.outer(sx, x_mean)
    level = float(np.trace(gram)) / len(gram)
    return Centred(
      gram=gram,
      xy=xy - np.outer(sx, y_mean),
      x_mean=x_mean,
      y_mean=y_mean,
      # Features that never change: any positive number gives zero weights.
      level=level if level > 0 else 1.0,
    )

  def solve(self, alpha: float) -> np.ndarray:
    """Weights float64 [feature, 63] for one relative regularisation."""
    matrix = self.gram.copy()
    matrix.flat[:: len(matrix) + 1] += alpha * self.level
    # The transpose is Fortran-ordered, so LAPACK works in place; the matrix
    # is symmetric, so it is the same matrix.
    try:
      factor = scipy.linalg.cho_factor(
        matrix.T, overwrite_a=True, check_finite=False
      )
    except scipy.linalg.LinAlgError:
      return self._solve_rounded(alpha)
    return scipy.linalg.cho_solve(factor, self.xy, check_finite=False)

  def _solve_rounded(self, alpha: float) -> np.ndarray:
    """`solve` where rounding left the Gram matrix eigenvalues below zero.

    That happens when nearly all that was summed is taken out again: in the
    rows that stay, features hardly change.
    """
    values, vectors = scipy.linalg.eigh(self.gram, check_finite=False)
    inverse = 1 / (np.maximum(values, 0) + alpha * self.level)
    return vectors @ (inverse[:, None] * (vectors.T @ self.xy))


def fit_leaving_out(
  groups: list[LaggedSums], alphas: Sequence[float]
) -> tuple[Centred, list[tuple[float, float]]]:
  """Normal equations of all groups, and each alpha's left-out error.

  Args:
    groups: sums of each group; each is left out once when there are several.
    alphas: relative regularisations to try.

  Returns:
    The equations of all groups together, and (alpha, mean squared error over
    all left-out targets), empty when there is one group.
  """
  n = sum(g.n for g in groups)
  sx = np.sum([g.sx for g in groups], axis=0)
  xy = np.sum([g.xy for g in groups], axis=0)
  sy = np.sum([g.sy for g in groups], axis=0)
  total = groups[0].gram()
  for group in groups[1:]:
    total += group.gram()
  errors = np.zeros(len(alphas))
  for held in groups if len(groups) > 1 else ():
    held_gram = held.gram()
    fit = Centred.of(
      n - held.n, total - held_gram, sx - held.sx, xy - held.xy, sy - held.sy
    )
    # |y - y0 - (x - x0) w|^2 summed over the held-out rows, expanded, with
    # x0 and y0 the means of the rows that were fitted.
    y_sum = held.sy - held.n * fit.y_mean
    x_sum = held.sx - held.n * fit.x_mean
    cross = held.xy - np.outer(held.sx, fit.y_mean)
    cross -= np.outer(fit.x_mean, y_sum)
    square = held.yy - (held.sy + y_sum) @ fit.y_mean
    for k, alpha in enumerate(alphas):
      w = fit.solve(alpha)
      moved = fit.x_mean @ w
      bent = np.sum(w * (held_gram @ w))
      bent -= moved @ (x_sum @ w + held.sx @ w)
      errors[k] += square - 2 * np.sum(w * cross) + bent
  scores = []
  if len(groups) > 1:
    count = n * len(sy)
    scores = [(float(a), float(e / count)) for a, e in zip(alphas, errors)]
  return Centred.of(n, total, sx, xy, sy), scores
