"""Both arms, from the bow and the finger board back to the shoulders.

Frame of this file ("chest"): metres, right-handed, origin at C7, x to the
player's left, y up along the upper trunk, z forward. Violin and shoulders
rest on the trunk, so what an arm can reach does not change when it sways.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.simulate.violin import instrument
from bgm2pose_jax.simulate.violin.players import Player

# Shoulder joints from C7: below and before it.
_SHOULDER_DOWN_M = 0.055
_SHOULDER_FORWARD_M = 0.035
# Share of the arm's full length within which targets must lie.
REACH = 0.985
# Left wrist from the string under the first finger: right, up, to the scroll.
_LEFT_WRIST_M = np.array([-0.012, -0.085, -0.025])
# The left wrist swings so far under the neck from string to string.
_SWING_M = 0.018


class OutOfReachError(ValueError):
  """A target that an arm of this length cannot reach."""


def two_bones(
  root: np.ndarray,
  target: np.ndarray,
  pole: np.ndarray,
  upper_m: float,
  lower_m: float,
) -> np.ndarray:
  """Middle joint of a two-bone chain from root to target.

  Args:
    root: [t, 3] metres.
    target: [t, 3] metres.
    pole: [t, 3] or [3], direction in which the middle joint points out.
    upper_m: length of the bone at the root.
    lower_m: length of the other.

  Returns:
    float64 [t, 3] metres. The cosine law gives both bones their exact length.

  Raises:
    OutOfReachError: if a target is farther than both bones or nearer than
      their difference; nothing is clamped.
  """
  line = target - root
  distance = np.linalg.norm(line, axis=-1, keepdims=True)
  low, high = abs(upper_m - lower_m), upper_m + lower_m
  if np.any(distance > high) or np.any(distance < low + 1e-9):
    raise OutOfReachError(
      f"target at {distance.min():.3f} to {distance.max():.3f} m, "
      f"the bones reach {low:.3f} to {high:.3f} m"
    )
  along = line / distance
  pole = np.broadcast_to(pole, line.shape)
  out = pole - np.sum(pole * along, axis=-1, keepdims=True) * along
  out = out / np.linalg.norm(out, axis=-1, keepdims=True)
  down = (upper_m**2 - lower_m**2 + distance**2) / (2 * distance)
  return root + down * along + np.sqrt(upper_m**2 - down**2) * out


def violin_axes(
  player: Player, rise_rad: np.ndarray, turn_rad: np.ndarray
) -> np.ndarray:
  """Axes of the violin's frame (right, up, scroll) as rows, [t, 3, 3].

  Args:
    player: holds the violin.
    rise_rad: added to the scroll's rise, [t].
    turn_rad: added to its turn to the left, [t].
  """
  azimuth = player.violin_azimuth_rad + turn_rad
  rise = player.violin_rise_rad + rise_rad
  tilt = player.violin_tilt_rad
  scroll = np.stack(
    [
      np.sin(azimuth) * np.cos(rise),
      np.sin(rise),
      np.cos(azimuth) * np.cos(rise),
    ],
    axis=-1,
  )
  level = np.stack(
    [-np.cos(azimuth), np.zeros_like(azimuth), np.sin(azimuth)], axis=-1
  )
  plate = np.cross(scroll, level)
  plate = plate * np.sign(plate[..., 1:2])
  right = np.cos(tilt) * level - np.sin(tilt) * plate
  up = np.cos(tilt) * plate + np.sin(tilt) * level
  return np.stack([right, up, scroll], axis=-2)


def shoulders(player: Player, lift_rad: np.ndarray, side: float) -> np.ndarray:
  """Shoulder joint in the chest frame, [t, 3].

  Args:
    player: whose shoulder.
    lift_rad: lift of the collar bone about C7, [t].
    side: +1 for the left shoulder, -1 for the right one.
  """
  w, d = player.shoulder_m, _SHOULDER_DOWN_M
  c, s = np.cos(lift_rad), np.sin(lift_rad)
  return np.stack(
    [
      side * (w * c + d * s),
      w * s - d * c,
      np.full_like(c, _SHOULDER_FORWARD_M),
    ],
    axis=-1,
  )


@dataclasses.dataclass(frozen=True, eq=False)
class Arm:
  """One arm at t instants, chest frame, metres.

  Attributes:
    shoulder_m: [t, 3].
    elbow_m: [t, 3].
    wrist_m: [t, 3].
  """

  shoulder_m: np.ndarray
  elbow_m: np.ndarray
  wrist_m: np.ndarray


def to_chest(
  player: Player, points_m: np.ndarray, axes: np.ndarray
) -> np.ndarray:
  """Moves points [t, 3] of the violin's frame to the chest's."""
  turned = np.einsum("tk,tkx->tx", points_m, axes)
  return turned + np.asarray(player.violin_seat_m)


def bow_arm(
  player: Player, bow: instrument.BowLine, bow_rad: np.ndarray, axes: np.ndarray
) -> Arm:
  """The right arm that holds this bow.

  The hand is a rigid piece between wrist and hold. At the frog the wrist
  stands high and outside of the bow, at the tip low and inside of it.

  Args:
    player: whose arm.
    bow: the bow in the violin's frame, [t].
    bow_rad: angle of the bow about the neck, [t].
    axes: the axes of the violin in the chest frame, [t, 3, 3].

  Raises:
    OutOfReachError: if the arm is too short for this bow.
  """
  contact = np.sum((bow.frog_m - bow.contact_m) * bow.along, axis=-1)
  share = np.clip(contact / instrument.HAIR_M, -0.1, 1.1)[:, None]
  back = np.array([0.0, 0.0, -1.0])
  hand = (
    player.wrist_arch * (0.60 - 0.25 * share) * bow.above
    + 0.75 * back
    + (0.50 - 1.00 * share) * bow.along
  )
  hand = hand / np.linalg.norm(hand, axis=-1, keepdims=True)
  wrist = to_chest(player, bow.hold_m + player.hand_m * hand, axes)
  level = bow_rad / instrument.STRING_RAD[0]  # 1 on the G string, -1 on E
  shoulder = shoulders(player, 0.06 * (1 + level), -1.0)
  lift = player.elbow_rise_rad + 0.35 * level - 0.75
  pole = np.stack(
    [-np.cos(lift), np.sin(lift), np.full_like(lift, -0.35)], axis=-1
  )
  elbow = two_bones(shoulder, wrist, pole, player.upper_arm_m, player.forearm_m)
  return Arm(shoulder, elbow, wrist)


def left_arm(
  player: Player,
  finger_m: np.ndarray,
  string: np.ndarray,
  axes: np.ndarray,
) -> Arm:
  """The left arm whose hand stands on the neck.

  Args:
    player: whose arm.
    finger_m: first finger's distance from the bridge, [t].
    string: where it is, 0 on the G string to 3 on the E string, [t].
    axes: the axes of the violin in the chest frame, [t, 3, 3].

  Raises:
    OutOfReachError: if the arm is too short for this violin.
  """
  middle = instrument.string_points(finger_m).mean(1)
  swing = 1 - string / 1.5  # 1 on the G string: elbow far under the violin
  offset = np.broadcast_to(_LEFT_WRIST_M, middle.shape).copy()
  offset[:, 0] += _SWING_M * swing
  wrist = to_chest(player, middle + offset, axes)
  shoulder = shoulders(player, np.full_like(swing, 0.10), 1.0)
  turn = 0.25 + 0.35 * swing  # to the player's right
  pole = np.stack(
    [-np.sin(turn) + 0.25, -np.cos(turn), np.full_like(turn, 0.15)], axis=-1
  )
  elbow = two_bones(shoulder, wrist, pole, player.upper_arm_m, player.forearm_m)
  return Arm(shoulder, elbow, wrist)


def usable_hair_m(player: Player) -> tuple[float, float]:
  """Part of the hair that this player's arm serves on every string.

  Returns:
    Least and greatest distance from the frog, metres, with room to spare for
    small movements of the violin.

  Raises:
    OutOfReachError: if that is less than 0.3 m.
  """
  grid = np.arange(0.02, instrument.HAIR_M - 0.02, 0.005)
  good = np.ones(len(grid), bool)
  reach = REACH * (player.upper_arm_m + player.forearm_m)
  for angle in instrument.STRING_RAD:
    for turn in (-0.05, 0.05):
      for distance in (0.015, 0.05):
        full = np.full_like(grid, angle)
        axes = violin_axes(player, np.full_like(grid, turn), 0 * grid + turn)
        bow = instrument.bow_line(
          grid, full, np.full_like(grid, distance), 0 * grid
        )
        long = dataclasses.replace(player, upper_arm_m=1.0, forearm_m=1.0)
        arm = bow_arm(long, bow, full, axes)
        length = np.linalg.norm(arm.wrist_m - arm.shoulder_m, axis=-1)
        good &= (length < reach) & (length > 0.35 * reach)
  hair = grid[good]
  if not len(hair) or hair[-1] - hair[0] < 0.3:
    raise OutOfReachError(f"{player.name} can use {len(hair) * 5} mm of hair")
  return float(hair[0]), float(hair[-1])
