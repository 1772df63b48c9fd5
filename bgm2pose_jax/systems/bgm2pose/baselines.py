"""Baselines that stand beside every model: mean pose and ridge regression."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.systems.bgm2pose.ridge import fit_ridge
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

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


def all_baselines(
  table: MusicWindows,
  train: np.ndarray,
  test: np.ndarray,
  *,
  pool: int = 2,
  per_recording: bool = False,
  groups: np.ndarray | None = None,
) -> dict[str, Prediction]:
  """Fits every baseline on training rows and predicts the test rows.

  Args:
    table: the windows.
    train: int [m] training rows.
    test: int [n] test rows.
    pool: neighbouring bands averaged into one, see `fit_ridge`.
    per_recording: see `fit_ridge`.
    groups: see `fit_ridge`.

  Returns:
    'mean_pose', 'ridge' (difference channels) and 'music_only' (ridge on the
    music channels: what the music alone tells about the pose).
  """
  constant = mean_pose(table.pose, train)
  frames = table.pose.shape[1]
  still = repeat_pose(constant, len(test), frames)
  out = {"mean_pose": Prediction(still, {}, constant.size)}
  for name, channels in (("ridge", "difference"), ("music_only", "music")):
    ridge = fit_ridge(
      table,
      train,
      channels=channels,
      pool=pool,
      per_recording=per_recording,
      groups=groups,
    )
    facts = {
      "alpha": ridge.alpha,
      "alpha_scores": [list(pair) for pair in ridge.scores],
      "context_frames": ridge.context,
      "features": int(np.prod(ridge.weight.shape[:2])),
      "left_out_groups": ridge.folds,
      "per_recording": per_recording,
    }
    size = ridge.weight.size + ridge.bias.size
    out[name] = Prediction(ridge.predict(table, test), facts, size)
  return out
