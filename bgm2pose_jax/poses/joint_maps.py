"""Finds the joints of `BODY21` among the names of a file's points.

Names are compared by `joint_names.fold`. What stands before and behind all
names of one person (`mixamorig:`, `Bob Smith `, `char1_`, `_jnt`) is left
aside. A convention must fit as a whole: its middle, its arms and its legs, with
left and right said in one way.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text
from bgm2pose_jax.poses import joint_names
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.joint_names import fold
from bgm2pose_jax.poses.joint_search import MAY_LACK, Fit, Search

CONVENTIONS = (
  "MotionBuilder (FBX, Mixamo, LaFAN1), Motive, Xsens, Rokoko, Unity, Unreal,"
  " Rigify, SMPL, CMU or Daz"
)
# A stand-in: {joint: (one neighbour, other neighbour, part of the way)}. Means
# over the people of CMU's captures and of UI-PRMD, to a twentieth.
_BETWEEN = {
  "Spine1": ("Spine", "Neck", 0.4),
  "Neck": ("Spine1", "Head", 0.6),
  "LeftShoulder": ("Neck", "LeftArm", 0.25),
  "RightShoulder": ("Neck", "RightArm", 0.25),
}
# Spine1 with no neck either: .4 of .7 of the way to the head.
_NO_NECK = {
  "Spine1": ("Spine", "Head", 0.28),
  "Neck": ("Spine", "Head", 0.7),
}
_HOW = "--joint_map=FILE, or joint_map.json in the folder"
_FIX = (
  f"export the skeleton with joint names of {CONVENTIONS}, or name the joints"
  f" ({_HOW})"
)


@dataclasses.dataclass(frozen=True)
class JointSources:
  """Which of a file's points the joints of `BODY21` are.

  Attributes:
    weights: for each of `BODY21.joints` {index of a point: its weight}; more
      than one point where a joint lies between its neighbours.
    usual_unit: the unit that files with these names are usually written in, a
      key of `cleaning.KNOWN_UNITS_M`; None for no usual one.
    warnings: what a person should know of it, a sentence each.
  """

  weights: tuple[Mapping[int, float], ...]
  usual_unit: str | None = None
  warnings: tuple[str, ...] = ()

  @functools.cached_property
  def columns(self) -> tuple[int, ...]:
    """The points that are needed, each once."""
    return tuple(dict.fromkeys(itertools.chain(*self.weights)))

  def joints(self, points: np.ndarray) -> np.ndarray:
    """The joints [time, 21, 3] of the points of `columns`, [time, point, 3]."""
    place = {column: i for i, column in enumerate(self.columns)}
    if all(len(weights) == 1 for weights in self.weights):
      return points[:, [place[next(iter(w))] for w in self.weights]]
    out = np.zeros((len(points), len(self.weights), 3))
    for joint, weights in enumerate(self.weights):
      for column, weight in weights.items():
        out[:, joint] += weight * points[:, place[column]]
    return out


def joint_columns(names: Sequence[str], where: object) -> list[int]:
  """Finds the joints of `BODY21` among a file's point names, all of them.

  Args:
    names: point names as in the file.
    where: the file, for the message.

  Returns:
    For each of `BODY21.joints` the index in `names`.

  Raises:
    InputError: a joint is missing from the best fitting convention, or its
      name occurs twice (two people in one file).
  """
  fit = _chosen(names, where)
  if fit.lacking:
    raise _missing(fit, names, where)
  return [fit.found[joint][0] for joint in BODY21.joints]


def find_joints(
  names: Sequence[str],
  where: object,
  *,
  parents: Sequence[int] | None = None,
  positions: np.ndarray | None = None,
  given: Mapping[str, str] | None = None,
) -> JointSources:
  """Finds the joints of `BODY21` among a file's point names.

  Neck, Spine1 and the shoulders may be missing: they are then placed between
  their neighbours, and a warning says so.

  Args:
    names: point names as in the file.
    where: the file, for the message.
    parents: index of each point's parent, -1 for the root; None where the file
      has no hierarchy. With it a root of any name can be the hips.
    positions: [time, point, 3], of some frames: which end of a bone a name
      means, and which joint of the spine lies above the hips.
    given: {a file's name: joint}, see `joint_map_file`; names that the file
      does not have are left aside.

  Raises:
    InputError: a joint is missing, or its name occurs twice (two people in one
      file).
  """
  fit = _chosen(names, where, parents, positions, given or {})
  if not fit.whole:
    raise _missing(fit, names, where)
  warnings = []
  lone = {joint: {where[0]: 1.0} for joint, where in fit.found.items()}
  rules = _NO_NECK if {"Neck", "Spine1"} <= set(fit.lacking) else {}
  for joint in (j for j in _BETWEEN if j in fit.lacking):
    first, second, part = (rules or _BETWEEN).get(joint, _BETWEEN[joint])
    mixed: dict[int, float] = {}
    for other, share in ((first, 1.0 - part), (second, part)):
      for column, weight in lone[other].items():
        mixed[column] = mixed.get(column, 0.0) + share * weight
    lone[joint] = mixed
    if joint != "RightShoulder" or "LeftShoulder" not in fit.lacking:
      both = joint.replace("LeftShoulder", "Shoulder")
      warnings.append(
        f"no joint '{both}': placed between {first} and"
        f" {second.removeprefix('Left')}, {part:g} of the way"
      )
  hips = names[fit.found["Hips"][0]]
  if fit.looked_for["Hips"] == ():
    warnings.append(
      f"no joint 'Hips': '{clip_text(hips, 40)}' is taken, which carries legs"
      " and spine"
    )
  plain = {fold(name) for name in names}
  cmu = all(
    any(name.endswith(mark) for name in plain) for mark in joint_names.CMU_MARKS
  )
  return JointSources(
    tuple(lone[joint] for joint in BODY21.joints),
    usual_unit="CMU unit" if cmu else None,
    warnings=tuple(warnings),
  )


def _chosen(
  names: Sequence[str],
  where: object,
  parents: Sequence[int] | None = None,
  positions: np.ndarray | None = None,
  given: Mapping[str, str] | None = None,
) -> Fit:
  """The best fit of all conventions, the only person's."""
  fixed = _given_columns(names, where, given or {})
  best: Fit | None = None
  # Namespaces first belong to the names, so that two people are told apart.
  for plain in (names, [name.rpartition(":")[2] for name in names]):
    search = Search(plain, parents, positions, fixed)
    fits = list(search.fits())
    whole = [fit for fit in fits if fit.whole]
    if whole:
      whole.sort(key=_rank)
      if len(fixed) < BODY21.num_joints:
        _refuse_two(whole, names, where, fixed)
        _check_limbs(whole[0], search, names, where)
      best = whole[0]
      break
    best = min([*fits, *([best] if best else [])], key=_rank)
  assert best is not None
  for joint, places in best.found.items():
    if best.whole and len(places) > 1:
      raise _twice(joint, places, names, where)
  return best


def _rank(fit: Fit) -> tuple[int, bool, bool, int]:
  before, behind = fit.affix
  return (
    len(fit.lacking),
    before in joint_names.BEHIND,
    before != joint_names.DEFORMING,
    len(before) + len(behind),
  )


def _refuse_two(
  whole: list[Fit],
  names: Sequence[str],
  where: object,
  fixed: Mapping[str, tuple[int, ...]],
) -> None:
  """Refuses a second person beside the first of the fits."""
  first = whole[0]
  own = {i for places in first.found.values() for i in places}
  for other in whole[1:]:
    before, behind = other.affix
    same = (
      own & {i for places in other.found.values() for i in places}
      or joint_names.DEFORMING in (before, first.affix[0])
      or before in joint_names.BEHIND
      or before in joint_names.POSITIONS
      or (before == first.affix[0] and behind in joint_names.POSITIONS)
    )
    if not same:
      raise _twice("Hips", [f.found["Hips"][0] for f in (first, other)],
                   names, where)  # fmt: skip
  last = [name.rpartition(":")[2].strip().casefold() for name in names]
  for joint, places in first.found.items():
    alike = [i for i, name in enumerate(last) if name == last[places[0]]]
    if len(alike) > 1 and joint not in fixed:
      raise _twice(joint, alike, names, where)


def _check_limbs(
  fit: Fit, search: Search, names: Sequence[str], where: object
) -> None:
  """Refuses a limb whose joints hang on each other the wrong way round."""
  if search.parents is None:
    return
  for joint, parent in zip(BODY21.joints, BODY21.parents):
    if joint.endswith(("ForeArm", "Hand", "Leg", "Foot", "ToeBase")):
      upper = BODY21.joints[parent]
      if upper == "Hips":
        continue
      lower_at, upper_at = fit.found[joint][0], fit.found[upper][0]
      if lower_at in search.above(upper_at):
        shown = [clip_text(names[i], 40) for i in (lower_at, upper_at)]
        raise InputError(
          where,
          f"'{shown[1]}' ({upper}) hangs on '{shown[0]}' ({joint}) in the"
          " hierarchy",
          f"name the joints ({_HOW})",
        )


def _twice(
  joint: str, places: Sequence[int], names: Sequence[str], where: object
) -> InputError:
  both = _listing([names[i] for i in places])
  return InputError(
    where,
    f"joint '{joint}' found twice: {both}",
    f"export one person, or name the joints of one ({_HOW})",
  )


def _missing(fit: Fit, names: Sequence[str], where: object) -> InputError:
  needed = [j for j in fit.lacking if j not in MAY_LACK]
  joint = (needed or fit.lacking)[0]
  words = " or ".join(fit.looked_for.get(joint, ())[:6]) or joint
  return InputError(
    where,
    f"no joint '{joint}' (looked for {words}; {len(fit.lacking)} of"
    f" {BODY21.num_joints} missing); the file has {_listing(names)}",
    _FIX,
  )


def _given_columns(
  names: Sequence[str], where: object, given: Mapping[str, str]
) -> dict[str, tuple[int, ...]]:
  """{joint: its point} of what a joint map says of this file's names."""
  exact = {name.strip(): joint for name, joint in given.items()}
  folded = {fold(name): joint for name, joint in given.items()}
  found: dict[str, tuple[int, ...]] = {}
  for index, name in enumerate(names):
    joint = exact.get(name.strip()) or folded.get(fold(name))
    if joint is None:
      continue
    if joint in found:
      both = _listing([names[found[joint][0]], name])
      raise InputError(
        where,
        f"the joint map makes two points '{joint}': {both}",
        "name one of them in the joint map",
      )
    found[joint] = (index,)
  return found


def _listing(names: Sequence[str], most: int = 40) -> str:
  shown = ", ".join(clip_text(name, 40) for name in names[:most])
  return shown + (f", ... ({len(names)} names)" if len(names) > most else "")
