"""Times of frames as motion and video files give them, to seconds."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.captured_points import CapturedPoints

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
# As `_plain` leaves them: columns of a table that hold the time, the rate.
_TIMES = frozenset(
  f"{name}{unit}"
  for name in (
    "time",
    "timestamp",
    "t",
    "elapsed",
    *(
      f"{what}_time"
      for what in ("elapsed", "frame", "video", "capture", "relative", "unix")
    ),
  )
  for unit in ("", "_s", "_sec", "_seconds", "_ms", "_us", "_ns")
) | {"seconds", "sec", "timestampms", "milliseconds"}
_RATES = frozenset(
  f"{name}{unit}"
  for name in (
    "fps",
    "frame_rate",
    "framerate",
    "sampling_rate",
    "sample_rate",
  )
  for unit in ("", "_hz", "_fps")
) | {"rate_hz", "hz", "frames_per_second"}
# Frames further apart than this are no motion.
_LONGEST_STEP_S = 1.0
# Slower is no motion of a person, and no camera is faster; a header's rate
# outside is a mistake.
RATE_RANGE_HZ = (8.0, 1000.0)
# As a part of a step: what a clock may jitter and still be even.
_JITTER = 0.1
# Times are written to a hundredth of a second, or finer.
_ROUNDED_TO_S = (1e-2, 1e-3)


def is_time(name: str) -> bool:
  """Whether a table's column of that name holds the time of its rows."""
  return _plain(name) in _TIMES


def is_rate(name: str) -> bool:
  """Whether a table's column of that name holds frames per second."""
  return _plain(name) in _RATES


def _plain(name: str) -> str:
  """`Time (Seconds)` as `time_seconds`."""
  return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


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


def even_rate_hz(time_s: np.ndarray) -> tuple[float, bool]:
  """The rate of frames by their times, and whether they are evenly spaced.

  Args:
    time_s: float64 [time], ascending seconds.

  Returns:
    Frames per second, NaN for fewer than two frames: that of the straight line
    through even times, else by the median step. A whole number where the
    times' rounding leaves one. Then whether every time lies within a tenth of
    a step, or what rounding makes, of an even one.
  """
  count = len(time_s)
  if count < 2:
    return float("nan"), True
  place = np.arange(count) - (count - 1) / 2
  middle = time_s.mean()
  step_s = float(place @ (time_s - middle) / (place @ place))
  off_s = np.abs(time_s - middle - place * step_s).max()
  since_s = time_s - time_s[0]
  rounded_s = next(
    (
      unit
      for unit in _ROUNDED_TO_S
      if np.abs(since_s / unit - np.round(since_s / unit)).max() < 1e-3
    ),
    0.0,
  )
  even = bool(off_s <= max(_JITTER * step_s, 0.75 * rounded_s))
  if not even:
    step_s = float(np.median(np.diff(time_s)))
  rate_hz = 1.0 / step_s
  span_s = time_s[-1] - time_s[0] if even else step_s
  doubt = max(1e-4, min(rounded_s / span_s, 0.02))
  whole = float(round(rate_hz))
  return (whole if abs(rate_hz - whole) < doubt * rate_hz else rate_hz), even


def timed(
  points: CapturedPoints, time_s: np.ndarray, *, has_rate: bool
) -> CapturedPoints:
  """Puts the times of a capture's frames to its points.

  Args:
    points: the capture; its own `rate_hz` counts only with `has_rate`.
    time_s: float64 [time], ascending seconds.
    has_rate: whether the file states a rate beside its times.

  Returns:
    The points with the rate by the times as `rate_by_time_hz`, and as
    `rate_hz` where the file states none; `time_s` only where it is uneven.
  """
  by_time_hz, even = even_rate_hz(time_s)
  if not np.isfinite(by_time_hz):
    return points
  return dataclasses.replace(
    points,
    rate_hz=points.rate_hz if has_rate else by_time_hz,
    rate_by_time_hz=by_time_hz,
    time_s=None if even else time_s,
  )


def _unit_s(name: str) -> float | None:
  """Seconds per unit by a name such as `time_ms`; None if it has no unit."""
  name = _plain(name)
  if "milliseconds" in name:
    return 1e-3
  if name.endswith(("seconds", "sec")):
    return 1.0
  found = re.search(r"(?:_|timestamp)(s|ms|us|ns)$", name)
  return None if found is None else _UNITS_S[found.group(1)]
