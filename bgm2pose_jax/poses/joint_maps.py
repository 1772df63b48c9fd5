"""Name tables from the skeletons in use to the joints of `BODY21`."""

from __future__ import annotations

from collections.abc import Sequence

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text
from bgm2pose_jax.poses.body21 import BODY21

_Table = dict[str, tuple[str, ...]]


def _sided(pairs: dict[str, tuple[str, ...]]) -> _Table:
  """Fills in both sides; `{Side}` gives Left/Right, `{s}` gives l/r."""
  table = {}
  for side in ("Left", "Right"):
    for joint, names in pairs.items():
      table[side + joint] = tuple(
        name.format(Side=side, s=side[0].lower()) for name in names
      )
  return table


# MotionBuilder's names are also those of OptiTrack's FBX convention, of CMU's
# own skeletons and (with one more spine joint) of Mixamo and LaFAN1.
# Spine1 carries neck and shoulders here, so it is the topmost spine joint.
_MOTIONBUILDER: _Table = {
  "Hips": ("Hips",),
  "Spine": ("Spine",),
  "Spine1": ("Spine3", "Spine2", "Spine1"),
  "Neck": ("Neck",),
  "Head": ("Head",),
} | _sided(
  {
    "Shoulder": ("{Side}Shoulder",),
    "Arm": ("{Side}Arm",),
    "ForeArm": ("{Side}ForeArm",),
    "Hand": ("{Side}Hand",),
    "UpLeg": ("{Side}UpLeg",),
    "Leg": ("{Side}Leg",),
    "Foot": ("{Side}Foot",),
    "ToeBase": ("{Side}ToeBase", "{Side}Toe", "{Side}Foot End Site"),
  }
)

# The "Daz-friendly" conversion of the CMU captures (B. Hahne, 2010). Its
# figure has no toes: the end of the foot stands for them.
_DAZ: _Table = {
  "Hips": ("hip",),
  "Spine": ("abdomen",),
  "Spine1": ("chest",),
  "Neck": ("neck",),
  "Head": ("head",),
} | _sided(
  {
    "Shoulder": ("{s}Collar",),
    "Arm": ("{s}Shldr",),
    "ForeArm": ("{s}ForeArm",),
    "Hand": ("{s}Hand",),
    "UpLeg": ("{s}Thigh",),
    "Leg": ("{s}Shin",),
    "Foot": ("{s}Foot",),
    "ToeBase": ("{s}Foot End Site",),
  }
)

# OptiTrack's own convention ("Motive" in its export settings).
_MOTIVE: _Table = {
  "Hips": ("Hip",),
  "Spine": ("Ab",),
  "Spine1": ("Chest",),
  "Neck": ("Neck",),
  "Head": ("Head",),
} | _sided(
  {
    "Shoulder": ("{s}Shoulder",),
    "Arm": ("{s}UArm",),
    "ForeArm": ("{s}FArm",),
    "Hand": ("{s}Hand",),
    "UpLeg": ("{s}Thigh",),
    "Leg": ("{s}Shin",),
    "Foot": ("{s}Foot",),
    "ToeBase": ("{s}Toe", "{s}Foot End Site"),
  }
)

# Joints named by anatomy, as Xsens and the first Biovision files do.
_ANATOMIC: _Table = {
  "Hips": ("Hips",),
  "Spine": ("Chest",),
  "Spine1": ("Chest4", "Chest3", "Chest2"),
  "Neck": ("Neck",),
  "Head": ("Head",),
} | _sided(
  {
    "Shoulder": ("{Side}Collar",),
    "Arm": ("{Side}Shoulder",),
    "ForeArm": ("{Side}Elbow",),
    "Hand": ("{Side}Wrist",),
    "UpLeg": ("{Side}Hip",),
    "Leg": ("{Side}Knee",),
    "Foot": ("{Side}Ankle",),
    "ToeBase": ("{Side}Toe", "{Side}Ankle End Site"),
  }
)

NAME_TABLES: dict[str, _Table] = {
  "MotionBuilder": _MOTIONBUILDER,
  "Daz": _DAZ,
  "Motive": _MOTIVE,
  "anatomic": _ANATOMIC,
}


def joint_columns(names: Sequence[str], where: object) -> list[int]:
  """Finds the joints of `BODY21` among a file's point names.

  A prefix up to the last colon (`Skeleton:Hips`, `mixamorig:Hips`) and a
  prefix with an underscore that all points share are left aside; case does
  not matter.

  Args:
    names: point names as in the file.
    where: the file, for the message.

  Returns:
    For each of `BODY21.joints` the index in `names`.

  Raises:
    InputError: a joint is missing from the best fitting table, or its name
      occurs twice (two people in one file).
  """
  plain = _without_prefix(names)
  places: dict[str, list[int]] = {}
  for index, name in enumerate(plain):
    places.setdefault(name.casefold(), []).append(index)

  def missing(table: _Table) -> list[str]:
    return [
      joint
      for joint in BODY21.joints
      if not any(name.casefold() in places for name in table[joint])
    ]

  best = min(NAME_TABLES, key=lambda key: len(missing(NAME_TABLES[key])))
  if lacking := missing(NAME_TABLES[best]):
    wanted = NAME_TABLES[best][lacking[0]]
    raise InputError(
      where,
      f"no joint '{lacking[0]}' (looked for {' or '.join(wanted)};"
      f" {len(lacking)} of 21 missing); the file has {_listing(names)}",
      "export the skeleton with MotionBuilder (FBX), Motive, Daz or Xsens"
      " joint names",
    )
  columns = []
  for joint in BODY21.joints:
    name = next(
      name.casefold()
      for name in NAME_TABLES[best][joint]
      if name.casefold() in places
    )
    if len(places[name]) > 1:
      both = _listing([names[i] for i in places[name]])
      raise InputError(
        where, f"joint '{joint}' found twice: {both}", "export one person"
      )
    columns.append(places[name][0])
  return columns


def _without_prefix(names: Sequence[str]) -> list[str]:
  plain = [name.rpartition(":")[2].strip() for name in names]
  heads = {name.partition("_")[0] for name in plain if "_" in name}
  if len(heads) == 1 and all("_" in name for name in plain):
    plain = [name.partition("_")[2] for name in plain]
  return plain


def _listing(names: Sequence[str], most: int = 40) -> str:
  shown = ", ".join(clip_text(name, 40) for name in names[:most])
  return shown + (f", ... ({len(names)} names)" if len(names) > most else "")
