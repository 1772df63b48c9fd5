"""What refining did to a take, in numbers and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.poses.body13 import FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.metrics import METRICS
from bgm2pose_jax.systems.mapnet.refine.result import RefinedTake

# Key of the mean size of second differences in time, over joints and frames.
ACCELERATION = "acceleration_m_per_s2"
# Shares of a figure below which two takes are called alike.
_ALIKE = 0.05


def mean_acceleration(position_m: np.ndarray) -> float:
  """Mean size of the second difference over frames and joints, in m/s^2.

  Args:
    position_m: [frames, joint, 3], three frames or more, 50 a second.
  """
  second = np.diff(np.asarray(position_m, np.float64), n=2, axis=0)
  return float(np.linalg.norm(second, axis=-1).mean()) * FRAMES_PER_S**2


def measure(take: RefinedTake) -> dict[str, Any]:
  """All figures of a take.

  Returns:
    `input` and `result`, each with `acceleration_m_per_s2` and, where there
    is truth, the figures of an evaluation (`metrics.PoseMetrics`) over the
    frames that it reaches; `truth` with its acceleration and `frames`.
  """
  poses = {"input": take.input_m, "result": take.pose_m}
  found: dict[str, Any] = {
    name: {ACCELERATION: mean_acceleration(pose)}
    for name, pose in poses.items()
  }
  if take.truth_m is None:
    return found
  there = np.isfinite(take.truth_m).all(axis=(1, 2))
  truth = take.truth_m[there]
  found["truth"] = {
    ACCELERATION: mean_acceleration(truth),
    "frames": len(truth),
  }
  for name, pose in poses.items():
    sums = METRICS.sums(pose[there][None], truth[None])
    found[name] |= METRICS.finish({k: v.sum(axis=0) for k, v in sums.items()})
  return found


def verdict(figures: Mapping[str, Any]) -> list[str]:
  """What the figures say, sentences.

  Args:
    figures: from `measure`.
  """
  given, made = figures["input"], figures["result"]
  said = [_acceleration(given[ACCELERATION], made[ACCELERATION])]
  if "truth" not in figures:
    return said
  truth = figures["truth"][ACCELERATION]
  said.append(f"Those of the truth accelerate by {truth:.3g} m/s².")
  before, after = given["mpjpe_mm"] / 10, made["mpjpe_mm"] / 10
  if math.isclose(before, after, rel_tol=_ALIKE):
    words = "as far from the truth as the input"
  elif after < before:
    words = f"{_percent_off(before, after)} nearer to the truth"
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
    return said + f"{_percent_off(before, after)} less."
  return said + "the result jitters more than the input."


def _percent_off(before: float, after: float) -> str:
  """What is missing in percent; 99.6 is not rounded to all of it."""
  share = 100 * (1 - after / before)
  return f"{share:.1f} %" if share > 99 else f"{share:.0f} %"
