"""Is what positions show a human body, the right way round, at a human pace?

One set of rules for captures and recordings alike. Each rule says nothing
where it cannot tell. The limits were set between the values of 230 good
captures (walking, dance, sport, martial arts, slow exercises) and of the same
captures mirrored, or played ten times too fast or too slowly.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bgm2pose_jax.poses import body_pace, cleaning
from bgm2pose_jax.poses.body21 import BODY21

SIDES, BONES, RATE, UPRIGHT, FLOOR = (
  "sides",
  "bones",
  "rate",
  "up axis",
  "floor",
)

# Cosines. Good captures have .52 to .95 by the toes, .79 and more by the
# knees, .87 and more between hips and shoulders; mirrored ones the negative.
_TOES, _KNEES, _ACROSS = 0.3, 0.5, 0.5
# A knee tells where it bends once it is this share of the leg off its line.
_BENT = 0.08
_BENT_SHARE = 0.05
# Bones of a limb, by the joint at their end. Collars differ by up to 1.22 in
# marker-based captures, limbs by 1.12.
_LIMBS = ("ForeArm", "Hand", "Leg", "Foot")
_UNEQUAL = {
  **dict.fromkeys(_LIMBS, 1.3),
  **dict.fromkeys(("Shoulder", "Arm", "UpLeg", "ToeBase"), 1.7),
}
_STRETCH = 0.15
# Shares of the stature.
_NO_LENGTH = 0.002
# Frames that are judged of a longer capture: 8 minutes at 120 a second.
_MOST_FRAMES = 60_000
# Below this a walk is a row of jumps; no capture system is that fast.
_RATES_HZ = (8.0, 2000.0)
# Root mean square over all joints of a whole capture: 27 m/s2 at most.
_MOST_M_S2 = 45.0
# Joints cross their own range 1.09 times a second or more when they move fast,
# .63 times at most when all is ten times too slow. No capture's mean rhythm
# is above 2.8 Hz.
_SLOWEST_PER_S, _FASTEST_PER_S = 0.64, 4.5
_FASTEST_HZ, _FAST_M_S2 = 3.2, 10.0
_JUMPS = 0.1
_UPRIGHT_SHARE = 0.1
_BELOW_FLOOR_M, _BELOW_SHARE = 0.15, 0.005
_OFF_FLOOR_M = 0.3


@dataclasses.dataclass(frozen=True)
class Fault:
  """One thing that is wrong with a body or its motion.

  Attributes:
    kind: `sides`, `bones`, `rate`, `up axis` or `floor`.
    is_error: what is learnt from it would be wrong.
    found: what was found, with the value.
    fix: what to do.
  """

  kind: str
  is_error: bool
  found: str
  fix: str

  def __str__(self) -> str:
    return f"{self.found}; {self.fix}"


def is_mirrored(positions: np.ndarray) -> bool | None:
  """Tells whether left and right of a body have changed places.

  Toes point forward and knees bend forward; left is then known in
  right-handed axes, however the body stands or lies.

  Args:
    positions: [time, 21, 3] in any unit and any right-handed axes; frames
      with a missing joint are ignored.

  Returns:
    True where the left leg is on the right: the axes are left-handed, or the
    names Left and Right are swapped. None where it cannot be told.
  """
  toes, knees, _ = _side_cosines(positions)
  if toes < -_TOES and not knees > _KNEES:
    return True
  if toes > _TOES and not knees < -_KNEES:
    return False
  if abs(toes) <= _TOES and abs(knees) > _KNEES:
    return bool(knees < 0)
  return None


def check_sides(positions: np.ndarray) -> list[Fault]:
  """Looks for a body whose left and right have changed places.

  Args:
    positions: what `is_mirrored` takes.
  """
  toes, knees, across = _side_cosines(positions)
  if across < -_ACROSS:
    return [
      Fault(
        SIDES,
        True,
        "the left arm is above the right leg: Left and Right are swapped in"
        " arms or legs alone",
        "swap the names Left and Right of the wrong ones",
      )
    ]
  if is_mirrored(positions):
    return [
      Fault(
        SIDES,
        True,
        "the left leg is on the right of where the toes point: the body is"
        " mirrored, or Left and Right are swapped",
        "export in right-handed axes, or swap the names Left and Right of all"
        " joints in the file",
      )
    ]
  if abs(toes) > _TOES and abs(knees) > _KNEES and toes * knees < 0:
    return [
      Fault(
        SIDES,
        False,
        "the knees bend away from where the toes point",
        "check the order of rotations and the toes' offsets of the export",
      )
    ]
  return []


def _side_cosines(positions: np.ndarray) -> tuple[float, float, float]:
  """Cosines between the hips' line and left by toes, by knees, by shoulders.

  NaN where nothing can be told.
  """
  whole = _some_whole(positions)
  if not len(whole):
    return math.nan, math.nan, math.nan

  def pair(part: str) -> np.ndarray:
    """[time, side, 3], left first."""
    return whole[:, [BODY21.index(s + part) for s in ("Left", "Right")]]

  hip, knee, ankle, toe = map(pair, ("UpLeg", "Leg", "Foot", "ToeBase"))
  across = _unit(hip[:, 0] - hip[:, 1])
  # A shin and its foot never line up, in whatever posture.
  by_toes = np.cross(_unit(knee - ankle), _unit(toe - ankle)).mean(axis=1)
  toes = float(np.median((by_toes * across).sum(axis=-1)))

  line = _unit(hip - ankle)
  shin = knee - ankle
  forward = shin - (shin * line).sum(axis=-1, keepdims=True) * line
  length = np.linalg.norm(hip - knee, axis=-1) + np.linalg.norm(shin, axis=-1)
  bent = np.linalg.norm(forward, axis=-1) > _BENT * np.maximum(length, 1e-9)
  by_knees = np.cross(line, _unit(forward)) * across[:, None]
  knees = math.nan
  if bent.mean() > _BENT_SHARE:
    knees = float(np.median(by_knees.sum(axis=-1)[bent]))

  arm = pair("Arm")
  shoulders = _unit(arm[:, 0] - arm[:, 1])
  return toes, knees, float(np.median((shoulders * across).sum(axis=-1)))


def _some_whole(positions: np.ndarray) -> np.ndarray:
  """Frames without a missing joint, spread over a capture of many hours."""
  some = positions[:: max(1, len(positions) // _MOST_FRAMES)]
  return some[np.isfinite(some).all(axis=(1, 2))]


def _unit(vectors: np.ndarray) -> np.ndarray:
  size = np.linalg.norm(vectors, axis=-1, keepdims=True)
  return vectors / np.maximum(size, 1e-12)


def check_bones(positions: np.ndarray) -> list[Fault]:
  """Looks for bones without length, uneven ones and ones that stretch.

  Args:
    positions: [time, 21, 3] in any unit; frames with a missing joint are
      ignored.
  """
  whole = _some_whole(positions)
  if not len(whole):
    return []
  ends = np.array(BODY21.bones)
  lengths = np.linalg.norm(whole[:, ends[:, 1]] - whole[:, ends[:, 0]], axis=-1)
  middle = np.median(lengths, axis=0)
  names = [BODY21.joints[child] for _, child in BODY21.bones]
  of = dict(zip(names, middle))
  height = cleaning.stature(whole)
  found = []
  none = [name for name in names if of[name] <= _NO_LENGTH * height]
  if none:
    found.append(
      Fault(
        BONES,
        False,
        f"no length between {', '.join(none)} and the joint before",
        "check that the export holds every joint's own place",
      )
    )
  uneven = [
    (part, of[f"Left{part}"], of[f"Right{part}"])
    for part, most in _UNEQUAL.items()
    if not {f"Left{part}", f"Right{part}"} & set(none)
    and abs(math.log(of[f"Left{part}"] / of[f"Right{part}"])) > math.log(most)
  ]
  if uneven:
    part, left, right = uneven[0]
    found.append(
      Fault(
        BONES,
        False,
        f"the left bone to {part} is {left / right:.2f} times the right one",
        "check the skeleton's markers or offsets in the capture software",
      )
    )
  low, high = np.percentile(lengths, [2.5, 97.5], axis=0)
  stretch = {
    name: float(wide / of[name])
    for name, wide in zip(names, high - low)
    if name.endswith(_LIMBS) and name not in none
  }
  if stretch and max(stretch.values()) > _STRETCH:
    worst = max(stretch, key=lambda name: stretch[name])
    found.append(
      Fault(
        BONES,
        False,
        f"the bone to {worst} changes its length by {stretch[worst]:.0%}",
        "solve the capture on a skeleton of fixed bones, or mend swapped"
        " markers",
      )
    )
  return found


def check_rate(positions_m: np.ndarray, rate_hz: float) -> list[Fault]:
  """Judges whether people can move at the pace that the frame rate gives.

  Args:
    positions_m: [time, 21, 3] metres; NaN frames are ignored.
    rate_hz: frames per second.
  """
  fix = "give the true frame rate as fps_true in clips.csv"
  low, high = _RATES_HZ
  if not low <= rate_hz <= high:
    return [Fault(RATE, False, f"{rate_hz:g} frames a second", fix)]
  with np.errstate(invalid="ignore"):
    steps_m = np.linalg.norm(np.diff(positions_m, axis=0), axis=-1)
    jumps = (steps_m * rate_hz > cleaning.JUMP_M_S).any(axis=1)
  if len(jumps) and jumps.mean() > _JUMPS:
    return [
      Fault(
        RATE,
        False,
        f"a joint moves faster than {cleaning.JUMP_M_S:.0f} m/s in"
        f" {jumps.mean():.0%} of the frames at {rate_hz:g} Hz",
        f"{fix}, or mend swapped markers",
      )
    ]
  pace = body_pace.measure(positions_m[:_MOST_FRAMES], rate_hz)
  if pace is None:
    return []
  effort_m_s2, rhythm_hz, crossings_per_s = pace
  if effort_m_s2 > _MOST_M_S2 or (
    effort_m_s2 > _FAST_M_S2
    and rhythm_hz > _FASTEST_HZ
    and crossings_per_s > _FASTEST_PER_S
  ):
    return [
      Fault(
        RATE,
        False,
        f"faster than people move: {effort_m_s2:.0f} m/s2 in a rhythm of"
        f" {rhythm_hz:.1f} Hz throughout, at {rate_hz:g} Hz",
        fix,
      )
    ]
  if crossings_per_s < _SLOWEST_PER_S:
    return [
      Fault(
        RATE,
        False,
        "slower than people move: at their fastest joints take"
        f" {1 / max(crossings_per_s, 1e-3):.1f} s to cross their range, at"
        f" {rate_hz:g} Hz",
        f"{fix}, unless it is slow motion",
      )
    ]
  return []


def check_upright(positions: np.ndarray) -> list[Fault]:
  """Says where nothing tells which axis points up.

  Args:
    positions: [time, 21, 3] in any unit; NaN frames are ignored.
  """
  if cleaning.standing_axis(positions) is not None:
    return []
  line = cleaning.feet_to_head(positions)
  if not len(line) or (line[:, 1] > 0.9).mean() > _UPRIGHT_SHARE:
    return []
  return [
    Fault(
      UPRIGHT,
      False,
      "the person never stands upright, so nothing tells whether y points up",
      "nothing to do for one who sits or lies; else give up_axis in clips.csv",
    )
  ]


def check_floor(placed_m: np.ndarray) -> list[Fault]:
  """Looks for feet below the floor, or a floor far below the feet.

  Args:
    placed_m: [time, 21, 3] metres, finite, the floor at y = 0.
  """
  lowest = placed_m[..., 1].min(axis=1)
  low = float(np.percentile(lowest, 100 * _BELOW_SHARE))
  if low < -_BELOW_FLOOR_M:
    share = float((lowest < -_BELOW_FLOOR_M).mean())
    return [
      Fault(
        FLOOR,
        False,
        f"the lowest joint is down to {-low:.2f} m below the floor, in"
        f" {share:.0%} of the frames more than {_BELOW_FLOOR_M:g} m",
        "give the floor's height as floor_y_m in clips.csv, or leave these"
        " frames out by valid_ranges",
      )
    ]
  if (high := cleaning.floor_height(placed_m)) > _OFF_FLOOR_M:
    return [
      Fault(
        FLOOR,
        False,
        f"the feet stay {high:.2f} m above the floor",
        "correct floor_y_m in clips.csv, or leave the cell empty",
      )
    ]
  return []


def check(positions_m: np.ndarray, rate_hz: float) -> list[Fault]:
  """Every rule but that of the floor, errors first.

  Args:
    positions_m: [time, 21, 3] metres, y up; NaN where missing.
    rate_hz: frames per second.
  """
  return [
    *check_sides(positions_m),
    *check_upright(positions_m),
    *check_bones(positions_m),
    *check_rate(positions_m, rate_hz),
  ]
