"""A movement done by a body: joint positions with that body's bone lengths."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import kinematics
from bgm2pose_jax.simulate.kinematics import BodyDimensions
from bgm2pose_jax.simulate.performers.manner import turn_share
from bgm2pose_jax.simulate.performers.movement import (
  SIDES,
  STANDING_LIFT,
  Movement,
  unit,
)

# A knee that is less in front than this, leg lengths, hardly says where it
# points: captured knees pass through the line of a straight leg.
_STRAIGHT = 0.03
# A foot in the air lowers the hips by this much less than one that stands.
_SWING_SLACK = 4.0
# Sharpness of the limit that straight legs put on the hips, 1/m.
_SHARPNESS = 200.0
_UP = np.array([0.0, 1.0, 0.0])


def act(movement: Movement, body: BodyDimensions) -> np.ndarray:
  """Gives a movement to a body.

  Trunk, head and arms turn as in the movement. Feet and hips go where it has
  them, in the body's own leg lengths, and inverse kinematics joins them. Where
  a standing leg is too short for that, the hips sink.

  Args:
    movement: what is done.
    body: who does it.

  Returns:
    float64 [time, joint=21, 3] metres in the movement's axes, floor at y = 0.
    Bone lengths are the body's in every frame; no joint is lower than the
    body's `toe_m`.
  """
  count = len(movement.height)
  leg_m = body.leg_m
  joints = np.zeros((count, BODY21.num_joints, 3))
  at = {name: i for i, name in enumerate(BODY21.joints)}
  ankles, toes = _feet(movement, body)
  pelvis, chest = movement.pelvis, movement.chest
  offsets = np.stack(
    [pelvis @ np.array([sign * body.hip_m, 0, 0]) for sign in (1.0, -1.0)],
    axis=1,
  )
  middle = np.stack(
    [
      movement.path[:, 0] * leg_m,
      body.ankle_m + movement.height * leg_m,
      movement.path[:, 1] * leg_m,
    ],
    axis=-1,
  )
  middle[:, 1] = _within_reach(middle, offsets, ankles, movement, leg_m)
  for side, name in enumerate(SIDES):
    hip = middle + offsets[:, side]
    along = unit(ankles[:, side] - hip)
    outward = _knee_direction(movement.knee[:, side], along, pelvis[:, :, 0])
    knee, ankle = kinematics.two_bone(
      hip, ankles[:, side], np.cross(outward, along), body
    )
    joints[:, at[f"{name}UpLeg"]] = hip
    joints[:, at[f"{name}Leg"]] = knee
    joints[:, at[f"{name}Foot"]] = ankle
    joints[:, at[f"{name}ToeBase"]] = toes[:, side] + ankle - ankles[:, side]
  joints[:, at["Hips"]] = middle + body.hip_drop_m * pelvis[:, :, 1]
  joints[:, at["Spine"]] = (
    joints[:, at["Hips"]] + body.hips_to_spine_m * pelvis[:, :, 1]
  )
  bend = np.swapaxes(pelvis, 1, 2) @ chest
  waist = pelvis @ turn_share(bend, 0.5)
  top = joints[:, at["Spine"]] + body.spine_m * waist[:, :, 1]
  joints[:, at["Spine1"]] = top
  joints[:, at["Neck"]] = top + body.chest_m * chest[:, :, 1]
  neck = np.array([0.0, 0.985, 0.17]) * body.neck_m
  joints[:, at["Head"]] = joints[:, at["Neck"]] + chest @ movement.head @ neck
  for side, (name, sign) in enumerate(zip(SIDES, (1.0, -1.0), strict=True)):
    collar = top + chest @ np.array(
      [sign * 0.2 * body.collar_m, 0.8 * body.chest_m, 0.0]
    )
    across = np.array([sign * 0.8 * body.collar_m, 0.0, 0.0])
    shoulder = collar + chest @ movement.clavicle[:, side] @ across
    elbow = shoulder + body.upper_arm_m * _turned(
      chest, movement.upper_arm[:, side]
    )
    joints[:, at[f"{name}Shoulder"]] = collar
    joints[:, at[f"{name}Arm"]] = shoulder
    joints[:, at[f"{name}ForeArm"]] = elbow
    joints[:, at[f"{name}Hand"]] = elbow + body.forearm_m * _turned(
      chest, movement.forearm[:, side]
    )
  # Whatever is lowest carries the body: nothing goes through the floor.
  below = body.toe_m - joints[:, :, 1].min(axis=1)
  joints[:, :, 1] += np.maximum(below, 0.0)[:, None]
  return joints


def _feet(
  movement: Movement, body: BodyDimensions
) -> tuple[np.ndarray, np.ndarray]:
  """Ankles and toe bases [time, side, 3] above the floor, metres."""
  ankles = movement.ankle * body.leg_m
  ankles[..., 1] = body.ankle_m + np.maximum(ankles[..., 1], 0.0)
  # Figures differ in where ankle and toe base lie: pitch counts from flat.
  flat_rad = float(np.arctan2(body.toe_m - body.ankle_m, body.foot_m))
  foot = movement.foot
  level = np.linalg.norm(foot[..., [0, 2]], axis=-1, keepdims=True)
  angle = (movement.flat_rad - flat_rad) * level
  axis = unit(np.cross(_UP, foot))
  foot = np.cos(angle) * foot + np.sin(angle) * np.cross(axis, foot)
  toes = foot * np.hypot(body.foot_m, body.ankle_m - body.toe_m)
  # A pointed toe may not go through the floor: the ankle rises instead.
  ankles[..., 1] = np.maximum(ankles[..., 1], body.toe_m - toes[..., 1])
  return ankles, ankles + toes


def _within_reach(
  middle: np.ndarray,
  offsets: np.ndarray,
  ankles: np.ndarray,
  movement: Movement,
  leg_m: float,
) -> np.ndarray:
  """Height [time] of the hip joints' middle that legs allow, metres."""
  reach = kinematics.REACH * leg_m
  limits = [middle[:, 1]]
  for side in range(len(SIDES)):
    apart = middle + offsets[:, side] - ankles[:, side]
    away = (apart[:, [0, 2]] ** 2).sum(-1)
    rise = np.sqrt(np.maximum(reach**2 - away, 0.01 * leg_m**2))
    lift = np.maximum(movement.ankle[:, side, 1] - STANDING_LIFT, 0.0)
    limits.append(
      ankles[:, side, 1]
      + rise
      - offsets[:, side, 1]
      + _SWING_SLACK * lift * leg_m
    )
  return kinematics.soft_minimum(limits, _SHARPNESS)


def _knee_direction(
  knee: np.ndarray, along: np.ndarray, left: np.ndarray
) -> np.ndarray:
  """Where a knee points [time, 3]: as captured, but never backwards.

  Args:
    knee: [time, 3] of the captured knee from the line of its leg, leg lengths.
    along: [time, 3] direction from hip to ankle.
    left: [time, 3] left axis of the pelvis.
  """
  forward = unit(np.cross(along, left))
  ahead = (knee * forward).sum(-1, keepdims=True)
  above_zero = ahead / 2 + np.sqrt(ahead**2 / 4 + _STRAIGHT**2)
  return knee + (above_zero - ahead) * forward


def _turned(frames: np.ndarray, vectors: np.ndarray) -> np.ndarray:
  """Vectors [time, 3] of the axes of frames [time, 3, 3], in the outer axes."""
  return np.einsum("tij,tj->ti", frames, vectors)
