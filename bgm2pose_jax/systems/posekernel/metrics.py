"""Errors of poses in centimetres, in the camera's frame, nothing aligned.

MPJPE is the mean distance of joints. The camera stands at the origin, so a
joint's true position is also the direction of its ray: an error along it is one
of distance, an error across it one of bearing. All sums are float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.evaluation.metrics import Figure, check_pairs
from bgm2pose_jax.poses.body15 import BODY15

ROOT = BODY15.index("MidHip")
THRESHOLDS_CM = (5, 10, 20, 30)
_CM_PER_M = 100.0
_JOINTS = BODY15.num_joints

# Key and title of each figure, in the order of the sums.
TITLES = {
  "mpjpe_cm": "MPJPE (cm)",
  "root_cm": "root error (cm)",
  "mpjpe_root_cm": "root-aligned MPJPE (cm)",
  "along_ray_cm": "along the ray (cm)",
  "across_ray_cm": "across the ray (cm)",
  **{f"pck_{t}cm_pct": f"PCK {t} cm (%)" for t in THRESHOLDS_CM},
}
_HEADLINE = ("mpjpe_cm", "root_cm", "mpjpe_root_cm", "pck_10cm_pct")
_PLACES = tuple(list(TITLES).index(key) for key in _HEADLINE)


class PoseMetrics:
  """Errors of poses [n, joint=15, 3] in metres; see `evaluation.metrics`.

  Attributes:
    figures: MPJPE, the error of the mid-hip, MPJPE after both mid-hips are put
      together, and the share of joints within 10 cm.
  """

  figures = tuple(
    Figure(key, TITLES[key], lowest=not key.startswith("pck"), digits=1)
    for key in _HEADLINE
  )

  def sums(
    self, predicted: np.ndarray, target: np.ndarray
  ) -> dict[str, np.ndarray]:
    """Sums and counts of each sample.

    Args:
      predicted: [n, joint=15, 3], metres, camera frame.
      target: the same shape, ground truth.

    Returns:
      float64 arrays: `distance` [n, joint], metres; `others` [n, 8], added over
      joints: the mid-hip's distance (of one joint), relative to the mid-hip,
      along the ray, across the ray, metres, then joints within each of
      `THRESHOLDS_CM`; `samples` [n], ones.

    Raises:
      InputError: a shape is wrong, or the arrays do not agree.
    """
    check_pairs(predicted, target)
    if target.ndim != 3 or target.shape[1:] != (_JOINTS, 3):
      raise InputError(
        "target",
        f"shape {target.shape}",
        f"pass poses [n, joint={_JOINTS}, xyz=3]",
      )
    true = np.asarray(target, np.float64)
    error = np.asarray(predicted, np.float64) - true
    distance = np.linalg.norm(error, axis=-1)
    along, across = _about_rays(error, true)
    relative = np.linalg.norm(error - error[:, ROOT, None], axis=-1)
    parts = [relative, along, across]
    parts += [distance <= limit / _CM_PER_M for limit in THRESHOLDS_CM]
    added = [distance[:, ROOT], *(part.sum(axis=1) for part in parts)]
    return {
      "distance": distance,
      "others": np.stack(added, axis=1).astype(np.float64),
      "samples": np.ones(len(true)),
    }

  def finish(self, totals: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Divides added sums into figures.

    Args:
      totals: `sums` added over samples.

    Returns:
      Every figure of `TITLES` under its key, and `per_joint` {joint name:
      {mpjpe_cm}}.

    Raises:
      InputError: no sample was counted.
    """
    if not totals["samples"] > 0:
      raise InputError("metrics", "no sample to evaluate", "choose other ones")
    one = {name: np.asarray(values)[None] for name, values in totals.items()}
    out: dict[str, Any] = dict(
      zip(TITLES, _divided(self.overall(one)[0]).tolist())
    )
    per_joint = _CM_PER_M * totals["distance"] / totals["samples"]
    out["per_joint"] = {
      name: {"mpjpe_cm": float(value)}
      for name, value in zip(BODY15.joints, per_joint)
    }
    return out

  def overall(self, sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """float64 [n, 10]: the nine sums in the order of `TITLES`, and samples."""
    distance = sums["distance"].sum(axis=1, keepdims=True)
    return np.concatenate(
      [distance, sums["others"], sums["samples"][:, None]], axis=1
    )

  def headline(self, totals: np.ndarray) -> np.ndarray:
    """[..., 10] of `overall`, added -> [..., figure], cm and percent."""
    return _divided(totals)[..., _PLACES]


METRICS = PoseMetrics()


def _about_rays(
  error: np.ndarray, true: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Lengths of errors [n, joint, 3] along the rays to `true`, and across."""
  far = np.linalg.norm(true, axis=-1, keepdims=True)
  # A joint in the camera itself has no ray: all its error counts as across.
  ray = true / np.where(far > 0, far, 1.0)
  along = (error * ray).sum(axis=-1, keepdims=True)
  across = np.linalg.norm(error - along * ray, axis=-1)
  return np.abs(along[..., 0]), across


def _divided(totals: np.ndarray) -> np.ndarray:
  """[..., 10] of `overall`, added -> [..., figure of `TITLES`]."""
  samples = totals[..., -1:]
  figures = _CM_PER_M * totals[..., :-1] / samples
  # One mid-hip a sample; everything else counts every joint.
  joints = np.full(len(TITLES), _JOINTS)
  joints[1] = 1
  return figures / joints
