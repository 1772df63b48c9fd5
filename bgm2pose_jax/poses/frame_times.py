"""Times of frames as motion and video files give them, to seconds."""

from __future__ import annotations

import re

import numpy as np

from bgm2pose_jax.base.errors import InputError

# Columns and fields that hold the time of a frame, in lower case.
NAMES = (
  "time_s",
  "time_ms",
  "timestamp_s",
  "timestamp_ms",
  "timestamp_us",
  "timestamp_ns",
  "timestampms",
  "timestamp",
  "time (seconds)",
  "time",
)
_UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
# Frames further apart than this are no motion.
_LONGEST_STEP_S = 1.0


def seconds(values: np.ndarray, name: str, where: object) -> np.ndarray:
  """Turns the times of a capture's frames into seconds.

  Where the name tells no unit, it is the largest of s, ms, us and ns in which
  the median step is one second at most.

  Args:
    values: [time], as the file has them.
    name: the name of the column or field.
    where: the file, for messages.

  Returns:
    float64 [time], ascending.

  Raises:
    InputError: a time is missing or not after the one before.
  """
  times = np.asarray(values, np.float64)
  if not np.isfinite(times).all():
    bad = int(np.argmin(np.isfinite(times)))
    raise InputError(where, f"frame {bad} has no {name}", "export it again")
  steps = np.diff(times)
  if not (steps > 0).all():
    bad = int(np.argmin(steps > 0))
    raise InputError(
      where,
      f"{name} of frame {bad + 1} is {times[bad + 1]:.12g}, not after"
      f" {times[bad]:.12g}",
      "sort the frames by time and leave out those that stand twice",
    )
  unit_s = _unit_s(name)
  if unit_s is None:
    step = float(np.median(steps)) if len(steps) else 0.0
    unit_s = next(
      (u for u in _UNITS_S.values() if step * u <= _LONGEST_STEP_S), 1e-9
    )
  return times * unit_s


def _unit_s(name: str) -> float | None:
  """Seconds per unit by a name such as `time_ms`; None if it has no unit."""
  name = name.lower()
  if "seconds" in name:
    return 1.0
  found = re.search(r"(?:_|timestamp)(s|ms|us|ns)$", name)
  return None if found is None else _UNITS_S[found.group(1)]
