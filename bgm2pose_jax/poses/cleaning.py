"""Turns captured points into usable metres: unit, floor, cuts, gaps, rate.

Thresholds are in metres and seconds, so they hold for any capture rate. All
functions are NumPy only and take positions of the joints of `BODY21`.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import interpolate

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21

# Units that motion capture files are written in. CMU's is 1 / 0.45 inch.
KNOWN_UNITS_M: dict[str, float] = {
  "metre": 1.0,
  "centimetre": 0.01,
  "millimetre": 0.001,
  "inch": 0.0254,
  "CMU unit": 0.0254 / 0.45,
}
# Never taken without being told, but what else a skeleton may be in: a child in
# CMU's unit is a tall adult in decimetres.
RARE_UNITS_M: dict[str, float] = {"decimetre": 0.1, "foot": 0.3048}
# A child to a very tall adult. The ratio stays below that of neighbouring
# known units (2.22), so at most one of them fits a skeleton.
STATURE_RANGE_M = (1.0, 2.2)
# Thigh .245 and shank .246 of the stature: D. A. Winter, Biomechanics and
# Motor Control of Human Movement, 4th ed. 2009, fig. 4.1.
_LEG_PER_STATURE = 0.491
# A thrown punch reaches about 12 m/s at the hand; above that markers swapped.
JUMP_M_S = 14.0
# Trackers and their filters smear a glitch over a few frames around it.
MARGIN_S = 0.05
SHORTEST_CLIP_S = 1.0
LONGEST_GAP_S = 0.1
_LONGEST_T_POSE_S = 5.0
# Nine hours at 120 frames a second.
_MOST_FRAMES = 4_000_000
# Rows are the room's x, y, z in the file's axes; all are turns.
UP_AXES: dict[str, np.ndarray] = {
  "x": np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]),
  "y": np.eye(3),
  "z": np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]]),
  "-x": np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]),
  "-y": np.array([[1, 0, 0], [0, -1, 0], [0, 0, -1.0]]),
  "-z": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]]),
}

_LEGS = [
  [BODY21.index(side + part) for part in ("UpLeg", "Leg", "Foot")]
  for side in ("Left", "Right")
]
_ARMS = [
  [BODY21.index(side + part) for part in ("Arm", "ForeArm", "Hand")]
  for side in ("Left", "Right")
]
_HEAD = BODY21.index("Head")


def stature(positions: np.ndarray) -> float:
  """Body height estimated from the legs, in the unit of the positions.

  Mean of both hip-knee-ankle lengths (median over frames, so sitting or a
  glitch does not matter) divided by .491 (Winter 2009).

  Args:
    positions: [time, 21, 3]; NaN frames are ignored.
  """
  legs = positions[:, _LEGS]
  lengths = np.linalg.norm(np.diff(legs, axis=2), axis=-1).sum(axis=2)
  lengths = lengths[np.isfinite(lengths).all(axis=1)]
  if not len(lengths):
    return math.nan
  return float(np.median(lengths, axis=0).mean()) / _LEG_PER_STATURE


def unit_from_stature(
  positions: np.ndarray, where: object, usual: str | None = None
) -> tuple[float, str]:
  """Finds the unit of length in which the skeleton is of human height.

  Args:
    positions: [time, 21, 3] in the unknown unit.
    where: the file, for the message.
    usual: the unit that such files are usually written in; it is taken where
      it fits.

  Returns:
    (metres per unit, name of the unit).

  Raises:
    InputError: none of KNOWN_UNITS_M gives 1.0 to 2.2 m, or one of
      RARE_UNITS_M does too and none is usual, or a limb has no length.
  """
  check_bones(positions, where)
  height = stature(positions)
  low, high = STATURE_RANGE_M
  known, rare = (
    {name: m for name, m in units.items() if low <= height * m <= high}
    for units in (KNOWN_UNITS_M, RARE_UNITS_M)
  )
  if known and (not rare or usual in known):
    ((name, unit_m),) = known.items()
    return unit_m, name
  said = " or ".join(
    f"{height * unit_m:.2f} m tall in {name} units (1 unit = {unit_m:.6g} m)"
    for name, unit_m in {**known, **rare}.items()
  ).replace("unit units", "units")
  if known:
    raise InputError(
      where,
      f"the unit of length is unclear: a person {said}",
      "give unit_scale_m for the file in clips.csv",
    )
  raise InputError(
    where,
    f"a skeleton {height:.4g} units tall, human in no usual unit"
    + (f" ({said})" if said else ""),
    "give unit_scale_m for the file in clips.csv",
  )


def feet_to_head(positions: np.ndarray) -> np.ndarray:
  """Direction from between the feet to the head, where both are known.

  Args:
    positions: [time, 21, 3] in any unit; NaN frames are ignored.

  Returns:
    [frames, 3], unit vectors (zero where feet and head coincide).
  """
  feet = positions[:, [_LEGS[0][2], _LEGS[1][2]]].mean(axis=1)
  line = positions[:, _HEAD] - feet
  line = line[np.isfinite(line).all(axis=1)]
  return line / np.maximum(np.linalg.norm(line, axis=1, keepdims=True), 1e-9)


def check_bones(positions: np.ndarray, where: object) -> None:
  """Refuses a body with a bone of arms or legs whose ends lie in one place.

  Args:
    positions: [time, 21, 3] in any unit; NaN frames are ignored.
    where: the file, for the message.

  Raises:
    InputError: names the bones.
  """
  lengths = {}
  for limb in (*_LEGS, *_ARMS):
    for parent, joint in itertools.pairwise(limb):
      bone = positions[:, joint] - positions[:, parent]
      measured = np.linalg.norm(bone, axis=-1)
      measured = measured[np.isfinite(measured)]
      if len(measured):
        name = f"{BODY21.joints[parent]}-{BODY21.joints[joint]}"
        lengths[name] = float(np.median(measured))
  longest = max(lengths.values(), default=0.0)
  short = [name for name in lengths if lengths[name] <= 1e-3 * longest]
  if short:
    raise InputError(
      where,
      f"bones of length zero: {', '.join(short)}",
      "export the skeleton with its bones' lengths (OFFSETs, or positions in"
      " the room)",
    )


def turned(positions: np.ndarray, up_axis: str) -> np.ndarray:
  """Turns a capture so that its up axis becomes y.

  A turn and no mirror: left stays left.

  Args:
    positions: [..., 3] in right-handed axes.
    up_axis: one of UP_AXES.
  """
  if up_axis not in UP_AXES:
    raise InputError("up_axis", up_axis, f"give {', '.join(UP_AXES)}")
  return positions @ UP_AXES[up_axis].T


def evenly_timed(
  positions: np.ndarray, time_s: np.ndarray, rate_hz: float
) -> np.ndarray:
  """Puts frames of uneven times on even ones, by straight lines.

  Args:
    positions: [time, joint, 3], NaN where missing.
    time_s: [time], ascending.
    rate_hz: frames per second wanted.

  Returns:
    [time, joint, 3] from the first time on; NaN where no frame is nearer than
    LONGEST_GAP_S on both sides.

  Raises:
    InputError: the times span more frames than a capture has.
  """
  span = (time_s[-1] - time_s[0]) * rate_hz
  if span > _MOST_FRAMES:
    raise InputError("time", f"{span:.3g} frames long", "correct the times")
  at_s = time_s[0] + np.arange(math.floor(span + 1e-6) + 1) / rate_hz
  after = np.clip(np.searchsorted(time_s, at_s), 1, len(time_s) - 1)
  step_s = time_s[after] - time_s[after - 1]
  part = np.clip((at_s - time_s[after - 1]) / step_s, 0.0, 1.0)
  part = np.where(part < 1e-6, 0.0, np.where(part > 1 - 1e-6, 1.0, part))
  weight = part[:, None, None]
  first, second = positions[after - 1], positions[after]
  out = np.where(weight == 0, first, np.where(weight == 1, second,
                 first + weight * (second - first)))  # fmt: skip
  inside = (part > 0) & (part < 1)
  out[inside & (step_s > LONGEST_GAP_S + 1e-6)] = np.nan
  return out


def standing_axis(positions: np.ndarray) -> str | None:
  """Axis along which the person stands through most of a capture.

  Args:
    positions: [time, 21, 3] in any unit; NaN frames are ignored.

  Returns:
    `+x` to `-z`, the direction of the line from the feet to the head; None
    where it is none of them, as of one who only lies or sits askew.
  """
  line = feet_to_head(positions)
  if not len(line):
    return None
  middle = np.median(line, axis=0)
  axis = int(np.argmax(np.abs(middle)))
  if abs(middle[axis]) <= 0.9:
    return None
  return ("+" if middle[axis] > 0 else "-") + "xyz"[axis]


def check_upright(positions_m: np.ndarray, where: object) -> None:
  """Refuses a capture whose up axis is not y.

  Raises:
    InputError: the line from the feet to the head points along another axis
      (or down) through most of the capture.
  """
  axis = standing_axis(positions_m)
  if axis not in (None, "+y"):
    raise InputError(
      where,
      f"the person stands along {axis}",
      f"give up_axis {axis.removeprefix('+')} for the file in clips.csv, or"
      " export the capture with y up (or leave out one that only lies down)",
    )


def floor_height(positions_m: np.ndarray) -> float:
  """5th percentile over time of the lowest joint's y, in metres.

  A percentile, since single frames sink below the floor in most captures.

  Args:
    positions_m: [time, 21, 3], finite.
  """
  return float(np.percentile(positions_m[..., 1].min(axis=1), 5.0))


def is_t_pose(positions: np.ndarray) -> np.ndarray:
  """Marks frames with straight arms to both sides above straight legs.

  Args:
    positions: [time, 21, 3] in any unit, y up.

  Returns:
    bool [time]; False where a joint is missing.
  """

  def directions(chains):
    points = positions[:, chains]
    span = points[:, :, 2] - points[:, :, 0]
    reach = np.linalg.norm(span, axis=-1)
    length = np.linalg.norm(np.diff(points, axis=2), axis=-1).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
      straight = (reach > 0.95 * length).all(axis=1)
      return span / reach[..., None], straight

  arms, arms_straight = directions(_ARMS)
  legs, legs_straight = directions(_LEGS)
  opposed = (arms[:, 0] * arms[:, 1]).sum(axis=-1) < -0.9
  level = (np.abs(arms[..., 1]) < 0.3).all(axis=1)
  standing = (legs[..., 1] < -0.95).all(axis=1)
  return arms_straight & legs_straight & opposed & level & standing


def usable_ranges(
  positions_m: np.ndarray, rate_hz: float
) -> list[tuple[int, int]]:
  """Frame ranges free of missing joints, the first T-pose and jumps.

  A calibration T-pose at the very start (at most 5 s of it) and every step of
  a joint above 14 m/s are cut out with 50 ms on either side; what remains
  shorter than 1 s is dropped.

  Args:
    positions_m: [time, 21, 3] metres, NaN where missing.
    rate_hz: true frames per second.

  Returns:
    Ascending (start, stop) pairs, stop exclusive.
  """
  frames = len(positions_m)
  good = np.array(np.all(np.isfinite(positions_m), axis=(1, 2)))
  margin = round(MARGIN_S * rate_hz)
  held = is_t_pose(positions_m[: round(_LONGEST_T_POSE_S * rate_hz)])
  t_frames = len(held) if held.all() else int(np.argmin(held))
  if t_frames:
    good[: t_frames + margin] = False
  with np.errstate(invalid="ignore"):
    steps_m = np.linalg.norm(np.diff(positions_m, axis=0), axis=-1)
    jumps = np.flatnonzero((steps_m * rate_hz > JUMP_M_S).any(axis=1)) + 1
  for frame in jumps:
    good[max(frame - margin, 0) : frame + margin] = False
  edges = np.flatnonzero(np.diff(good, prepend=False, append=False))
  shortest = SHORTEST_CLIP_S * rate_hz
  return [
    (int(start), int(stop))
    for start, stop in edges.reshape(-1, 2)
    if stop - start >= min(shortest, frames)
  ]


def fill_gaps(
  positions: np.ndarray, rate_hz: float, longest_s: float = LONGEST_GAP_S
) -> np.ndarray:
  """Bridges short missing stretches of a joint by straight lines.

  Args:
    positions: [time, joint, 3], NaN where missing; not changed.
    rate_hz: frames per second.
    longest_s: longest stretch that is bridged, to a frame.

  Returns:
    A copy in which longer gaps, and those at the ends, are still NaN.
  """
  filled = np.array(positions, dtype=np.float64)
  longest = round(longest_s * rate_hz)
  missing = np.array(np.any(~np.isfinite(filled), axis=2))
  for joint in np.flatnonzero(missing.any(axis=0)):
    edges = np.flatnonzero(
      np.diff(missing[:, joint], prepend=False, append=False)
    )
    for start, stop in edges.reshape(-1, 2):
      filled[start:stop, joint] = np.nan
      if start > 0 and stop < len(filled) and stop - start <= longest:
        part = np.arange(1, stop - start + 1)[:, None] / (stop - start + 1)
        before, after = filled[start - 1, joint], filled[stop, joint]
        filled[start:stop, joint] = before + part * (after - before)
  return filled


def resample(
  positions: np.ndarray, rate_hz: float, to_hz: float = 120.0
) -> np.ndarray:
  """Changes the frame rate by a cubic spline through every coordinate.

  A spline keeps velocities continuous, which a moving reflector needs; frames
  of the new motion lie within the time span of the old one. There is no
  low-pass filter: body motion ends far below 60 Hz.

  Args:
    positions: [time, ..., 3], finite.
    rate_hz: frames per second of `positions`.
    to_hz: frames per second wanted.

  Returns:
    float32 [floor((time - 1) * to_hz / rate_hz) + 1, ..., 3], starting with
    the same frame; the same values if the rates are equal.

  Raises:
    InputError: no frames, values that are not finite, or rates that are not
      positive numbers.
  """
  positions = np.asarray(positions)
  for name, value in (("rate_hz", rate_hz), ("to_hz", to_hz)):
    if not (math.isfinite(value) and value > 0):
      raise InputError(name, f"{value!r}", "give a positive frame rate")
  if positions.ndim < 2 or not len(positions):
    raise InputError(
      "positions", f"shape {positions.shape}", "give [time, joint, 3]"
    )
  if not np.isfinite(positions).all():
    raise InputError("positions", "values not finite", "cut or fill the gaps")
  if rate_hz == to_hz or len(positions) == 1:
    return positions.astype(np.float32)
  # The small term keeps a last frame that rounding would push outside.
  count = math.floor((len(positions) - 1) * to_hz / rate_hz + 1e-6) + 1
  at = np.minimum(np.arange(count) * (rate_hz / to_hz), len(positions) - 1)
  frames = np.arange(len(positions))
  spline = interpolate.CubicSpline(frames, positions.astype(np.float64), axis=0)
  return spline(at).astype(np.float32)
