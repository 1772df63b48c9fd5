"""Pose metrics of each window (specification 6), and MPJPE in centimetres.

Poses are in hip-spine lengths. MPJPE is the mean distance of joints, nothing
aligned; a hip-spine length is turned into centimetres by the person's own
length where it is known and else by `BODY21.unit_cm`. RMSE is the root of the
mean squared coordinate error over everything (not a distance per joint), MAE
the mean absolute coordinate error. PCKh@a is the share of joints nearer than a
times the length Neck-Head of that ground-truth frame (strictly), averaged per
joint over frames and then over joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.evaluation.metrics import Figure, measure
from bgm2pose_jax.poses.body21 import BODY21

PCK_THRESHOLDS: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0)
# The published PCK of the parts counts the parent of each limb with the limb:
# Spine1 once per arm, Hips once per leg. RMSE and MAE do not.
PCK_PARTS: dict[str, tuple[int, ...]] = {
  "arm": (*BODY21.parts["arm"], 2, 2),
  "leg": (*BODY21.parts["leg"], 0, 0),
  "body": BODY21.parts["body"],
}
PCK_NAMES: tuple[str, ...] = ("pckh50", "pckh100", "pckh150", "pckh200")


class PoseMetrics:
  """MPJPE, RMSE, MAE and PCKh of poses; see `evaluation.metrics`.

  Attributes:
    figures: MPJPE in centimetres, RMSE, MAE and PCKh@0.5.
  """

  figures = (
    Figure("mpjpe_cm", "MPJPE (cm)", digits=1, is_later=True),
    Figure("rmse", "RMSE"),
    Figure("mae", "MAE"),
    Figure("pckh50", "PCKh@0.5", lowest=False),
  )

  def __init__(self, unit_cm: float | np.ndarray = BODY21.unit_cm):
    """Sets the length of a hip-spine length.

    Args:
      unit_cm: centimetres, of everybody or [n] of each window's person.
    """
    self._unit_cm = unit_cm

  def sums(
    self, predicted: np.ndarray, target: np.ndarray, mask: Any = None
  ) -> dict[str, np.ndarray]:
    """Sums and counts of each window.

    Args:
      predicted: [n, t, joint=21, 3] or [n, t, 63], normalised units.
      target: the same shape, ground truth.
      mask: [n] or [n, t], true where a frame counts; all when not given.
        Values under a false mask may be anything, NaN included.

    Returns:
      float64 arrays: `square` and `absolute` [n, joint] (over frames and x, y,
      z), `distance_cm` [n, joint] (over frames), `correct` [n, threshold,
      joint], `frames` [n].

    Raises:
      InputError: a shape is wrong, or the arrays do not agree.
    """
    pred = _as_joints(predicted, "pred")
    target = _as_joints(target, "target")
    if pred.shape != target.shape:
      raise InputError(
        "pred",
        f"shape {pred.shape} against {target.shape} of target",
        "pass one prediction for each target",
      )
    mask = _frame_mask(mask, *pred.shape[:2])
    # Replaced, not multiplied: NaN in padding would survive times zero.
    error = np.where(mask[..., None, None], pred - target, 0.0)
    square = error * error
    neck, head = BODY21.index("Neck"), BODY21.index("Head")
    size = target[..., head, :] - target[..., neck, :]
    size_square = np.sum(size * size, axis=-1)[..., None]
    distance_square = np.sum(square, axis=-1)
    correct = [
      (distance_square < threshold**2 * size_square) & mask[..., None]
      for threshold in PCK_THRESHOLDS
    ]
    distance_cm = np.sqrt(distance_square).sum(axis=1)
    return {
      "distance_cm": distance_cm * np.reshape(self._unit_cm, (-1, 1)),
      "square": square.sum(axis=(1, 3)),
      "absolute": np.abs(error).sum(axis=(1, 3)),
      "correct": np.stack([hit.sum(axis=1, dtype=float) for hit in correct], 1),
      "frames": mask.sum(axis=1, dtype=float),
    }

  def finish(self, totals: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Divides added sums into metrics.

    Args:
      totals: `sums` added over windows.

    Returns:
      Floats `mpjpe_cm`, `rmse`, `mae`, `pckh50`, `pckh100`, `pckh150`,
      `pckh200`, `per_part` {arm, leg, body: {mpjpe_cm, rmse, mae, pckh50}} and
      `per_joint` {joint name: the same}. For the PCK of a part only, arm also
      counts Spine1 twice and leg Hips twice, as published.

    Raises:
      InputError: no frame was counted.
    """
    frames = totals["frames"]
    if not frames > 0:
      raise InputError(
        "metrics",
        "no frame to evaluate",
        "choose tracks and subjects with poses",
      )
    square = totals["square"] / (3 * frames)
    absolute = totals["absolute"] / (3 * frames)
    correct = totals["correct"] / frames
    distance_cm = totals["distance_cm"] / frames

    def part(joints: tuple[int, ...], pck_joints: tuple[int, ...]) -> dict:
      return {
        "mpjpe_cm": float(np.mean(distance_cm[list(joints)])),
        "rmse": float(np.sqrt(np.mean(square[list(joints)]))),
        "mae": float(np.mean(absolute[list(joints)])),
        "pckh50": float(np.mean(correct[0][list(pck_joints)])),
      }

    everything = tuple(range(BODY21.num_joints))
    out: dict[str, Any] = part(everything, everything)
    for name, row in zip(PCK_NAMES, correct):
      out[name] = float(np.mean(row))
    out["per_part"] = {
      name: part(joints, PCK_PARTS[name])
      for name, joints in BODY21.parts.items()
    }
    out["per_joint"] = {
      name: part((i,), (i,)) for i, name in enumerate(BODY21.joints)
    }
    return out

  def overall(self, sums: Mapping[str, np.ndarray]) -> np.ndarray:
    """float64 [n, 5]: distance in centimetres, squared and absolute error,
    joints within PCKh@0.5, and the number of coordinates.
    """
    return np.stack(
      [
        sums["distance_cm"].sum(axis=1),
        sums["square"].sum(axis=1),
        sums["absolute"].sum(axis=1),
        sums["correct"][:, 0].sum(axis=1),
        sums["frames"] * BODY21.num_joints * 3,
      ],
      axis=1,
    )

  def headline(self, totals: np.ndarray) -> np.ndarray:
    """[..., 5] of `overall`, added -> [..., (MPJPE, RMSE, MAE, PCKh@0.5)]."""
    distance, square, absolute, correct, count = np.moveaxis(totals, -1, 0)
    return np.stack(
      [
        3 * distance / count,
        np.sqrt(square / count),
        absolute / count,
        3 * correct / count,
      ],
      axis=-1,
    )


