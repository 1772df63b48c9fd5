"""Baselines that stand beside every model: the mean pose and ridge regression.

Ridge predicts the 63 numbers of one frame from frames t-2 .. t+2 of the
conditioned channels (neighbouring bands pooled in pairs), each band and channel
standardised over the training rows. Its regularisation is chosen by leaving
one training subject out at a time, so the test subject plays no part in it.

The sums behind the fit, and why they are cheap, are in `normal_equations.py`.
Cost for 36,000 frames x 3,520 features and 6 training subjects: 0.2 TFLOP in
float32 for the sums, 0.9 TFLOP in float64 for the 55 Cholesky solves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.data.table import context as frames_around
from bgm2pose_jax.errors import InputError
from bgm2pose_jax.features import conditioning
from bgm2pose_jax.normal_equations import LaggedSums, fit_leaving_out

# Relative to the mean eigenvalue of the Gram matrix, so that the grid means
# the same for any number of rows and features.
ALPHAS = (1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 1.0, 10.0, 1e3)
_BLOCK_ROWS = 4096  # rows multiplied in float32 before adding in float64
_CHUNK_WINDOWS = 256


def mean_pose(pose: np.ndarray, rows: np.ndarray) -> np.ndarray:
  """Mean pose over training windows: what knowing nothing else predicts.

  Args:
    pose: [n, frame, joint, 3] normalised poses.
    rows: int [m] training rows.

  Returns:
    float32 [joint, 3].
  """
  total = np.zeros(pose.shape[2:], np.float64)
  for start in range(0, len(rows), _CHUNK_WINDOWS):
    chunk = pose[rows[start : start + _CHUNK_WINDOWS]]
    total += chunk.sum(axis=(0, 1), dtype=np.float64)
  return (total / (len(rows) * pose.shape[1])).astype(np.float32)


def repeat_pose(pose: np.ndarray, count: int, frames: int = 12) -> np.ndarray:
  """The constant prediction [count, frames, joint, 3] of one [joint, 3]."""
  return np.broadcast_to(pose, (count, frames, *pose.shape)).copy()


@dataclasses.dataclass(frozen=True)
class Prediction:
  """What one baseline predicts for the test windows.

  Attributes:
    pose: float32 [n, frame, joint, 3].
    facts: JSON-ready entries for results.json, such as ridge's alpha.
  """

  pose: np.ndarray
  facts: Mapping[str, Any]


def all_baselines(
  table: WindowTable, train: np.ndarray, test: np.ndarray, *, pool: int = 2
) -> dict[str, Prediction]:
  """Fits every baseline on training rows and predicts the test rows.

  Args:
    table: the windows.
    train: int [m] training rows.
    test: int [n] test rows.
    pool: neighbouring bands averaged into one, see `fit_ridge`.

  Returns:
    'mean_pose', 'ridge' (difference channels) and 'music_only' (ridge on the
    music channels: what the music alone tells about the pose).
  """
  constant = mean_pose(table.pose, train)
  frames = table.pose.shape[1]
  out = {"mean_pose": Prediction(repeat_pose(constant, len(test), frames), {})}
  for name, channels in (("ridge", "difference"), ("music_only", "music")):
    ridge = fit_ridge(table, train, channels=channels, pool=pool)
    facts = {
      "alpha": ridge.alpha,
      "alpha_scores": [list(pair) for pair in ridge.scores],
      "context_frames": ridge.context,
      "features": int(np.prod(ridge.weight.shape[:2])),
      "left_out_groups": ridge.folds,
    }
    out[name] = Prediction(ridge.predict(table, test), facts)
  return out


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

  def predict(self, table: WindowTable, rows: np.ndarray) -> np.ndarray:
    """Predicts normalised poses, float32 [m, frame, joint, 3], for `rows`."""
    out = []
    for start in range(0, len(rows), _CHUNK_WINDOWS):
      chunk = rows[start : start + _CHUNK_WINDOWS]
      x = _frame_features(table, chunk, self.channels, self.context, self.pool)
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
  table: WindowTable,
  rows: np.ndarray,
  *,
  channels: str = "difference",
  context: int = 2,
  pool: int = 2,
  alphas: Sequence[float] = ALPHAS,
  blocks: int = 4,
) -> Ridge:
  """Fits ridge regression; picks alpha on left-out training subjects.

  Scaling uses all training rows; the centre is that of each fold's own rows.
  With one subject only, `blocks` contiguous stretches take the subjects' place.

  Args:
    table: a `data.table.WindowTable`.
    rows: int [m] training rows (windows with a pose).
    channels: 'difference' (recording minus music, and intensity) or 'music'
      (the two music channels alone).
    context: frames on either side of the predicted frame.
    pool: neighbouring bands averaged into one (1 keeps all).
    alphas: grid, relative to the mean eigenvalue of the Gram matrix.
    blocks: number of stretches when there is one subject.

  Returns:
    The fitted `Ridge`.

  Raises:
    InputError: no rows, or features or poses that are not finite.
  """
  rows = np.unique(np.asarray(rows))
  if not len(rows):
    raise InputError("ridge baseline", "no training rows", "add recordings")
  joints = table.pose.shape[2]
  groups = _groups(np.asarray(table.subject)[rows], blocks)
  y_mean = mean_pose(table.pose, rows).reshape(-1).astype(np.float64)
  buffers = [
    _sequence_buffer(table, rows[g], channels, context, pool) for g in groups
  ]
  mean, scale = _standardiser(buffers)
  sums = []
  for group, buffer in zip(groups, buffers, strict=True):
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
  )


def _groups(subject: np.ndarray, blocks: int) -> list[np.ndarray]:
  """Positions of each left-out group: subjects, else stretches of time."""
  names = np.unique(subject)
  if len(names) > 1:
    return [np.flatnonzero(subject == name) for name in names]
  parts = np.array_split(np.arange(len(subject)), blocks)
  return [part for part in parts if len(part)]


def _frame_features(
  table: WindowTable, rows: np.ndarray, channels: str, context: int, pool: int
) -> np.ndarray:
  """Returns float32 [m, frame + 2 context, band/pool * channel]."""
  x = frames_around(table, rows, context, context)
  if x.shape[2] % pool:
    raise ValueError(f"pool={pool} does not divide {x.shape[2]} bands")
  # Averaging bands commutes with the differences; doing it first is cheaper.
  pooled = x[:, :, ::pool]
  for k in range(1, pool):
    pooled = pooled + x[:, :, k::pool]
  pooled = pooled / np.float32(pool)
  if channels == "difference":
    audio, _ = conditioning.conditioned(pooled, table.spec)
    pooled = np.asarray(audio, np.float32)
  elif channels == "music":
    pooled = pooled[..., np.asarray(table.spec.indices("music"))]
  else:
    raise ValueError(f"channels={channels!r}: 'difference' or 'music'")
  return pooled.reshape(*pooled.shape[:2], -1)


@dataclasses.dataclass
class _Buffer:
  """Runs of frames laid end to end with zero rows between them.

  z: float32 [row, feature]; used: bool [row] (False = zero row);
  centre: int [target frame] row of each predicted frame; start, stop: int
  [run] first row of each run and one past its last.
  """

  z: np.ndarray
  used: np.ndarray
  centre: np.ndarray
  start: np.ndarray
  stop: np.ndarray


def _sequence_buffer(
  table: WindowTable, rows: np.ndarray, channels: str, context: int, pool: int
) -> _Buffer:
  """Lays each unbroken run of windows, with its context, end to end.

  The 2 * context zero rows after a run make the lagged products of the whole
  buffer the sum of those of its runs.
  """
  pieces: list[np.ndarray] = []
  used: list[np.ndarray] = []
  centre: list[np.ndarray] = []
  start: list[int] = []
  stop: list[int] = []
  at = 0

  def close_run(tail: np.ndarray) -> None:
    nonlocal at
    pieces.extend([tail, np.zeros((2 * context, tail.shape[1]), np.float32)])
    used.extend([np.ones(len(tail), bool), np.zeros(2 * context, bool)])
    at += len(tail)
    stop.append(at)
    at += 2 * context

  tail: np.ndarray | None = None
  previous: tuple[int, np.ndarray] | None = None
  for begin in range(0, len(rows), _CHUNK_WINDOWS):
    chunk = rows[begin : begin + _CHUNK_WINDOWS]
    x = _frame_features(table, chunk, channels, context, pool)
    frames = x.shape[1] - 2 * context
    for row, window in zip(chunk, x, strict=True):
      body = window[context : context + frames]
      # A run goes on only where the neighbours really are each other's
      # context; a set of single windows repeats its edges instead.
      joined = (
        previous is not None
        and row == previous[0] + 1
        and table.recording[row] == table.recording[row - 1]
        and np.array_equal(previous[1][context + frames :], body[:context])
        and np.array_equal(window[:context], previous[1][frames:][:context])
      )
      if not joined:
        if tail is not None:
          close_run(tail)
        start.append(at)
        pieces.append(window[:context])
        used.append(np.ones(context, bool))
        at += context
      pieces.append(body)
      used.append(np.ones(frames, bool))
      centre.append(np.arange(at, at + frames))
      at += frames
      tail = window[context + frames :]
      previous = (int(row), window)
  if tail is not None:
    close_run(tail)
  return _Buffer(
    z=np.concatenate(pieces),
    used=np.concatenate(used),
    centre=np.concatenate(centre),
    start=np.asarray(start),
    stop=np.asarray(stop),
  )


def _standardiser(buffers: list[_Buffer]) -> tuple[np.ndarray, np.ndarray]:
  """Mean and reciprocal deviation [feature] over all training frames."""
  count = sum(len(b.centre) for b in buffers)
  width = buffers[0].z.shape[1]
  mean = np.zeros(width)
  for buffer in buffers:
    mean += buffer.z[buffer.centre].sum(axis=0, dtype=np.float64)
  mean /= count
  var = np.zeros(width)
  for buffer in buffers:
    for at in range(0, len(buffer.centre), _BLOCK_ROWS):
      x = buffer.z[buffer.centre[at : at + _BLOCK_ROWS]] - mean
      var += np.einsum("ij,ij->j", x, x)
  deviation = np.sqrt(var / count)
  # A band that never changes (an upper band of lossy music) carries nothing.
  scale = np.where(deviation > 1e-6, 1.0 / np.maximum(deviation, 1e-6), 0.0)
  return mean.astype(np.float32), scale.astype(np.float32)
