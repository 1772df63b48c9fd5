"""In which manner a performer moves: wider, faster, more upright, mirrored.

Ranges of motion are those of the American Academy of Orthopaedic Surgeons,
Joint Motion: Method of Measuring and Recording, 1965. A varied movement stays
within them, or within what was captured where that goes further.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.spatial.transform import Rotation

from bgm2pose_jax.simulate.performers.movement import (
  Movement,
  turn_between,
  unit,
)

# Of the chest against the pelvis: (lowest, highest) about the body's left axis
# (bend, forward positive), up axis (turn, left positive) and forward axis
# (lean, right positive), radians.
TRUNK_LIMITS_RAD = np.radians([(-25.0, 80.0), (-45.0, 45.0), (-35.0, 35.0)])
# Of the elbow.
MOST_FLEXION_RAD = np.radians(150.0)
# Of the upper arm behind the chest.
MOST_EXTENSION_RAD = np.radians(60.0)
# Lowest middle of the hip joints above the ankle, leg lengths: a full squat.
LOWEST_HIPS = 0.45
# A mean direction shorter than this is none: the arm points everywhere.
_LEAST_MEAN = 0.3


@dataclasses.dataclass(frozen=True)
class Manner:
  """How somebody moves; the defaults change nothing.

  Attributes:
    mirrored: left and right are exchanged.
    tempo: factor on speed.
    arms: factor on how far the arms move from their mean direction, and on
      how far elbows bend.
    trunk: the same of the chest against the pelvis.
    legs: factor on the size of steps, squats and jumps.
    slouch_rad: more forward bend of the chest.
    arm_out_rad: more angle between a hanging arm and the body.
  """

  mirrored: bool = False
  tempo: float = 1.0
  arms: float = 1.0
  trunk: float = 1.0
  legs: float = 1.0
  slouch_rad: float = 0.0
  arm_out_rad: float = 0.0


def draw_manner(rng: np.random.Generator) -> Manner:
  """Draws how somebody moves; every other performer is mirrored."""
  return Manner(
    mirrored=bool(rng.integers(2)),
    tempo=float(np.exp(rng.uniform(-0.15, 0.15))),
    arms=float(rng.uniform(0.85, 1.1)),
    trunk=float(rng.uniform(0.85, 1.15)),
    legs=float(rng.uniform(0.9, 1.05)),
    slouch_rad=float(rng.uniform(-0.08, 0.12)),
    arm_out_rad=float(rng.uniform(-0.02, 0.10)),
  )


def once(manner: Manner, rng: np.random.Generator) -> Manner:
  """A performance in somebody's manner: nobody does a thing twice alike.

  Args:
    manner: the performer's manner.
    rng: decides tempo and sizes of this performance.
  """
  return dataclasses.replace(
    manner,
    tempo=manner.tempo * float(np.exp(rng.uniform(-0.05, 0.05))),
    arms=manner.arms * float(rng.uniform(0.96, 1.04)),
    trunk=manner.trunk * float(rng.uniform(0.96, 1.04)),
    legs=manner.legs * float(rng.uniform(0.97, 1.03)),
  )


def vary(movement: Movement, manner: Manner) -> Movement:
  """Changes sizes and posture of a movement, within joint limits.

  Mirroring and tempo are not a movement's: see `performer.perform_clip`.

  Args:
    movement: what was captured.
    manner: how it is to be done.

  Returns:
    The changed movement.
  """
  upper, fore = _arms(movement, manner)
  path, height, ankle = _legs(movement, manner.legs)
  return dataclasses.replace(
    movement,
    chest=_chest(movement, manner),
    upper_arm=upper,
    forearm=fore,
    path=path,
    height=height,
    ankle=ankle,
  )


def turn_share(turns: np.ndarray, share: float) -> np.ndarray:
  """A share of turns [time, 3, 3] about their own axes."""
  vectors = Rotation.from_matrix(turns).as_rotvec()
  return Rotation.from_rotvec(share * vectors).as_matrix()


def trunk_angles_rad(movement: Movement) -> np.ndarray:
  """Bend, turn and lean [time, 3] of the chest against the pelvis."""
  turns = np.swapaxes(movement.pelvis, 1, 2) @ movement.chest
  return Rotation.from_matrix(turns).as_rotvec()


def elbow_flexion_rad(movement: Movement) -> np.ndarray:
  """Angles [time, side=2] between upper arm and forearm; 0 is straight."""
  cosine = (movement.upper_arm * movement.forearm).sum(-1)
  return np.arccos(np.clip(cosine, -1, 1))


def _chest(movement: Movement, manner: Manner) -> np.ndarray:
  turns = Rotation.from_matrix(
    np.swapaxes(movement.pelvis, 1, 2) @ movement.chest
  )
  captured = turns.as_rotvec()
  usual = turns.mean()
  away = (usual.inv() * turns).as_rotvec()
  wider = usual * Rotation.from_rotvec(manner.trunk * away)
  angles = wider.as_rotvec() + np.array([manner.slouch_rad, 0.0, 0.0])
  low = np.minimum(TRUNK_LIMITS_RAD[:, 0], captured)
  high = np.maximum(TRUNK_LIMITS_RAD[:, 1], captured)
  angles = np.clip(angles, low, high)
  return movement.pelvis @ Rotation.from_rotvec(angles).as_matrix()


def _arms(movement: Movement, manner: Manner) -> tuple[np.ndarray, np.ndarray]:
  """Directions [time, side, 3] of upper arms and forearms, chest axes."""
  captured = movement.upper_arm
  mean = captured.mean(axis=0)
  size = np.linalg.norm(mean, axis=-1, keepdims=True)
  # Fades out where an arm has no mean direction.
  share = np.clip(size / _LEAST_MEAN - 1, 0, 1)[:, :, None]
  factor = 1 + share * (manner.arms - 1)
  away = turn_between(unit(mean), captured)
  vectors = Rotation.from_matrix(away.reshape(-1, 3, 3)).as_rotvec()
  vectors = vectors.reshape(captured.shape) * factor.reshape(1, -1, 1)
  swing = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
  swing = swing.reshape(away.shape)
  upper = np.einsum("tsij,sj->tsi", swing, unit(mean))
  sign = np.array([1.0, -1.0])
  hang = np.clip(-upper[..., 1], 0, 1) ** 2
  angle = sign * manner.arm_out_rad * hang
  cos, sin = np.cos(angle), np.sin(angle)
  x, y = upper[..., 0], upper[..., 1]
  upper = np.stack(
    [cos * x - sin * y, sin * x + cos * y, upper[..., 2]], axis=-1
  )
  furthest = np.minimum(-np.sin(MOST_EXTENSION_RAD), captured[..., 2])
  ahead = np.maximum(upper[..., 2:], furthest[..., None])
  aside = unit(upper * [1.0, 1.0, 0.0]) * np.sqrt(1 - ahead**2)
  upper = np.where(ahead > upper[..., 2:], aside, upper)
  upper = np.concatenate([upper[..., :2], ahead], axis=-1)
  carried = np.einsum(
    "tsij,tsj->tsi", turn_between(captured, upper), movement.forearm
  )
  flexion = elbow_flexion_rad(movement)
  most = np.maximum(MOST_FLEXION_RAD, flexion)
  wanted = np.minimum(manner.arms * flexion, most)[..., None]
  across = carried - upper * (carried * upper).sum(-1, keepdims=True)
  fore = np.cos(wanted) * upper + np.sin(wanted) * unit(across)
  return upper, unit(fore)


def _legs(
  movement: Movement, factor: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Path, height and ankles with larger or smaller steps, squats and jumps."""
  standing = float(np.percentile(movement.height, 95))
  deepest = standing - float(movement.height.min())
  if factor > 1 and deepest > 0:
    floor = min(LOWEST_HIPS, float(movement.height.min()))
    factor = min(factor, max(1.0, (standing - floor) / deepest))
  height = standing + factor * (movement.height - standing)
  return factor * movement.path, height, factor * movement.ankle