METRICS = PoseMetrics()


def pose_metrics(
  predicted: Any, target: Any, mask: Any = None
) -> dict[str, Any]:
  """Metrics of a whole set of poses; see `PoseMetrics`."""
  if mask is None:
    return measure(METRICS, predicted, target)
  sums = METRICS.sums(predicted, target, mask)
  return METRICS.finish({k: v.sum(axis=0) for k, v in sums.items()})


def _as_joints(array: Any, name: str) -> np.ndarray:
  """float64 [n, t, 21, 3] of [n, t, 21, 3] or [n, t, 63]."""
  array = np.asarray(array, np.float64)
  shape = array.shape
  if len(shape) == 3 and shape[-1] == BODY21.num_joints * 3:
    array = array.reshape(*shape[:-1], BODY21.num_joints, 3)
  if array.ndim != 4 or array.shape[-2:] != (BODY21.num_joints, 3):
    raise InputError(
      name,
      f"shape {shape}",
      f"pass poses [n, t, joint={BODY21.num_joints}, xyz=3] or [n, t, 63]",
    )
  return array


def _frame_mask(mask: Any, examples: int, frames: int) -> np.ndarray:
  """Bool [n, t]."""
  mask = np.ones(examples, bool) if mask is None else np.asarray(mask)
  if mask.shape not in ((examples,), (examples, frames)):
    raise InputError(
      "mask",
      f"shape {mask.shape}",
      f"pass [n={examples}] or [n={examples}, t={frames}]",
    )
  mask = mask.astype(bool)
  if mask.ndim == 1:
    mask = np.broadcast_to(mask[:, None], (examples, frames))
  return mask
