"""Where poses stand and which way they face: as in the training, and back.

The network was trained with the take's median left toe as origin and with
players who face one direction. A camera knows neither, so both are found from
the take's median pose, which little noise is left in.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.refine.pose_track import PoseTrack
from bgm2pose_jax.systems.mapnet.refine.thirteen_joints import median_pose

MODES = ("yaw", "origin", "none")
_LEFT_TOE = BODY13.index("LTOE")


@dataclasses.dataclass(frozen=True, eq=False)
class Placing:
  """A shift, then a turn about the vertical axis.

  Attributes:
    origin_m: float64 [3], what becomes the origin.
    yaw_rad: how far the person is turned afterwards, from z towards x.
  """

  origin_m: np.ndarray
  yaw_rad: float = 0.0

  def into(self, position_m: np.ndarray) -> np.ndarray:
    """Poses [..., 3] in the frame of the training."""
    return (position_m - self.origin_m) @ _turn(self.yaw_rad)

  def back(self, position_m: np.ndarray) -> np.ndarray:
    """Poses [..., 3] in the frame that they came in."""
    return position_m @ _turn(-self.yaw_rad) + self.origin_m


NOWHERE = Placing(np.zeros(3))


def find(track: PoseTrack, mean_pose_m: np.ndarray, mode: str) -> Placing:
  """Finds where a take stands, relative to the training's mean pose.

  Args:
    track: the poses.
    mean_pose_m: [joint=13, 3], the training's, its left toe near the origin.
    mode: `yaw` finds both, `origin` the origin alone, `none` changes nothing.
  """
  if mode == "none":
    return NOWHERE
  middle = median_pose(track.position_m)
  origin_m = middle[_LEFT_TOE]
  if mode == "origin":
    return Placing(origin_m)
  return Placing(origin_m, yaw_between(middle, np.asarray(mean_pose_m)))


def yaw_between(pose_m: np.ndarray, target_m: np.ndarray) -> float:
  """Turn about y that brings one pose nearest to another.

  The least squares over all joints around their middle (Procrustes in the
  horizontal plane), in closed form.

  Args:
    pose_m: [joint, 3] to be turned.
    target_m: [joint, 3].

  Returns:
    Radians from z towards x, -pi to pi.
  """
  a = pose_m - pose_m.mean(axis=0)
  b = target_m - target_m.mean(axis=0)
  along = (a[:, 0] * b[:, 0] + a[:, 2] * b[:, 2]).sum()
  across = (a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]).sum()
  return math.atan2(across, along)


def _turn(yaw_rad: float) -> np.ndarray:
  """Matrix [3, 3] that a row vector is multiplied by."""
  cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
  return np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]])
