"""What refining did to a take, in numbers and in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.refine.result import RefinedTake

_HIPS = (BODY13.index("RBWT"), BODY13.index("LBWT"))
# Shares of a figure below which two takes are called alike.
_ALIKE = 0.05


def mean_acceleration(position_m: np.ndarray) -> float:
  """Mean size of the second difference over frames and joints, in m/s^2.

  Args:
    position_m: [frames, joint, 3], three frames or more.
  """
  second = np.diff(np.asarray(position_m, np.float64), n=2, axis=0)
  return float(np.linalg.norm(second, axis=-1).mean()) * FRAMES_PER_S**2


def joint_errors_mm(pose_m: np.ndarray, truth_m: np.ndarray) -> np.ndarray:
  """Mean distance of each joint to the truth over time.

  Args:
    pose_m: [frames, joint, 3].
    truth_m: the same.

  Returns:
    float64 [joint], millimetres.
  """
  away = np.asarray(pose_m, np.float64) - truth_m
  return 1000.0 * np.linalg.norm(away, axis=-1).mean(axis=0)


def measure(take: RefinedTake) -> dict[str, Any]:
  """All figures of a take.

  Returns:
    Mean acceleration of input and result in m/s^2; where there is truth, over
    the frames that it reaches: its own acceleration, and of input and result
    the mean joint distance (`mpjpe_mm`), the same with the middle of the hips
    as origin of every frame (`root_relative_mpjpe_mm`), the mean difference
    of second differences (`mpjae_mm_per_frame2`) and `joint_mm`.
  """
  poses = {"input": take.input_m, "result": take.pose_m}
  found: dict[str, Any] = {
    f"acceleration_m_per_s2_{name}": mean_acceleration(pose)
    for name, pose in poses.items()
  }
  if take.truth_m is None:
    return found
  there = np.isfinite(take.truth_m).all(axis=(1, 2))
  truth = take.truth_m[there]
  found["truth_frames"] = len(truth)
  found["acceleration_m_per_s2_truth"] = mean_acceleration(truth)
  for name, pose in poses.items():
    pose = pose[there]
    joints = joint_errors_mm(pose, truth)
    away = pose.astype(np.float64) - truth
    found |= {
      f"mpjpe_mm_{name}": float(joints.mean()),
      f"root_relative_mpjpe_mm_{name}": float(
        joint_errors_mm(_hip_centred(pose), _hip_centred(truth)).mean()
      ),
      f"mpjae_mm_per_frame2_{name}": 1000.0
      * float(np.linalg.norm(np.diff(away, n=2, axis=0), axis=-1).mean()),
      f"joint_mm_{name}": dict(zip(BODY13.joints, joints.tolist())),
    }
  return found


def verdict(figures: dict[str, Any]) -> list[str]:
  """What the figures say, sentences.

  Args:
    figures: from `measure`.
  """
  before, after = (
    figures[f"acceleration_m_per_s2_{name}"] for name in ("input", "result")
  )
  said = [_acceleration(before, after)]
  if "mpjpe_mm_result" not in figures:
    return said
  truth = figures["acceleration_m_per_s2_truth"]
  said.append(f"Those of the truth accelerate by {truth:.3g} m/s².")
  before, after = (
    figures[f"mpjpe_mm_{name}"] / 10 for name in ("input", "result")
  )
  if math.isclose(before, after, rel_tol=_ALIKE):
    words = "as far from the truth as the input"
  elif after < before:
    words = f"{100 * (1 - after / before):.0f} % nearer to the truth"
  else:
    words = f"{100 * (after / before - 1):.0f} % farther from the truth"
  said.append(
    f"A joint is {after:.1f} cm from its true place on average, {before:.1f} cm"
    f" in the input: the result is {words}."
  )
  return said


def _acceleration(before: float, after: float) -> str:
  said = (
    f"Joints accelerate by {after:.3g} m/s² on average, {before:.3g} in the"
    " input: "
  )
  if math.isclose(before, after, rel_tol=_ALIKE):
    return said + "there is as much jitter as before."
  if after < before:
    return said + f"{100 * (1 - after / before):.0f} % less."
  return said + "the result jitters more than the input."


def _hip_centred(pose_m: np.ndarray) -> np.ndarray:
  hips = pose_m[:, _HIPS].mean(axis=1, keepdims=True)
  return pose_m - hips
