"""How hard, in which rhythm and how fast a captured body moves."""

from __future__ import annotations

import math

import numpy as np

from bgm2pose_jax.poses import cleaning

# Who moves less than this says nothing of the pace.
_LEAST_RANGE_M = 0.25
_DIFFERENCE_S = 0.05


def measure(
  positions_m: np.ndarray, rate_hz: float
) -> tuple[float, float, float] | None:
  """RMS acceleration in m/s2, mean rhythm in Hz, ranges crossed a second.

  Differences span 50 ms, which leaves the noise of captures out.

  Args:
    positions_m: [time, 21, 3] metres; NaN frames and jumps are left out.
    rate_hz: frames per second.

  Returns:
    The root mean square over frames and joints of the acceleration; that over
    the speed, as a frequency; and how often joints that move fast would cross
    their own range in a second. None for what is too short or too still.
  """
  step = max(1, round(_DIFFERENCE_S * rate_hz))
  step_s = step / rate_hz
  parts = [
    positions_m[start:stop]
    for start, stop in _unbroken(positions_m, rate_hz)
    if stop - start > 3 * step
  ]
  if not parts:
    return None
  relative = np.concatenate([part - part[:, :1] for part in parts])
  span_m = np.linalg.norm(
    np.diff(np.percentile(relative, [5, 95], axis=0), axis=0)[0], axis=-1
  )
  if span_m.max() < _LEAST_RANGE_M:
    return None
  speed, change, own = [], [], []
  for part in parts:
    ahead, here, behind = part[2 * step :], part[step:-step], part[: -2 * step]
    speed.append(np.linalg.norm(ahead - behind, axis=-1) / (2 * step_s))
    change.append(np.linalg.norm(ahead - 2 * here + behind, axis=-1))
    limbs = (ahead - ahead[:, :1]) - (behind - behind[:, :1])
    own.append(np.linalg.norm(limbs, axis=-1) / (2 * step_s))
  speed_m_s = math.sqrt(np.square(np.concatenate(speed)).mean())
  effort_m_s2 = math.sqrt(np.square(np.concatenate(change)).mean()) / step_s**2
  # Nearly the fastest of each joint: noise and glitches are faster.
  fast_m_s = np.percentile(np.concatenate(own), 97, axis=0)
  crossings_per_s = math.sqrt(
    np.square(fast_m_s).mean() / np.square(span_m).mean()
  )
  rhythm_hz = effort_m_s2 / max(speed_m_s, 1e-9) / (2 * math.pi)
  return effort_m_s2, rhythm_hz, crossings_per_s


def _unbroken(positions_m: np.ndarray, rate_hz: float) -> np.ndarray:
  """Stretches [stretch, (start, stop)] without gaps and jumps."""
  good = np.array(np.isfinite(positions_m).all(axis=(1, 2)))
  with np.errstate(invalid="ignore"):
    steps_m = np.linalg.norm(np.diff(positions_m, axis=0), axis=-1)
    good[1:] &= (steps_m * rate_hz <= cleaning.JUMP_M_S).all(axis=1)
  edges = np.flatnonzero(np.diff(good, prepend=False, append=False))
  return edges.reshape(-1, 2)
