"""How the skeletons in use name the joints of `BODY21`, as foldable words.

A table is three chains: the middle of the body, the arms, the legs. A word is
lower case without blanks, `_`, `.`, `-` and `:`, as `fold` leaves it; `$`
stands for the reader's ` End Site`. Words of one joint are alternatives, the
first is preferred.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

Words = Mapping[str, tuple[str, ...]]
_DROPPED = str.maketrans("", "", " \t_.-:|")


def fold(name: str) -> str:
  """A name without case, blanks, namespaces' colons, `_`, `.` and `-`."""
  return name.casefold().translate(_DROPPED)


@dataclasses.dataclass(frozen=True)
class Middle:
  """The middle of the body in one convention.

  Attributes:
    name: whose names these are.
    hips, neck, head: words of these joints.
    spine: words of the spine's joints, upwards. The lowest that a file has is
      `Spine`; the topmost carries neck and shoulders and is `Spine1`.
  """

  name: str
  hips: tuple[str, ...]
  spine: tuple[str, ...]
  neck: tuple[str, ...] = (
    "neck",
    "neck0",
    "neck01",
    "neck1",
    "neckbase",
    "necktwist01",
  )
  head: tuple[str, ...] = ("head", "head0", "head01", "head1")


@dataclasses.dataclass(frozen=True)
class Limb:
  """One limb in one convention; its joints are the same on both sides.

  Attributes:
    name: whose names these are.
    words: {joint of `BODY21` without its side: words}.
  """

  name: str
  words: Words


def _numbered(word: str, first: int, last: int) -> tuple[str, ...]:
  """`word` with 0 to 9 behind it as `1`, `01` and `001`, upwards."""
  return tuple(
    f"{word}{number:0{digits}d}"
    for number in range(first, last + 1)
    for digits in (1, 2, 3)
  )


_PELVIS = ("hips", "hip", "pelvis", "midhip", "hipcenter")
_SPINES = ("spine", *_numbered("spine", 0, 9))
_CHESTS = ("chest", *_numbered("chest", 0, 9), "upperchest", "chestupper")

# The first that fits best is taken. Sources: MotionBuilder's characterisation
# (also Mixamo, LaFAN1, CMU's skeleton by B. Hahne, Motive's FBX names, 3ds Max
# Biped, Unreal, SMPL, Rokoko's spine1 to spine4); Unity's HumanBodyBones (also
# Bandai-Namco, VRM); the Daz figure; Motive; Xsens MVN's segments; the ASF
# files of CMU; Blender's Rigify; Microsoft's Kinect and Azure Kinect;
# Human3.6M.
MIDDLES = (
  Middle(
    "MotionBuilder or Unity",
    _PELVIS,
    (
      "waist",
      "torso",
      *_SPINES,
      "lowerspine",
      "middlespine",
      "upperspine",
      *_CHESTS,
    ),
  ),
  Middle(
    "Daz or Motive",
    _PELVIS,
    (
      "abdomen",
      "ab",
      "stomach",
      "abdomenlower",
      "abdomen2",
      "abdomenupper",
      "chest",
      "chestlower",
      "chestupper",
    ),
    neck=("neck", "necklower"),
  ),
  Middle("Xsens MVN", _PELVIS, ("l5", "l3", "t12", "t8")),
  Middle(
    "CMU",
    ("root", *_PELVIS),
    ("upperback", "thorax"),
    neck=("lowerneck", "neck"),
    head=("head", "upperneck"),
  ),
  Middle(
    "Rigify",
    ("spine",),
    _numbered("spine", 1, 3),
    neck=("spine004",),
    head=("spine006", "spine005"),
  ),
  Middle(
    "Kinect",
    ("spinebase", "hipcenter", *_PELVIS),
    (
      "spinenaval",
      "spinenavel",
      "spinemid",
      "spine",
      "thorax",
      "spinechest",
      "spineshoulder",
    ),
    neck=("neck", "shouldercenter"),
  ),
)

