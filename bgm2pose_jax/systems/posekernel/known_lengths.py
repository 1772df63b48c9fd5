"""Depth of a person from the image alone: by the body's size, or by the floor.

Both need something of the world that the image does not say. Fixed height
takes everybody to be as tall as training people are on average. Ground plane
takes the floor to lie where training ankles stood.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel import rays
from bgm2pose_jax.systems.posekernel.metrics import ROOT

ANKLES = (BODY15.index("RAnkle"), BODY15.index("LAnkle"))
# Halvings of the range of depths: a thousandth of a millimetre is left.
_HALVINGS = 32


@dataclasses.dataclass(frozen=True, eq=False)
class FixedHeight:
  """The depth at which a skeleton has the training mean bone lengths.

  A skeleton on the rays is flatter than the person, so that its bones are
  shorter. Training bones are therefore measured as they are laid on the rays of
  their keypoints at the mid-hip's true depth.

  Attributes:
    template: the mean training pose.
    bones_m: float64 [bone], mean lengths of training bones laid so.
    range_m: the depths that are searched.
  """

  template: rays.Template
  bones_m: np.ndarray
  range_m: tuple[float, float]

  @classmethod
  def of(
    cls, pose_m: np.ndarray, bearing: np.ndarray, found: np.ndarray
  ) -> FixedHeight:
    """Measures training people.

    Args:
      pose_m: [n, joint, 3], metres, camera frame.
      bearing: [n, joint, 3] from `rays.bearings`.
      found: bool [n, joint].
    """
    template = rays.Template.of(pose_m)
    depth = pose_m[:, ROOT, 2].astype(np.float64)
    lengths = rays.bone_lengths_m(template.placed(depth, bearing, found))
    seen = rays.bones_found(found)
    total = np.where(seen, lengths, 0).sum(axis=0)
    mean = total / np.maximum(seen.sum(axis=0), 1)
    return cls(template, mean, (depth.min() / 2, depth.max() * 2))

  def depths_m(self, bearing: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Depths of the mid-hip, float64 [n]; arguments as of `of`.

    Where no bone is seen it is the mean training depth.
    """
    # A bone that training never showed has no length.
    seen = rays.bones_found(found) & (self.bones_m > 0)
    wanted = np.where(seen, self.bones_m, 0).sum(axis=1)
    low = np.full(len(bearing), self.range_m[0])
    high = np.full(len(bearing), self.range_m[1])
    for _ in range(_HALVINGS):
      middle = (low + high) / 2
      placed = self.template.placed(middle, bearing, found)
      laid = np.where(seen, rays.bone_lengths_m(placed), 0).sum(axis=1)
      short = laid < wanted
      low, high = np.where(short, middle, low), np.where(short, high, middle)
    unknown = ~seen.any(axis=1)
    return np.where(unknown, self.template.root_m[2], (low + high) / 2)


@dataclasses.dataclass(frozen=True, eq=False)
class GroundPlane:
  """A plane through ankles: normal . X = distance, in the camera's frame.

  Attributes:
    normal: float64 [3], of length one, towards the floor (y above 0).
    distance_m: distance of the plane from the camera, metres.
  """

  normal: np.ndarray
  distance_m: float

  @classmethod
  def of(cls, pose_m: np.ndarray) -> GroundPlane:
    """The plane with the least squared distance from both ankles.

    Args:
      pose_m: [n, joint, 3], metres, camera frame.
    """
    ankles = pose_m[:, ANKLES].astype(np.float64).reshape(-1, 3)
    middle = ankles.mean(axis=0)
    *_, axes = np.linalg.svd(ankles - middle, full_matrices=False)
    normal = axes[-1] if axes[-1, 1] >= 0 else -axes[-1]
    return cls(normal, float(normal @ middle))

  def depths_m(self, bearing: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Depths at which the ankles' rays meet the plane, float64 [n].

    The nearer ankle counts: a raised foot's ray meets the plane behind it. NaN
    where no ankle was found, or no ray meets the plane before the camera.

    Args:
      bearing: [n, joint, 3] from `rays.bearings`.
      found: bool [n, joint].
    """
    towards = bearing[:, ANKLES] @ self.normal
    meets = found[:, ANKLES] & (towards > 1e-6)
    depth = self.distance_m / np.where(meets, towards, 1.0)
    depth = np.where(meets & (depth > 0), depth, np.inf).min(axis=1)
    return np.where(np.isfinite(depth), depth, np.nan)
