"""What a body does, apart from whose body it is.

A movement is read from joint positions and holds turns, directions and, for the
feet and hips, places in leg lengths. `acting.act` gives it to another body.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.poses.body21 import BODY21

SIDES = ("Left", "Right")
# A foot this close to its lowest height stands, leg lengths.
STANDING_LIFT = 0.03
# What "lowest" means for ankles: some captures let feet sink in now and then.
_LOWEST_PERCENT = 5.0
_SHORTEST = 1e-9
_UP = np.array([0.0, 1.0, 0.0])


@dataclasses.dataclass(frozen=True)
class Movement:
  """A movement of `BODY21`, y up, in the axes of the positions it is read from.

  Frames [3, 3] have the body's left, up and forward as columns. Sides are left,
  right.

  Attributes:
    pelvis: [time, 3, 3] frame of the pelvis.
    chest: [time, 3, 3] frame of the chest.
    head: [time, 3, 3] turn of the neck from its mean direction, chest axes.
    clavicle: [time, side=2, 3, 3] the same of the collar bones.
    upper_arm: [time, side=2, 3] direction, chest axes.
    forearm: [time, side=2, 3] direction, chest axes.
    path: [time, 2] x and z of the middle of the hip joints, leg lengths, from
      the middle of the path.
    height: [time] of the middle of the hip joints above a standing ankle, leg
      lengths.
    ankle: [time, side=2, 3] x and z as in `path`; y above a standing ankle;
      leg lengths.
    foot: [time, side=2, 3] direction from ankle to toe base.
    flat_rad: pitch of that direction when the foot stands.
    knee: [time, side=2, 3] of the knee from the line of hip and ankle, leg
      lengths.
  """

  pelvis: np.ndarray
  chest: np.ndarray
  head: np.ndarray
  clavicle: np.ndarray
  upper_arm: np.ndarray
  forearm: np.ndarray
  path: np.ndarray
  height: np.ndarray
  ankle: np.ndarray
  foot: np.ndarray
  flat_rad: float
  knee: np.ndarray


def read_movement(positions_m: np.ndarray) -> Movement:
  """Reads a movement from the positions of the joints.

  Args:
    positions_m: [time, joint=21, 3] metres, y up, right-handed.

  Returns:
    The movement, float64.
  """
  at = {
    name: np.asarray(positions_m[:, i], np.float64)
    for i, name in enumerate(BODY21.joints)
  }

  def both(name: str) -> np.ndarray:
    return np.stack([at[side + name] for side in SIDES], axis=1)

  hips, knees, ankles = both("UpLeg"), both("Leg"), both("Foot")
  shoulders, elbows, hands = both("Arm"), both("ForeArm"), both("Hand")
  leg_m = _median_length(knees - hips) + _median_length(ankles - knees)
  middle = hips.mean(axis=1)
  pelvis = _frame(hips[:, 0] - hips[:, 1], at["Spine"] - middle)
  chest = _frame(shoulders[:, 0] - shoulders[:, 1], at["Neck"] - at["Spine"])
  inward = np.swapaxes(chest, 1, 2)

  def in_chest(vectors: np.ndarray) -> np.ndarray:
    return np.einsum("tij,t...j->t...i", inward, unit(vectors))

  ground_m = float(np.percentile(ankles[..., 1].min(axis=1), _LOWEST_PERCENT))
  centre = 0.5 * (middle.max(axis=0) + middle.min(axis=0))
  origin = np.array([centre[0], ground_m, centre[2]])
  ankle = (ankles - origin) / leg_m
  foot = unit(both("ToeBase") - ankles)
  pitch = np.arcsin(np.clip(foot[..., 1], -1, 1))
  stands = ankle[..., 1] < STANDING_LIFT
  flat_rad = float(np.median(pitch[stands] if stands.any() else pitch))
  along = unit(ankles - hips)
  away = knees - hips
  away = away - along * (away * along).sum(-1, keepdims=True)
  head = in_chest(at["Head"] - at["Neck"])
  clavicle = in_chest(shoulders - both("Shoulder"))
  return Movement(
    pelvis=pelvis,
    chest=chest,
    head=turn_between(_mean_direction(head), head),
    clavicle=turn_between(_mean_direction(clavicle), clavicle),
    upper_arm=in_chest(elbows - shoulders),
    forearm=in_chest(hands - elbows),
    path=(middle - origin)[:, [0, 2]] / leg_m,
    height=(middle - origin)[:, 1] / leg_m,
    ankle=ankle,
    foot=foot,
    flat_rad=flat_rad,
    knee=away / leg_m,
  )


def unit(vectors: np.ndarray) -> np.ndarray:
  """Vectors [..., 3] at length one; zero stays zero."""
  length = np.linalg.norm(vectors, axis=-1, keepdims=True)
  return vectors / np.maximum(length, _SHORTEST)


def turn_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  """The smallest turns that take directions to others.

  Args:
    first: unit vectors [..., 3].
    second: unit vectors [..., 3], broadcast against `first`.

  Returns:
    Rotation matrices [..., 3, 3]; where the directions are opposite, a half
    turn about some axis square to them.
  """
  first, second = np.broadcast_arrays(first, second)
  # A turn is two reflections: at the plane between, then at the second's.
  half = first + second
  opposite = np.linalg.norm(half, axis=-1, keepdims=True) < 1e-6
  least = np.eye(3)[np.abs(first).argmin(axis=-1)]
  half = unit(np.where(opposite, np.cross(first, least), half))
  eye = np.eye(3)
  reflected = eye - 2 * half[..., :, None] * half[..., None, :]
  mirror = eye - 2 * first[..., :, None] * first[..., None, :]
  return reflected @ mirror


def _frame(left: np.ndarray, up: np.ndarray) -> np.ndarray:
  """Frames [time, 3, 3]: left is kept, up is made square to it."""
  left = unit(left)
  forward = unit(np.cross(left, up))
  return np.stack([left, np.cross(forward, left), forward], axis=-1)


def _mean_direction(directions: np.ndarray) -> np.ndarray:
  return unit(directions.mean(axis=0))


def _median_length(bones: np.ndarray) -> float:
  """Length of a bone [time, side, 3]: median over time, mean of the sides."""
  return float(np.median(np.linalg.norm(bones, axis=-1), axis=0).mean())
