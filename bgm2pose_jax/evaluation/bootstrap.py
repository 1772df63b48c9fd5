"""Bootstrap intervals over stretches of a recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.evaluation.metrics import Metrics
from bgm2pose_jax.poses import skeleton

_BLOCK_WINDOWS = 50  # 30 s, longer than one action
_STREAM = 0x626F6F74  # second Philox key word, so that no other draw shares it


def bootstrap_interval(
  pred: np.ndarray,
  target: np.ndarray,
  mean_pose: np.ndarray | None,
  recording: np.ndarray,
  window_index: np.ndarray,
  *,
  seed: int,
  resamples: int = 1000,
) -> dict[str, Any]:
  """95 % intervals of the model's figures over blocks of windows.

  Windows of one stretch resemble each other, so whole blocks of 30 s within
  one recording are drawn, not windows. The mean pose is drawn alike, which
  makes the interval of the improvement a paired one.

  Args:
    pred: [n, 12, 21, 3].
    target: [n, 12, 21, 3].
    mean_pose: [n, 12, 21, 3] prediction of the mean pose, or None.
    recording: [n] name of each window's recording.
    window_index: int [n].
    seed: seed of the draws.
    resamples: number of draws.

  Returns:
    {"rmse": [low, high], "mae": ..., "pckh50": ..., "blocks": count,
    "improvement_pct": {"rmse": ..., "mae": ...}}; None in place of an interval
    when there is only one block.
  """
  block, count = _blocks(recording, window_index)
  columns = [
    window_sums(prediction, target)
    for prediction in (pred, mean_pose)
    if prediction is not None
  ]
  # [resample, prediction, (square, absolute, correct, coordinates)]
  total = _redrawn(
    np.stack(columns, axis=1), block, count, _generator(seed), resamples
  )
  rmse = np.sqrt(total[..., 0] / total[..., 3])
  mae = total[..., 1] / total[..., 3]
  pckh50 = 3 * total[:, 0, 2] / total[:, 0, 3]

  def interval(values: np.ndarray) -> list[float] | None:
    return _percentiles(values) if count > 1 else None

  out: dict[str, Any] = {
    "rmse": interval(rmse[:, 0]),
    "mae": interval(mae[:, 0]),
    "pckh50": interval(pckh50),
    "blocks": count,
    "resamples": resamples,
  }
  if mean_pose is not None and (mae[:, 1] > 0).all():
    out["improvement_pct"] = {
      "rmse": interval(100 * (1 - rmse[:, 0] / rmse[:, 1])),
      "mae": interval(100 * (1 - mae[:, 0] / mae[:, 1])),
    }
  return out


@dataclasses.dataclass(frozen=True)
class PairedWindows:
  """Two models on the same windows, trained with the same seeds.

  Attributes:
    reference: [seed, n, 4] from `window_sums`.
    other: [seed, n, 4] of the model compared with it.
    recording: [n] name of each window's recording.
    window_index: int [n].
    weight: share of these windows' figures in the whole.
  """

  reference: np.ndarray
  other: np.ndarray
  recording: np.ndarray
  window_index: np.ndarray
  weight: float


def paired_differences(
  metrics: Metrics,
  parts: Sequence[PairedWindows],
  *,
  seed: int,
  resamples: int = 1000,
) -> dict[str, Any]:
  """Differences of two models' RMSE and MAE, with 95 % intervals.

  The difference is taken per part (a fold, say) and seed, averaged over seeds
  and then over parts by weight, as tables of folds and seeds do. A resample
  draws blocks within each part, the same ones for both models and all seeds,
  so that what makes a stretch of a recording hard or easy cancels.

  Args:
    parts: the windows; recordings of different parts are never mixed.
    seed: seed of the draws.
    resamples: number of draws.

  Returns:
    {"rmse": {"difference": other - reference, "interval": [low, high]}, "mae":
    ..., "blocks": count}; None in place of an interval when a part has only
    one block.
  """
  rng = _generator(seed)
  n = len(metrics.figures)
  whole, drawn = np.zeros(n), np.zeros((resamples, n))
  counts = []
  for part in parts:
    block, count = _blocks(part.recording, part.window_index)
    # [n, model, seed, 4]
    sums = np.stack([part.reference, part.other]).transpose(2, 0, 1, 3)
    whole += part.weight * _seed_means(metrics, sums.sum(axis=0))
    total = _redrawn(sums, block, count, rng, resamples)
    drawn += part.weight * _seed_means(metrics, total)
    counts.append(count)
  out: dict[str, Any] = {"blocks": sum(counts)}
  for column, figure in enumerate(metrics.figures):
    out[figure.key] = {
      "difference": float(whole[column]),
      "interval": _percentiles(drawn[:, column]) if min(counts) > 1 else None,
    }
  return out


def _seed_means(metrics: Metrics, sums: np.ndarray) -> np.ndarray:
  """[..., model, seed, m] sums -> [..., figure] other - reference."""
  figures = metrics.headline(sums)
  return (figures[..., 1, :, :] - figures[..., 0, :, :]).mean(axis=-2)


def _blocks(
  recording: np.ndarray, window_index: np.ndarray
) -> tuple[np.ndarray, int]:
  """Block number of each window, int [n], and how many blocks there are."""
  order = np.lexsort((window_index, recording))
  block = np.zeros(len(recording), np.int64)
  count = 0
  for name in sorted(set(recording.tolist())):
    rows = order[recording[order] == name]
    parts = max(1, round(len(rows) / _BLOCK_WINDOWS))
    for part in np.array_split(rows, parts):
      block[part] = count
      count += 1
  return block, count


def _generator(seed: int) -> np.random.Generator:
  return np.random.Generator(np.random.Philox(key=[seed, _STREAM]))


def _redrawn(
  columns: np.ndarray,
  block: np.ndarray,
  count: int,
  rng: np.random.Generator,
  resamples: int,
) -> np.ndarray:
  """Sums over blocks drawn with replacement: [n, ...] -> [resamples, ...]."""
  sums = np.zeros((count, *columns.shape[1:]))
  np.add.at(sums, block, columns)
  draws = rng.integers(0, count, size=(resamples, count))
  return sums[draws].sum(axis=1)


def _percentiles(values: np.ndarray) -> list[float]:
  return [float(v) for v in np.percentile(values, [2.5, 97.5])]


def window_sums(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
  """What the figures of any set of windows are made of.

  Args:
    pred: [n, 12, 21, 3].
    target: [n, 12, 21, 3].

  Returns:
    float64 [n, 4]: squared and absolute error, joints within PCKh@0.5, and
    the number of coordinates.
  """
  error = pred.astype(np.float64) - target
  neck, head = skeleton.joint_index("Neck"), skeleton.joint_index("Head")
  span = np.linalg.norm(target[:, :, neck] - target[:, :, head], axis=-1)
  correct = np.linalg.norm(error, axis=-1) < 0.5 * span[..., None]
  axes = (1, 2, 3)
  return np.stack(
    [
      np.square(error).sum(axes),
      np.abs(error).sum(axes),
      correct.sum((1, 2)),
      np.full(len(error), error[0].size if len(error) else 0),
    ],
    axis=1,
  )
