"""The pose at rest in which a skeleton is written to a motion file.

A person at rest stands in a T-pose: y up, facing +z, the left arm along +x
and the right one along -x, legs straight down, feet forward and a little
down. Which way a recorded person faces is in the rotation of the root.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.skeleton import Skeleton

_Vector = tuple[float, float, float]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RestPose:
  """A skeleton at rest.

  Attributes:
    skeleton: whose pose it is.
    towards: {joint: direction of the bone that ends in it}, of any length; x
      is towards the person's left.
    fans: {joint with several bones: (across, up)}, each a weight per bone in
      the order of `children`. The weighted sums of the bones point from right
      to left and upwards, whatever the person does.
    ends_cm: {joint without bones: what is drawn beyond it}, centimetres for
      an adult, along the bone at rest.
  """

  skeleton: Skeleton
  towards: Mapping[str, _Vector]
  fans: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]
  ends_cm: Mapping[str, float]

  @functools.cached_property
  def children(self) -> tuple[tuple[int, ...], ...]:
    """For each joint the joints that its bones end in."""
    return tuple(
      tuple(c for c, p in enumerate(self.skeleton.parents) if p == joint)
      for joint in range(self.skeleton.num_joints)
    )

  @functools.cached_property
  def turning(self) -> tuple[int, ...]:
    """Joints whose rotation moves another joint, parents first."""
    return tuple(j for j, children in enumerate(self.children) if children)

  @functools.cached_property
  def depth_first(self) -> tuple[int, ...]:
    """All joints in the order in which a hierarchy goes through them."""

    def below(joint: int) -> tuple[int, ...]:
      found = (joint,)
      for child in self.children[joint]:
        found += below(child)
      return found

    return below(self.skeleton.parents.index(-1))

  def directions(self) -> np.ndarray:
    """Unit vectors float64 [joint, 3] of the bones; zero for the root."""
    found = np.array(
      [self.towards.get(name, (0.0, 0.0, 0.0)) for name in self.skeleton.joints]
    )
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(length > 0, length, 1)


def _sided(
  parts: Mapping[str, _Vector], left: str, right: str
) -> dict[str, _Vector]:
  """Both sides of what is given for the left one."""
  found = {}
  for part, (x, y, z) in parts.items():
    found[left + part] = (x, y, z)
    found[right + part] = (-x, y, z)
  return found


REST21 = RestPose(
  skeleton=BODY21,
  towards={
    "Spine": (0.0, 1.0, 0.0),
    "Spine1": (0.0, 1.0, 0.0),
    "Neck": (0.0, 1.0, 0.0),
    "Head": (0.0, 1.0, 0.0),
  }
  | _sided(
    {
      "Shoulder": (0.7, 0.7, 0.0),
      "Arm": (1.0, 0.0, 0.0),
      "ForeArm": (1.0, 0.0, 0.0),
      "Hand": (1.0, 0.0, 0.0),
      "UpLeg": (0.9, -0.4, 0.0),
      "Leg": (0.0, -1.0, 0.0),
      "Foot": (0.0, -1.0, 0.0),
      "ToeBase": (0.0, -0.4, 0.9),
    },
    "Left",
    "Right",
  ),
  # Both carry (up, left, right).
  fans={
    "Hips": ((0.0, 1.0, -1.0), (1.0, 0.0, 0.0)),
    "Spine1": ((0.0, 1.0, -1.0), (1.0, 0.0, 0.0)),
  },
  ends_cm={
    "Head": 18.0,
    "LeftHand": 18.0,
    "RightHand": 18.0,
    "LeftToeBase": 6.0,
    "RightToeBase": 6.0,
  },
)

# There are no ankles: a bone leads from the knee to the toes.
REST13 = RestPose(
  skeleton=BODY13,
  towards=_sided(
    {
      "SHO": (1.0, -0.2, 0.0),
      "MEL": (1.0, 0.0, 0.0),
      "MWR": (1.0, 0.0, 0.0),
      "BWT": (0.25, -1.0, 0.0),
      "KNE": (0.0, -1.0, 0.0),
      "TOE": (0.0, -0.95, 0.3),
    },
    "L",
    "R",
  ),
  # Right and left shoulder, right and left hip.
  fans={"C7": ((-1.0, 1.0, -1.0, 1.0), (0.0, 0.0, -1.0, -1.0))},
  ends_cm={"LMWR": 18.0, "RMWR": 18.0, "LTOE": 6.0, "RTOE": 6.0},
)

# The root is the nose. The hips' bones lie on a line: they say nothing of up.
REST15 = RestPose(
  skeleton=BODY15,
  towards={"Neck": (0.0, -0.9, -0.5), "MidHip": (0.0, -1.0, 0.0)}
  | _sided(
    {
      "Shoulder": (1.0, -0.1, 0.0),
      "Elbow": (1.0, 0.0, 0.0),
      "Wrist": (1.0, 0.0, 0.0),
      "Hip": (1.0, 0.0, 0.0),
      "Knee": (0.0, -1.0, 0.0),
      "Ankle": (0.0, -1.0, 0.0),
    },
    "L",
    "R",
  ),
  # Right and left shoulder, middle of the hips; right and left hip.
  fans={
    "Neck": ((-1.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "MidHip": ((-1.0, 1.0), (0.0, 0.0)),
  },
  ends_cm={"LWrist": 18.0, "RWrist": 18.0, "LAnkle": 8.0, "RAnkle": 8.0},
)
