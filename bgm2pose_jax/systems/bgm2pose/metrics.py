"""Pose metrics as (sum, count), in hip-spine units (specification 6).

RMSE is the root of the mean squared coordinate error over everything (not a
distance per joint), MAE the mean absolute coordinate error. PCKh@a is the
share of joints nearer than a times the length Neck-Head of that ground-truth
frame (strictly), averaged per joint over frames and then over joints.

`pose_sums` of several batches are added key by key and divided once in
`finish`, so a padded last batch is exact. NumPy arrays are summed in float64;
JAX arrays in float32, inside `jax.jit` too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
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


def _as_joints(array: Any, name: str) -> Any:
  """[n, t, 21, 3] view of [n, t, 21, 3] or [n, t, 63]; floating point."""
  if not hasattr(array, "__array_namespace__"):
    array = np.asarray(array)
  if isinstance(array, np.ndarray):
    array = array.astype(np.float64)
  shape = array.shape
  if len(shape) == 3 and shape[-1] == BODY21.num_joints * 3:
    array = array.reshape(*shape[:-1], BODY21.num_joints, 3)
  if array.ndim != 4 or array.shape[-2:] != (BODY21.num_joints, 3):
    raise InputError(
      name,
      f"shape {tuple(shape)}",
      f"pass poses [n, t, joint={BODY21.num_joints}, xyz=3] or [n, t, 63]",
    )
  return array


def pose_sums(pred: Any, target: Any, mask: Any = None) -> dict[str, Any]:
  """Sums and counts from which `finish` makes the metrics.

  Args:
    pred: [n, t, joint=21, 3] or [n, t, 63], normalised units.
    target: the same shape, ground truth.
    mask: [n] or [n, t], true where a frame counts; all when not given.
      Values under a false mask may be anything, NaN included.

  Returns:
    Dict of arrays that add across batches: `square` and `absolute` [joint]
    (over frames and x, y, z), `correct` [threshold, joint], `frames` [].

  Raises:
    InputError: a shape is wrong, or pred, target and mask do not agree.
  """
  pred = _as_joints(pred, "pred")
  target = _as_joints(target, "target")
  if pred.shape != target.shape:
    raise InputError(
      "pred",
      f"shape {tuple(pred.shape)} against {tuple(target.shape)} of target",
      "pass one prediction for each target",
    )
  if isinstance(pred, np.ndarray) and not isinstance(target, np.ndarray):
    pred = target.__array_namespace__().asarray(pred)
  xp = pred.__array_namespace__()
  examples, frames = pred.shape[:2]
  mask = np.ones(examples, bool) if mask is None else mask
  mask = xp.asarray(mask)
  if mask.shape not in ((examples,), (examples, frames)):
    raise InputError(
      "mask",
      f"shape {tuple(mask.shape)}",
      f"pass [n={examples}] or [n={examples}, t={frames}]",
    )
  mask = mask.astype(bool)
  if mask.ndim == 1:
    mask = xp.broadcast_to(mask[:, None], (examples, frames))
  # Replaced, not multiplied: NaN in padding would survive times zero.
  error = xp.where(mask[..., None, None], pred - target, 0.0)
  square = error * error
  neck, head = BODY21.index("Neck"), BODY21.index("Head")
  size = target[..., head, :] - target[..., neck, :]
  # Squares are compared, so that no root needs guarding at zero.
  size_square = xp.sum(size * size, axis=-1)[..., None]
  distance_square = xp.sum(square, axis=-1)
  correct = [
    (distance_square < threshold**2 * size_square) & mask[..., None]
    for threshold in PCK_THRESHOLDS
  ]
  count = error.dtype
  return {
    "square": xp.sum(square, axis=(0, 1, 3)),
    "absolute": xp.sum(xp.abs(error), axis=(0, 1, 3)),
    "correct": xp.stack(
      [xp.sum(hit.astype(count), axis=(0, 1)) for hit in correct]
    ),
    "frames": xp.sum(mask.astype(count)),
  }


def finish(sums: dict[str, Any]) -> dict[str, Any]:
  """Divides added sums into metrics.

  Args:
    sums: from `pose_sums`, added over batches.

  Returns:
    Dict with `rmse`, `mae`, `pckh50`, `pckh100`, `pckh150`, `pckh200`,
    `per_part` {arm, leg, body: {rmse, mae, pckh50}} and `per_joint` {joint
    name: {rmse, mae, pckh50}}. For the PCK of a part only, arm also counts
    Spine1 twice and leg Hips twice, as published. Python floats for NumPy
    sums, scalar arrays for JAX sums.

  Raises:
    InputError: no frame was counted (NumPy sums; JAX gives NaN).
  """
  frames = sums["frames"]
  host = not hasattr(frames, "aval")
  if host and not frames > 0:
    raise InputError(
      "metrics", "no frame to evaluate", "choose tracks and subjects with poses"
    )
  xp = np if host else sums["square"].__array_namespace__()
  square = sums["square"] / (3 * frames)
  absolute = sums["absolute"] / (3 * frames)
  correct = sums["correct"] / frames

  def number(value: Any) -> Any:
    return float(value) if host else value

  def part(joints: tuple[int, ...], pck_joints: tuple[int, ...]) -> dict:
    return {
      "rmse": number(xp.sqrt(xp.mean(square[np.array(joints)]))),
      "mae": number(xp.mean(absolute[np.array(joints)])),
      "pckh50": number(xp.mean(correct[0][np.array(pck_joints)])),
    }

  everything = tuple(range(BODY21.num_joints))
  out: dict[str, Any] = part(everything, everything)
  for name, row in zip(PCK_NAMES, correct):
    out[name] = number(xp.mean(row))
  out["per_part"] = {
    name: part(joints, PCK_PARTS[name]) for name, joints in BODY21.parts.items()
  }
  out["per_joint"] = {
    name: part((i,), (i,)) for i, name in enumerate(BODY21.joints)
  }
  return out


def pose_metrics(pred: Any, target: Any, mask: Any = None) -> dict[str, Any]:
  """Metrics of a whole set of predictions; `finish(pose_sums(...))`.

  Args:
    pred: [n, t, joint=21, 3] or [n, t, 63], normalised units.
    target: the same shape, ground truth.
    mask: [n] or [n, t], true where a frame counts.

  Returns:
    See `finish`.

  Raises:
    InputError: wrong shapes, or nothing to evaluate.
  """
  return finish(pose_sums(pred, target, mask))
