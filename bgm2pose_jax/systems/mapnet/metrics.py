"""Errors of poses in millimetres: positions, velocities, accelerations.

MPJPE is the mean distance per joint, in the frame of the poses, not aligned.
Velocity and acceleration are first and second differences x[t] - x[t-1] and
x[t-1] - 2 x[t] + x[t+1]; their errors are the mean norm of the difference, per
frame and per frame squared (times 2500: mm/s^2). The forms are VioPose's
(github.com/SeongJong-Yoo/VioPose), whose norms have 1e-8 under the root, as the
loss does for its gradient. A figure needs none: norms are exact here, in
float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.evaluation.metrics import Figure, check_pairs
from bgm2pose_jax.poses.body13 import BODY13

_HIPS = (BODY13.index("RBWT"), BODY13.index("LBWT"))
_MM_PER_M = 1000.0
# Examples at a time: what they need fits a cache.
_BLOCK = 32


# Key and title of each figure, in the order of the sums.
TITLES = {
  "mpjpe_mm": "MPJPE (mm)",
  "mpjae_mm_per_frame2": "MPJAE (mm/frame²)",
  "mpjve_mm_per_frame": "MPJVE (mm/frame)",
  "mpjpe_root_mm": "root-relative MPJPE (mm)",
  "mpjpe_procrustes_mm": "Procrustes MPJPE (mm)",
}
# The paper's tables have these.
_HEADLINE = ("mpjpe_mm", "mpjae_mm_per_frame2")


class PoseMetrics:
  """Errors of poses [n, t, joint=13, 3] in metres; see `evaluation.metrics`.

  Attributes:
    figures: MPJPE and the error of acceleration. Beside them stand the error
      of velocity and MPJPE relative to the middle of the hips, and after a
      Procrustes alignment of each frame.
  """

  figures = tuple(Figure(key, TITLES[key], digits=2) for key in _HEADLINE)

  def sums(
    self, predicted: np.ndarray, target: np.ndarray
  ) -> dict[str, np.ndarray]:
    """Sums and counts of each window.

    Args:
      predicted: [n, t >= 3, joint=13, 3], metres.
      target: the same shape, ground truth.

    Returns:
      float64 arrays: `distance` [n, joint], metres added over frames; `others`
      [n, 4], added over frames and joints: acceleration, velocity, relative
      to the hips, aligned; `frames` and `windows` [n].

    Raises:
      InputError: a shape is wrong, or the arrays do not agree.
    """
    check_pairs(predicted, target)
    joints, shape = BODY13.num_joints, target.shape
    if len(shape) != 4 or shape[1] < 3 or shape[2:] != (joints, 3):
      raise InputError(
        "target",
        f"shape {shape}",
        f"pass poses [n, t >= 3, joint={joints}, xyz=3]",
      )
    n, frames = shape[:2]
    distance, others = np.zeros((n, joints)), np.zeros((n, 4))
    for start in range(0, n, _BLOCK):
      rows = slice(start, start + _BLOCK)
      pred = np.asarray(predicted[rows], np.float64)
      true = np.asarray(target[rows], np.float64)
      error = pred - true
      distance[rows] = _norm(error).sum(axis=1)
      velocity = np.diff(error, axis=1)
      root = error[:, :, _HIPS].mean(axis=2, keepdims=True)
      parts = (
        _norm(np.diff(velocity, axis=1)),
        _norm(velocity),
        _norm(error - root),
        procrustes_distance(pred, true),
      )
      others[rows] = np.stack([p.sum(axis=(1, 2)) for p in parts], axis=1)
    return {
      "distance": distance,
      "others": others,
      "frames": np.full(n, float(frames)),
      "windows": np.ones(n),
    }

  def finish(self, totals: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Divides added sums into figures.

    Args:
      totals: `sums` added over windows.

    Returns:
      Every figure of `TITLES` under its key, and `per_joint` {joint name:
      {mpjpe_mm}}.

    Raises:
      InputError: no frame was counted.
    """
    if not totals["frames"] > 0:
      raise InputError("metrics", "no frame to evaluate", "choose other takes")
    one = {name: np.asarray(values)[None] for name, values in totals.items()}
    figures = _divided(self.overall(one)[0])
    out: dict[str, Any] = dict(zip(TITLES, figures.tolist()))
    per_joint = _MM_PER_M * totals["distance"] / totals["frames"]
    out["per_joint"] = {
      name: {"mpjpe_mm": float(value)}
      for name, value in zip(BODY13.joints, per_joint)
    }
    return out

  def overall(self, sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """float64 [n, 8]: the five sums in the order of the figures, and how many
    positions, accelerations and velocities were added.
    """
    frames, windows = sums["frames"], sums["windows"]
    counts = np.stack([frames, frames - 2 * windows, frames - windows], axis=1)
    distance = sums["distance"].sum(axis=1, keepdims=True)
    return np.concatenate(
      [distance, sums["others"], BODY13.num_joints * counts], axis=1
    )

  def headline(self, totals: np.ndarray) -> np.ndarray:
    """[..., 8] of `overall`, added -> [..., figure], millimetres."""
    return _divided(totals)[..., : len(self.figures)]


METRICS = PoseMetrics()


def _divided(totals: np.ndarray) -> np.ndarray:
  """[..., 8] of `overall`, added -> [..., figure of `TITLES`]."""
  return _MM_PER_M * totals[..., :5] / totals[..., [5, 6, 7, 5, 5]]


def procrustes_distance(
  predicted: np.ndarray, target: np.ndarray
) -> np.ndarray:
  """Distances after the similarity that fits each frame best.

  Rotation, scale and shift of the prediction have the least squared error
  (Umeyama, 1991); mirroring is not allowed. The shift makes it immaterial
  whether the poses were centred before.

  Args:
    predicted: float64 [..., joint, 3].
    target: the same shape.

  Returns:
    float64 [..., joint], in the unit of the poses.
  """
  pred = predicted - predicted.mean(axis=-2, keepdims=True)
  true = target - target.mean(axis=-2, keepdims=True)
  product = pred.swapaxes(-1, -2) @ true
  # LAPACK refuses NaN; the distances are NaN all the same.
  left, stretch, right = np.linalg.svd(
    np.where(np.isfinite(product), product, 0)
  )
  turned = np.linalg.det(left) * np.linalg.det(right) < 0
  sign = np.where(turned, -1.0, 1.0)
  stretch[..., 2] *= sign
  right[..., 2, :] *= sign[..., None]
  size = np.einsum("...ji,...ji->...", pred, pred)
  scale = stretch.sum(axis=-1) / np.where(size == 0, 1, size)
  return _norm(scale[..., None, None] * (pred @ (left @ right)) - true)


def _norm(vectors: np.ndarray) -> np.ndarray:
  """[..., 3] -> [...]."""
  return np.sqrt(np.einsum("...i,...i->...", vectors, vectors))
