"""Joints that were not seen: bridged over time, counted, never zero."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13


@dataclasses.dataclass(frozen=True)
class Gaps:
  """What was bridged of one joint.

  Attributes:
    joint: its name.
    frames: poses in which it was not seen.
    longest_s: length of its longest gap.
  """

  joint: str
  frames: int
  longest_s: float


def missing_joints(
  position_m: np.ndarray, visibility: np.ndarray | None, least: float
) -> np.ndarray:
  """Which joints are not seen.

  Args:
    position_m: [t, joint=13, 3], NaN where the file has none.
    visibility: [t, joint=13], 0 to 1 or NaN where the file does not say; None
      where it never does.
    least: visibility below which a joint counts as not seen.

  Returns:
    bool [t, joint=13].
  """
  missing = np.array(np.any(~np.isfinite(position_m), axis=2))
  if visibility is not None:
    with np.errstate(invalid="ignore"):
      missing |= visibility < least
  return missing


def bridge(
  position_m: np.ndarray,
  missing: np.ndarray,
  time_s: np.ndarray,
  where: str,
) -> np.ndarray:
  """Puts straight lines in time where joints are missing.

  Before a joint is first seen and after it is last seen it stands still.

  Args:
    position_m: [t, joint=13, 3].
    missing: bool [t, joint=13].
    time_s: [t], ascending.
    where: the file, for messages.

  Returns:
    float64 [t, joint=13, 3], finite.

  Raises:
    InputError: a joint is seen in no pose.
  """
  never = [BODY13.joints[i] for i in np.flatnonzero(missing.all(axis=0))]
  if never:
    raise InputError(
      where,
      f"shows {', '.join(never)} in no pose",
      "give poses of the whole body, or --min_visibility=0 to take what was"
      " guessed of joints out of sight",
    )
  out = np.array(position_m, np.float64)
  for joint in np.flatnonzero(missing.any(axis=0)):
    seen = ~missing[:, joint]
    for axis in range(3):
      out[~seen, joint, axis] = np.interp(
        time_s[~seen], time_s[seen], out[seen, joint, axis]
      )
  return out


def gaps(missing: np.ndarray, time_s: np.ndarray) -> list[Gaps]:
  """What was bridged, by joint, in stored order; whole joints are left out.

  Args:
    missing: bool [t, joint=13].
    time_s: [t], ascending, two or more.
  """
  step_s = float(np.median(np.diff(time_s)))
  found = []
  for joint in np.flatnonzero(missing.any(axis=0)):
    edges = np.flatnonzero(
      np.diff(missing[:, joint], prepend=False, append=False)
    ).reshape(-1, 2)
    longest = max(time_s[stop - 1] - time_s[start] for start, stop in edges)
    found.append(
      Gaps(
        BODY13.joints[joint],
        int(missing[:, joint].sum()),
        float(longest) + step_s,
      )
    )
  return found
