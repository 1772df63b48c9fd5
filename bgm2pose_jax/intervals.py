"""Bootstrap intervals over stretches of a recording."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax import skeleton

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
  order = np.lexsort((window_index, recording))
  block = np.zeros(len(pred), np.int64)
  count = 0
  for name in sorted(set(recording.tolist())):
    rows = order[recording[order] == name]
    parts = max(1, round(len(rows) / _BLOCK_WINDOWS))
    for part in np.array_split(rows, parts):
      block[part] = count
      count += 1
  columns = [
    _window_sums(prediction, target)
    for prediction in (pred, mean_pose)
    if prediction is not None
  ]
  sums = np.zeros((count, len(columns), 4))
  np.add.at(sums, block, np.stack(columns, axis=1))
  rng = np.random.Generator(np.random.Philox(key=[seed, _STREAM]))
  draws = rng.integers(0, count, size=(resamples, count))
  # [resample, prediction, (square, absolute, correct, coordinates)]
  total = sums[draws].sum(axis=1)
  rmse = np.sqrt(total[..., 0] / total[..., 3])
  mae = total[..., 1] / total[..., 3]
  pckh50 = 3 * total[:, 0, 2] / total[:, 0, 3]

  def interval(values: np.ndarray) -> list[float] | None:
    if count < 2:
      return None
    return [float(v) for v in np.percentile(values, [2.5, 97.5])]

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


def _window_sums(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
  """Squared, absolute, joints within PCKh@0.5, coordinates: [n, 4]."""
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