_COLLAR = ("collar", "clavicle", "scapula", "collarbone", "clav")
# `LeftShoulder` is the collar's joint beside `LeftArm` and the arm's beside
# `LeftElbow`: a chain fits as a whole.
ARMS = (
  Limb(
    "arm",
    {
      "Shoulder": ("shoulder", *_COLLAR),
      "Arm": ("arm", "upperarm", "uparm", "uarm"),
      "ForeArm": ("forearm", "lowerarm", "lowarm", "farm"),
      "Hand": ("hand", "wrist"),
    },
  ),
  Limb(
    "elbow",
    {
      "Shoulder": _COLLAR,
      "Arm": ("shoulder", "shldr", "shldrbend"),
      "ForeArm": ("elbow", "forearm", "forearmbend"),
      "Hand": ("wrist", "hand"),
    },
  ),
  Limb(
    "humerus",
    {
      "Shoulder": ("clavicle",),
      "Arm": ("humerus",),
      "ForeArm": ("radius",),
      "Hand": ("wrist", "hand"),
    },
  ),
)

_TOES = ("toebase", "toe", "toes", "toe0", "ball", "forefoot", "footindex")
LEGS = (
  Limb(
    "leg",
    {
      "UpLeg": ("upleg", "upperleg", "thigh", "thighbend"),
      "Leg": ("leg", "lowerleg", "lowleg", "shin", "calf", "shank"),
      "Foot": ("foot", "ankle"),
      "ToeBase": (*_TOES, "foot$", "ankle$"),
    },
  ),
  Limb(
    "knee",
    {
      "UpLeg": ("hip", "upleg", "thigh"),
      "Leg": ("knee",),
      "Foot": ("ankle",),
      "ToeBase": (*_TOES, "foot", "ankle$"),
    },
  ),
  Limb(
    "knee and foot",
    {
      "UpLeg": ("hip",),
      "Leg": ("knee",),
      "Foot": ("foot",),
      "ToeBase": (*_TOES, "foot$"),
    },
  ),
  Limb(
    "femur",
    {
      "UpLeg": ("femur",),
      "Leg": ("tibia",),
      "Foot": ("foot",),
      "ToeBase": ("toes", "foot$"),
    },
  ),
)

# Where the points of ASF's bones are where the bones end, as in tables of
# positions, and not where they begin and turn, as in BVH files.
ENDS_MIDDLE = Middle(
  "CMU, bones' ends",
  ("root", *_PELVIS),
  ("lowerback", "upperback"),
  neck=("thorax",),
  head=("upperneck", "lowerneck"),
)
ENDS_ARM = Limb(
  "humerus, bones' ends",
  {
    "Shoulder": (),
    "Arm": ("clavicle",),
    "ForeArm": ("humerus",),
    "Hand": ("radius",),
  },
)
ENDS_LEG = Limb(
  "femur, bones' ends",
  {
    "UpLeg": ("hipjoint",),
    "Leg": ("femur",),
    "Foot": ("tibia",),
    "ToeBase": ("foot",),
  },
)

SIDES = (("left", "right"), ("l", "r"), ("lf", "rt"), ("lft", "rgt"))
# What stands before or behind a name where a file has more than positions.
NOT_POSITIONS = frozenset(
  [
    "rot",
    "rotation",
    "rotations",
    "quat",
    "quaternion",
    "euler",
    "vel",
    "velocity",
    "acc",
    "acceleration",
    "angvel",
    "angularvelocity",
    "local",
    "scale",
    "orientation",
    "orient",
    "dir",
  ]
)
POSITIONS = frozenset(
  [
    "pos",
    "position",
    "positions",
    "world",
    "global",
    "translation",
    "trans",
    "xyz",
  ]
)
# Layers of one rig: the first that is whole is read.
DEFORMING = "def"
BEHIND = frozenset(["org", "mch", "ctrl", "ik", "fk", "rig"])
# Both are names of CMU's skeleton alone, in all its conversions.
CMU_MARKS = ("lhipjoint", "lowerback")
