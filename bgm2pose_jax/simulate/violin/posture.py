"""The standing player: trunk and legs, and the arms set on them.

Frame of this file ("stage"): metres, right-handed, y up, floor at y = 0; the
player looks along +z, with the left side towards +x, before the feet are
turned by `Player.facing_rad`.

Bones of `BODY13` that keep their length: C7 to either shoulder, both upper
arms, both forearms, hip to knee on either side. C7 to hip changes as the spine
bends, knee to toe as the ankle does; both stay within 5 %.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.simulate.kinematics import rotation
from bgm2pose_jax.simulate.motion import random_stream
from bgm2pose_jax.simulate.violin import arms, instrument
from bgm2pose_jax.simulate.violin.bowing import CONTROL_HZ, Bowing, smooth
from bgm2pose_jax.simulate.violin.players import Player

# Share of the trunk below the bend of the spine; C7 lies behind its line.
_LOWER = 0.45
_C7_BACK_M = 0.03
# Toe above the floor.
_TOE_M = 0.025
# The wrist travels farther than the finger that it rocks.
_ROCKING = 1.5
_ENDS_M = (0.0, instrument.STRING_M)
RIGID = (
  ("C7", "RSHO"),
  ("C7", "LSHO"),
  ("RSHO", "RMEL"),
  ("LSHO", "LMEL"),
  ("RMEL", "RMWR"),
  ("LMEL", "LMWR"),
  ("RBWT", "RKNE"),
  ("LBWT", "LKNE"),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Stage:
  """Player, violin and bow at t frames, stage frame, metres, float64.

  Attributes:
    pose_m: [t, joint=13, 3], `BODY13`.
    strings_m: [t, string=4, (bridge, nut), 3].
    contact_m: [t, 3], the touched string below the hair.
    frog_m: [t, 3], end of the hair at the hand.
    tip_m: [t, 3], other end of the hair.
    hold_m: [t, 3], where the right hand holds the bow.
    finger_m: [t, 3], the string plane under the left hand's first finger.
  """

  pose_m: np.ndarray
  strings_m: np.ndarray
  contact_m: np.ndarray
  frog_m: np.ndarray
  tip_m: np.ndarray
  hold_m: np.ndarray
  finger_m: np.ndarray


def _wander(
  t: np.ndarray, rate_hz: float, rng: np.random.Generator
) -> np.ndarray:
  """Slow movement of about unit size: four incommensurate sines."""
  rates = rate_hz * rng.uniform(0.35, 1.9, 4)
  sizes = rng.uniform(0.3, 1.0, 4) / np.maximum(rates / rate_hz, 0.7)
  phases = rng.uniform(0, 2 * np.pi, 4)
  waves = np.sin(2 * np.pi * t[:, None] * rates + phases) * sizes
  return waves.sum(-1) / np.sqrt(0.5 * np.sum(sizes**2)) * 0.7


def _at(origin: np.ndarray, turn: np.ndarray, point: np.ndarray) -> np.ndarray:
  return origin + np.einsum("tij,tj->ti", turn, point)


def stage(player: Player, bowing: Bowing, seed: int) -> Stage:
  """Player, violin and bow over a take.

  Args:
    player: who stands there.
    bowing: bow and fingers.
    seed: draws sway, weight shifts and breathing; not negative.

  Returns:
    All of them at 50 frames per second.

  Raises:
    OutOfReachError: if an arm or leg cannot reach its target.
  """
  rng = random_stream(seed, "posture", player.name)
  step = CONTROL_HZ // FRAMES_PER_S
  count = (len(bowing.hair_m) - 1) // step
  pick = np.arange(count) * step
  t = np.arange(count) / FRAMES_PER_S
  sway = player.sway

  def wander(size: float, rate: float = 1.0) -> np.ndarray:
    return size * sway * _wander(t, rate * player.sway_hz, rng)

  # The trunk turns a little against the bow and leans into loud phrases.
  effort = smooth(np.abs(bowing.speed_m_s), 1.2)[pick]
  travel = smooth(bowing.hair_m - 0.3, 0.25)[pick]
  level = smooth(bowing.bow_rad, 0.4)[pick]
  breath = np.sin(2 * np.pi * player.breath_hz * t + rng.uniform(0, 6.28))
  pelvis_yaw = wander(0.04)
  pelvis_roll = wander(0.012)
  pelvis = rotation(pelvis_yaw, 0.02 + wander(0.01), pelvis_roll)
  yaw = pelvis_yaw + wander(0.06) + 0.06 * travel
  pitch = player.slouch_rad + wander(0.03) + 0.05 * effort + 0.004 * breath
  roll = wander(0.03) + 0.03 * level
  lower = rotation(0.5 * (pelvis_yaw + yaw), 0.6 * pitch, 0.6 * roll)
  upper = rotation(yaw, pitch, roll)

  hips, legs = _legs(
    player,
    x=wander(0.016, 0.7),
    z=wander(0.008, 0.7),
    give=player.knee_bend * (1 + 0.5 * np.tanh(wander(0.8))),
    pelvis=pelvis,
  )
  middle = hips.mean(1)
  bone = np.array([0.0, player.trunk_m, 0.0])
  waist = _at(middle, lower, np.broadcast_to(_LOWER * bone, (count, 3)))
  top = (1 - _LOWER) * bone + np.array([0.0, 0.0, -_C7_BACK_M])
  top = top + (0.003 * breath)[:, None] * np.array([0.0, 1.0, 0.0])
  c7 = _at(waist, upper, top)

  axes = arms.violin_axes(
    player,
    0.035 * np.tanh(wander(0.6)),
    0.03 * np.tanh(wander(0.6)),
  )
  bow = instrument.bow_line(
    bowing.hair_m[pick],
    bowing.bow_rad[pick],
    bowing.contact_m[pick],
    bowing.lift_m[pick],
  )
  right = arms.bow_arm(player, bow, bowing.bow_rad[pick], axes)
  finger = instrument.stopped_m(bowing.hand)
  rocking = -finger * np.log(2) / 1200 * bowing.vibrato_cents * _ROCKING
  left = arms.left_arm(
    player, (finger + rocking)[pick], bowing.hand_string[pick], axes
  )
  pose = np.zeros((count, len(BODY13.joints), 3))
  placed = {
    "C7": c7,
    "RSHO": _at(c7, upper, right.shoulder_m),
    "LSHO": _at(c7, upper, left.shoulder_m),
    "RMEL": _at(c7, upper, right.elbow_m),
    "LMEL": _at(c7, upper, left.elbow_m),
    "RMWR": _at(c7, upper, right.wrist_m),
    "LMWR": _at(c7, upper, left.wrist_m),
    "RBWT": hips[:, 0],
    "LBWT": hips[:, 1],
    **legs,
  }
  for name, points in placed.items():
    pose[:, BODY13.index(name)] = points
  turn = player.facing_rad + rng.uniform(-0.1, 0.1)
  facing = rotation(turn, 0.0, 0.0).T

  def on_stage(points_m: np.ndarray) -> np.ndarray:
    chest = arms.to_chest(player, points_m, axes)
    return _at(c7, upper, chest) @ facing

  ends = [instrument.string_points(np.full(count, d)) for d in _ENDS_M]
  return Stage(
    pose_m=pose @ facing,
    strings_m=np.stack(
      [
        np.stack([on_stage(end[:, s]) for end in ends], axis=1)
        for s in range(4)
      ],
      axis=1,
    ),
    contact_m=on_stage(bow.contact_m),
    frog_m=on_stage(bow.frog_m),
    tip_m=on_stage(bow.tip_m),
    hold_m=on_stage(bow.hold_m),
    finger_m=on_stage(instrument.string_points(finger[pick]).mean(1)),
  )


def _legs(
  player: Player,
  x: np.ndarray,
  z: np.ndarray,
  give: np.ndarray,
  pelvis: np.ndarray,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """Hips [t, (right, left), 3], and knees and toes by name."""
  length = player.thigh_m + player.shin_m
  feet = np.array([[-player.stance_m, player.ankle_m, 0.0]])
  feet = np.concatenate([feet, feet * [-1, 1, 1]])
  offsets = np.array([[-player.hip_m, 0, 0], [player.hip_m, 0, 0]])
  hips = np.einsum("tij,kj->tki", pelvis, offsets)
  hips[..., 0] += x[:, None]
  hips[..., 2] += z[:, None]
  # As high as the leg that is needed most allows, less what the knees give.
  flat = hips - feet
  high = np.sqrt(length**2 - flat[..., 0] ** 2 - flat[..., 2] ** 2)
  high = high + player.ankle_m - hips[..., 1]
  top = -np.logaddexp(-200 * high[:, 0], -200 * high[:, 1]) / 200
  hips[..., 1] += (top - give * length)[:, None]
  joints = {}
  for k, side in enumerate("RL"):
    out = -1.0 if side == "R" else 1.0
    turn = player.splay_rad * out
    ahead = np.array([np.sin(turn), 0.0, np.cos(turn)])
    foot = np.broadcast_to(feet[k], hips[:, k].shape)
    joints[f"{side}KNE"] = arms.two_bones(
      hips[:, k], foot, ahead, player.thigh_m, player.shin_m
    )
    toe = feet[k] * [1, 0, 1] + player.foot_m * ahead + [0, _TOE_M, 0]
    joints[f"{side}TOE"] = np.broadcast_to(toe, hips[:, k].shape)
  return hips, joints
