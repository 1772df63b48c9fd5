"""Named points of any skeleton that is known -> the 13 joints, in metres."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import cleaning, joint_maps, mediapipe
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.captured_points import CapturedPoints

# Names of BODY21 whose joint is in the place of one of ours. Its arm begins
# at the shoulder joint, its upper leg at the hip joint.
_OF_BODY21 = {
  "SHO": "Arm",
  "MEL": "ForeArm",
  "MWR": "Hand",
  "BWT": "UpLeg",
  "KNE": "Leg",
  "TOE": "ToeBase",
}
# Thigh over stature: D. A. Winter, Biomechanics and Motor Control of Human
# Movement, 4th ed. 2009, fig. 4.1.
_THIGH_PER_STATURE = 0.245
# Wider than people are: markers lie on the skin, not in the joints.
_STATURE_M = (0.9, 2.6)
_USUAL_M = 1.65
_THIGHS = (
  (BODY13.index("RBWT"), BODY13.index("RKNE")),
  (BODY13.index("LBWT"), BODY13.index("LKNE")),
)
_TOES = (BODY13.index("RTOE"), BODY13.index("LTOE"))


@dataclasses.dataclass(frozen=True, eq=False)
class ThirteenJoints:
  """Joints as a file shows them.

  Attributes:
    position_m: float64 [t, joint=13, 3] metres, y up, NaN where missing.
    visibility: float64 [t, joint=13], or None.
    hip_centred: whether the origin goes along with the hips.
    note: which names and which unit the file has, one sentence.
  """

  position_m: np.ndarray
  visibility: np.ndarray | None
  hip_centred: bool
  note: str


def has_own_names(names: tuple[str, ...]) -> bool:
  """Whether most of the names of `BODY13` are among those of a file."""
  plain = _plain(names)
  # RMEL, LBWT and the like occur in no other convention.
  return sum(n in plain for n in BODY13.joints) > BODY13.num_joints // 2


def _plain(names: tuple[str, ...]) -> list[str]:
  return [name.rpartition(":")[2].strip().upper() for name in names]


def columns(names: tuple[str, ...], where: object) -> tuple[list[int], str]:
  """Finds the joints among points that are no landmarks.

  Args:
    names: the names of the points.
    where: the file, for messages.

  Returns:
    For each joint of `BODY13` the index of its point, and a word on the names.

  Raises:
    InputError: a joint is missing or occurs twice.
  """
  if has_own_names(names):
    plain = _plain(names)
    for joint in BODY13.joints:
      count = plain.count(joint)
      if count != 1:
        raise InputError(
          where,
          f"has joint {joint} {'twice' if count else 'nowhere'}",
          f"give one person with {', '.join(BODY13.joints)}",
        )
    return [plain.index(joint) for joint in BODY13.joints], "the 13 joints"
  places = joint_maps.joint_columns(names, where)
  found = [places[BODY21.index("Neck")]]
  for joint in BODY13.joints[1:]:
    side = "Left" if joint.startswith("L") else "Right"
    found.append(places[BODY21.index(side + _OF_BODY21[joint[1:]])])
  return found, "a skeleton of 21 joints, whose neck stands for C7"


def of_points(points: CapturedPoints, where: object) -> ThirteenJoints:
  """The 13 joints of a capture.

  Args:
    points: the points as a reader gives them; landmarks as MediaPipe gives
      them.
    where: the file, for messages.

  Raises:
    InputError: joints missing, no person's size in any unit, or not upright.
  """
  if mediapipe.is_landmarks(points.names):
    points = mediapipe.in_order(points, where)
    landmarks_m = mediapipe.upright_m(points.positions, where)
    position_m, seen = mediapipe.to_body13(landmarks_m, points.visibility)
    height_m = stature(position_m)
    if not _STATURE_M[0] <= height_m <= _STATURE_M[1]:
      raise InputError(
        where,
        f"shows a person {height_m:.3g} m tall",
        "give world landmarks, which are metres",
      )
    note = "MediaPipe's world landmarks, metres"
    return ThirteenJoints(position_m, seen, True, note)
  chosen, named = columns(points.names, where)
  positions = points.positions[:, chosen]
  unit_m, unit = _unit(positions, points.unit_m, where)
  position_m = positions * unit_m
  _check_upright(position_m, where)
  seen = None if points.visibility is None else points.visibility[:, chosen]
  note = f"{named}, lengths in {unit}"
  return ThirteenJoints(position_m, seen, False, note)


def stature(positions: np.ndarray) -> float:
  """Body height by the thighs of the median pose, in the positions' unit.

  The median pose has little of the noise that makes bones of single poses
  too long.

  Args:
    positions: [t, joint=13, 3]; NaN is left aside.
  """
  middle = median_pose(positions)
  lengths = [np.linalg.norm(middle[a] - middle[b]) for a, b in _THIGHS]
  lengths = [length for length in lengths if math.isfinite(length)]
  if not lengths:
    return math.nan
  return float(np.mean(lengths)) / _THIGH_PER_STATURE


def median_pose(positions: np.ndarray, most: int = 50_000) -> np.ndarray:
  """Median over time of each coordinate; NaN for a joint never seen.

  Args:
    positions: [t, joint, 3]; NaN is left aside.
    most: poses, evenly spread over time, that are looked at.
  """
  part = positions[:: -(-len(positions) // most)]
  gone = np.array(np.any(~np.isfinite(part), axis=2))
  part = np.where(gone[..., None], np.nan, part)
  out = np.full(part.shape[1:], np.nan)
  seen = ~gone.all(axis=0)
  out[seen] = np.nanmedian(part[:, seen], axis=0)
  return out


def _unit(
  positions: np.ndarray, stated_m: float | None, where: object
) -> tuple[float, str]:
  """Metres per unit, and its name."""
  height = stature(positions)
  units = cleaning.KNOWN_UNITS_M
  if stated_m is not None:
    units = {f"units of {stated_m:g} m": stated_m}
  if height > 0:
    # Nearest by ratio; the median of a moving person is never far off.
    name = min(units, key=lambda n: abs(math.log(height * units[n] / _USUAL_M)))
    if _STATURE_M[0] <= height * units[name] <= _STATURE_M[1]:
      return units[name], f"{name}s" if stated_m is None else name
  raise InputError(
    where,
    f"shows a person {height:.4g} units tall by the thighs, human in no usual"
    " unit",
    "give positions in metres",
  )


def _check_upright(position_m: np.ndarray, where: object) -> None:
  middle = median_pose(position_m)
  line = middle[0] - middle[list(_TOES)].mean(axis=0)
  axis = int(np.argmax(np.abs(np.nan_to_num(line))))
  if axis != 1 or not line[1] > 0:
    name = ("-" if line[axis] < 0 else "+") + "xyz"[axis]
    raise InputError(
      where, f"has a person who stands along {name}", "export it with y up"
    )
