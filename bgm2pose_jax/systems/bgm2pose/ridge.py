"""Ridge regression from a few frames of the features to one pose.

It predicts the 63 numbers of one frame from frames t-2 .. t+2 of the
conditioned channels (neighbouring bands pooled in pairs), each band and channel
standardised over the training rows. Its regularisation is chosen by leaving
one training subject out at a time, so the test subject plays no part in it.

The sums behind the fit, and why they are cheap, are in `normal_equations.py`.
Cost for 36,000 frames x 3,520 features and 6 training subjects: 0.2 TFLOP in
float32 for the sums, 0.9 TFLOP in float64 for the 55 Cholesky solves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.normal_equations import (
  LaggedSums,
  fit_leaving_out,
)
from bgm2pose_jax.systems.bgm2pose.ridge_inputs import (
  CHUNK_WINDOWS,
  frame_features,
  least_deviations,
  own_standardiser,
  sequence_buffer,
  standardiser,
)
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

# Relative to the mean eigenvalue of the Gram matrix, so that the grid means
# the same for any number of rows and features.
ALPHAS = (1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0, 10.0, 1e3)


@dataclasses.dataclass(frozen=True)
class Ridge:
  """A fitted ridge regression from a few feature frames to one pose.

  Attributes:
    channels: 'difference' or 'music', the channels it reads.
    context: frames read on either side of the predicted one.
    pool: neighbouring bands averaged into one.
    alpha: regularisation chosen, relative to the mean Gram eigenvalue.
    scores: (alpha, mean squared error on left-out groups) for the grid.
    folds: number of left-out groups behind the scores.
    mean: float32 [feature] per band and channel.
    scale: float32 [feature] reciprocal deviation.
    weight: float32 [lag, feature, 63].
    bias: float32 [63].
    own: each recording's mean and reciprocal deviation, both float32
      [recording, feature], taken out first; None for none.
  """

  channels: str
  context: int
  pool: int
  alpha: float
  scores: tuple[tuple[float, float], ...]
  folds: int
  mean: np.ndarray
  scale: np.ndarray
  weight: np.ndarray
  bias: np.ndarray
  own: tuple[np.ndarray, np.ndarray] | None = None

  def predict(self, table: MusicWindows, rows: np.ndarray) -> np.ndarray:
    """Predicts normalised poses.

    Args:
      table: the one it was fitted on, where `own` is not None.
      rows: int [m] windows.

    Returns:
      float32 [m, frame, joint, 3].
    """
    out = []
    for start in range(0, len(rows), CHUNK_WINDOWS):
      chunk = rows[start : start + CHUNK_WINDOWS]
      x = frame_features(
        table, chunk, self.channels, self.context, self.pool, self.own
      )
      x = (x - self.mean) * self.scale
      frames = x.shape[1] - 2 * self.context
      y = np.broadcast_to(self.bias, (len(chunk), frames, len(self.bias)))
      for lag, weight in enumerate(self.weight):
        y = y + x[:, lag : lag + frames] @ weight
      out.append(y.reshape(len(chunk), frames, -1, 3))
    if not out:
      return np.zeros((0, *table.pose.shape[1:]), np.float32)
    return np.concatenate(out).astype(np.float32)


def fit_ridge(
  table: MusicWindows,
  rows: np.ndarray,
  *,
  channels: str = "difference",
  context: int = 2,
  pool: int = 2,
  alphas: Sequence[float] = ALPHAS,
  blocks: int = 4,
  per_recording: bool = False,
  groups: np.ndarray | None = None,
) -> Ridge:
  """Fits ridge regression; picks alpha on left-out training subjects.

  Scaling uses all training rows; the centre is that of each fold's own rows.
  With one group only, `blocks` contiguous stretches take the groups' place.

  Args:
    table: a `table.MusicWindows`.
    rows: int [m] training rows (windows with a pose).
    channels: 'difference' (recording minus music, and intensity) or 'music'
      (the two music channels alone).
    context: frames on either side of the predicted frame.
    pool: neighbouring bands averaged into one (1 keeps all).
    alphas: grid, relative to the mean eigenvalue of the Gram matrix.
    blocks: number of stretches when there is one subject.
    per_recording: standardise by each recording's own sound first, that of
      recordings outside `rows` too, as `feature_norm=per_recording` does.
    groups: int [n] of the table's windows; those of a group are left out
      together to pick alpha. None takes the subjects.

  Returns:
    The fitted `Ridge`.

  Raises:
    InputError: no rows, or features or poses that are not finite.
  """
  rows = np.unique(np.asarray(rows))
  if not len(rows):
    raise InputError("ridge baseline", "no training rows", "add recordings")
  joints = table.pose.shape[2]
  own = own_standardiser(table, channels, pool) if per_recording else None
  left_out = np.asarray(table.subject if groups is None else groups)[rows]
  parts = _groups(left_out, blocks)
  y_mean = table.pose[rows].mean((0, 1), dtype=np.float64).reshape(-1)
  buffers = [
    sequence_buffer(table, rows[g], channels, context, pool, own) for g in parts
  ]
  # By each recording's own deviation a feature that moves has about one.
  least = least_deviations(table, channels, pool) if own is None else 0.1
  mean, scale = standardiser(buffers, least)
  sums = []
  for group, buffer in zip(parts, buffers, strict=True):
    # Zero rows between runs must stay zero: see _sequence_buffer.
    buffer.z[buffer.used] -= mean
    buffer.z[buffer.used] *= scale
    y = table.pose[rows[group]].reshape(-1, joints * 3) - y_mean
    sums.append(
      LaggedSums.of(
        buffer.z,
        buffer.centre,
        buffer.start,
        buffer.stop,
        y.astype(np.float32),
        context,
      )
    )
  del buffers
  if not all(np.isfinite(s.yy) and np.isfinite(s.sx).all() for s in sums):
    raise InputError(
      "ridge baseline",
      "training features or poses are not finite",
      "prepare the data again",
    )
  centred, scores = fit_leaving_out(sums, alphas)
  best = min(scores, key=lambda pair: pair[1])[0] if scores else 1.0
  weight = centred.solve(best)
  bias = centred.y_mean + y_mean - centred.x_mean @ weight
  lags = 2 * context + 1
  return Ridge(
    channels=channels,
    context=context,
    pool=pool,
    alpha=float(best),
    scores=tuple(scores),
    folds=len(sums),
    mean=mean,
    scale=scale,
    weight=weight.reshape(lags, len(mean), -1).astype(np.float32),
    bias=bias.astype(np.float32),
    own=own,
  )


def _groups(subject: np.ndarray, blocks: int) -> list[np.ndarray]:
  """Positions of each left-out group: subjects, else stretches of time."""
  names = np.unique(subject)
  if len(names) > 1:
    return [np.flatnonzero(subject == name) for name in names]
  parts = np.array_split(np.arange(len(subject)), blocks)
  return [part for part in parts if len(part)]
