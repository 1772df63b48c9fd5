"""A kinematic person: 29 pose channels in, 21 joint positions out.

The trunk and arms are driven by joint angles, the legs by where the feet are
(analytic two-bone inverse kinematics), so that planted feet stay planted and
bone lengths are constant by construction.

Frame of this file ("stage"): metres, right-handed, y up, floor at y = 0, the
person faces +z with the left side towards +x. Lengths among the channels are
in leg lengths, angles in radians, so one script fits every body size.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.poses.body21 import BODY21

ARM_CHANNELS: tuple[str, ...] = ("elev", "az", "twist", "elbow")
FOOT_CHANNELS: tuple[str, ...] = ("x", "lift", "z", "yaw", "pitch")

# Channel name -> (lowest, highest) allowed value.
LIMITS: dict[str, tuple[float, float]] = {
  "root_x": (-0.45, 0.45),
  "root_z": (-0.45, 0.45),
  "root_drop": (0.0, 0.60),
  "root_yaw": (-1.0, 1.0),
  "pelvis_pitch": (-0.35, 0.90),
  "pelvis_roll": (-0.30, 0.30),
  "bend": (-0.40, 1.20),
  "lean": (-0.60, 0.60),
  "turn": (-0.90, 0.90),
  "nod": (-0.70, 0.80),
  "look": (-1.20, 1.20),
  **{
    f"{side}_{name}": limits
    for side in ("left", "right")
    for name, limits in {
      "elev": (0.0, 3.0),
      "az": (-0.60, 1.90),
      "twist": (-1.20, 1.70),
      "elbow": (0.03, 2.50),
    }.items()
  },
  **{
    f"{side}_foot_{name}": limits
    for side in ("left", "right")
    for name, limits in {
      "x": (-0.80, 0.80),
      "lift": (0.0, 0.75),
      "z": (-0.60, 0.80),
      "yaw": (-0.80, 0.80),
      "pitch": (-0.50, 0.90),
    }.items()
  },
}
CHANNELS: tuple[str, ...] = tuple(LIMITS)
INDEX: dict[str, int] = {name: i for i, name in enumerate(CHANNELS)}
LOWEST = np.array([LIMITS[name][0] for name in CHANNELS])
HIGHEST = np.array([LIMITS[name][1] for name in CHANNELS])

# Share of the leg's full length that inverse kinematics may use: a straight
# knee has no defined bending plane and pops.
REACH = 0.995


@dataclasses.dataclass(frozen=True)
class BodyDimensions:
  """Bone offsets of one person in the rest pose, metres.

  The defaults are an adult of 1.70 m; `scaled` gives other people.

  Attributes:
    hips_to_spine_m: Hips to Spine, the unit of `BODY21`.
    spine_m: Spine to Spine1.
    chest_m: Spine1 to Neck.
    neck_m: Neck to Head.
    collar_m: half the distance between the two shoulder joints.
    upper_arm_m: shoulder to elbow.
    forearm_m: elbow to wrist.
    hip_m: half the distance between the two hip joints.
    hip_drop_m: hip joints below Hips.
    thigh_m: hip joint to knee.
    shin_m: knee to ankle.
    ankle_m: ankle above the floor.
    toe_m: toe base above the floor.
    foot_m: ankle to toe base, horizontally.
  """

  hips_to_spine_m: float = 0.0921
  spine_m: float = 0.165
  chest_m: float = 0.235
  neck_m: float = 0.12
  collar_m: float = 0.178
  upper_arm_m: float = 0.285
  forearm_m: float = 0.252
  hip_m: float = 0.092
  hip_drop_m: float = 0.045
  thigh_m: float = 0.425
  shin_m: float = 0.415
  ankle_m: float = 0.082
  toe_m: float = 0.022
  foot_m: float = 0.135

  @property
  def leg_m(self) -> float:
    """Hip joint to ankle with the knee straight."""
    return self.thigh_m + self.shin_m

  def scaled(
    self,
    size: float,
    *,
    arms: float = 1.0,
    legs: float = 1.0,
    wide: float = 1.0,
  ) -> BodyDimensions:
    """Returns a person of another size and slightly other proportions.

    Args:
      size: factor on every length.
      arms: extra factor on the arm bones.
      legs: extra factor on thigh and shin.
      wide: extra factor on shoulder and hip width.
    """
    factor = dict.fromkeys((f.name for f in dataclasses.fields(self)), size)
    for name in ("upper_arm_m", "forearm_m"):
      factor[name] *= arms
    for name in ("thigh_m", "shin_m"):
      factor[name] *= legs
    for name in ("collar_m", "hip_m"):
      factor[name] *= wide
    return BodyDimensions(
      **{name: getattr(self, name) * factor[name] for name in factor}
    )


def rotation(
  yaw: np.ndarray | float, pitch: np.ndarray | float, roll: np.ndarray | float
) -> np.ndarray:
  """Rotation matrices Ry(yaw) Rx(pitch) Rz(roll).

  Args:
    yaw: angle about y, radians, any shape; likewise the others, broadcast.
    pitch: angle about x; positive tips "up" forward, towards +z.
    roll: angle about z; positive tips "up" to the person's right, -x.

  Returns:
    float64 [..., 3, 3].
  """
  yaw, pitch, roll = np.broadcast_arrays(yaw, pitch, roll)
  cy, sy = np.cos(yaw), np.sin(yaw)
  cp, sp = np.cos(pitch), np.sin(pitch)
  cr, sr = np.cos(roll), np.sin(roll)
  rows = (
    (cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp),
    (cp * sr, cp * cr, -sp),
    (-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp),
  )
  return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _apply(
  matrix: np.ndarray, vector: tuple[float, float, float]
) -> np.ndarray:
  return matrix @ np.asarray(vector)


def soft_minimum(values: list[np.ndarray], sharpness: float) -> np.ndarray:
  """Smooth lower bound of the minimum: no kink where the smallest changes.

  Args:
    values: arrays of one shape.
    sharpness: reciprocal of the width of the smooth part, of the values' unit.
  """
  stacked = np.stack(values)
  lowest = stacked.min(0)
  total = np.exp(-sharpness * (stacked - lowest)).sum(0)
  return lowest - np.log(total) / sharpness


def joint_positions(channels: np.ndarray, body: BodyDimensions) -> np.ndarray:
  """Forward kinematics of the trunk and arms, inverse of the legs.

  Args:
    channels: [time, channel=29] in the order of `CHANNELS`; values beyond
      `LIMITS` are clamped, so joint limits hold for any input.
    body: lengths of the bones.

  Returns:
    float64 [time, joint=21, 3] metres, stage frame, floor at y = 0. If a foot
    target is out of a straight leg's reach the pelvis sinks until it is not.
  """
  value = np.clip(np.asarray(channels, np.float64), LOWEST, HIGHEST)
  ch = {name: value[:, i] for name, i in INDEX.items()}
  joints = np.zeros((len(value), BODY21.num_joints, 3))
  at = {name: i for i, name in enumerate(BODY21.joints)}

  pelvis = rotation(ch["root_yaw"], ch["pelvis_pitch"], -ch["pelvis_roll"])
  leg = body.leg_m
  ankles, toes, hip_offsets = [], [], []
  for side, sign in (("left", 1.0), ("right", -1.0)):
    foot = {name: ch[f"{side}_foot_{name}"] for name in FOOT_CHANNELS}
    turn = rotation(ch["root_yaw"] * 0.5 + foot["yaw"], foot["pitch"], 0.0)
    toe = _apply(turn, (0.0, body.toe_m - body.ankle_m, body.foot_m))
    height = body.ankle_m + foot["lift"] * leg
    # A pointed toe may not go through the floor: the ankle rises instead.
    height = np.maximum(height, body.toe_m - toe[:, 1])
    ankle = np.stack([foot["x"] * leg, height, foot["z"] * leg], axis=-1)
    ankles.append(ankle)
    toes.append(ankle + toe)
    hip_offsets.append(
      _apply(pelvis, (sign * body.hip_m, -body.hip_drop_m, 0.0))
    )

  standing = body.ankle_m + body.hip_drop_m + REACH * leg
  hips = np.stack(
    [
      ch["root_x"] * leg,
      standing - ch["root_drop"] * leg,
      ch["root_z"] * leg,
    ],
    axis=-1,
  )
  limits = [hips[:, 1]]
  for ankle, offset in zip(ankles, hip_offsets, strict=True):
    away = ((hips + offset - ankle)[:, [0, 2]] ** 2).sum(-1)
    reach = np.sqrt(np.maximum((REACH * leg) ** 2 - away, 0.01 * leg**2))
    limits.append(ankle[:, 1] + reach - offset[:, 1])
  hips[:, 1] = soft_minimum(limits, 100.0)
  joints[:, at["Hips"]] = hips

  half = rotation(0.5 * ch["turn"], 0.5 * ch["bend"], -0.5 * ch["lean"])
  joints[:, at["Spine"]] = hips + _apply(
    pelvis, (0.0, body.hips_to_spine_m, 0.0)
  )
  spine = pelvis @ half
  joints[:, at["Spine1"]] = joints[:, at["Spine"]] + _apply(
    spine, (0.0, body.spine_m, 0.0)
  )
  chest = spine @ half
  top = joints[:, at["Spine1"]]
  joints[:, at["Neck"]] = top + _apply(chest, (0.0, body.chest_m, 0.0))
  neck = chest @ rotation(ch["look"], ch["nod"], 0.0)
  joints[:, at["Head"]] = joints[:, at["Neck"]] + _apply(
    neck, (0.0, 0.985 * body.neck_m, 0.17 * body.neck_m)
  )

  for side, sign in (("Left", 1.0), ("Right", -1.0)):
    arm = {name: ch[f"{side.lower()}_{name}"] for name in ARM_CHANNELS}
    collar = top + _apply(
      chest, (sign * 0.2 * body.collar_m, 0.8 * body.chest_m, 0.0)
    )
    joints[:, at[f"{side}Shoulder"]] = collar
    # The shoulder blade follows a raised arm (scapulohumeral rhythm).
    shrug = rotation(0.0, 0.0, sign * 0.12 * (1 - np.cos(arm["elev"])))
    shoulder = collar + _apply(
      chest @ shrug, (sign * 0.8 * body.collar_m, 0.0, 0.0)
    )
    joints[:, at[f"{side}Arm"]] = shoulder
    # Swing towards azimuth az (0 forward, pi/2 sideways) by elev; undoing the
    # azimuth first keeps the elbow's plane still while the arm hangs.
    upper = (
      chest
      @ rotation(sign * arm["az"], -arm["elev"], 0.0)
      @ rotation(sign * (arm["twist"] - arm["az"]), 0.0, 0.0)
    )
    elbow = shoulder + _apply(upper, (0.0, -body.upper_arm_m, 0.0))
    joints[:, at[f"{side}ForeArm"]] = elbow
    fore = upper @ rotation(0.0, -arm["elbow"], 0.0)
    joints[:, at[f"{side}Hand"]] = elbow + _apply(
      fore, (0.0, -body.forearm_m, 0.0)
    )

  left_axis = pelvis[:, :, 0]
  for k, side in enumerate(("Left", "Right")):
    hip = hips + hip_offsets[k]
    knee, ankle = two_bone(hip, ankles[k], left_axis, body)
    joints[:, at[f"{side}UpLeg"]] = hip
    joints[:, at[f"{side}Leg"]] = knee
    joints[:, at[f"{side}Foot"]] = ankle
    joints[:, at[f"{side}ToeBase"]] = toes[k] + (ankle - ankles[k])
  # Extreme channels fold a leg so far that its ankle is pushed down, or reach
  # below the floor; the body is carried by whatever is lowest.
  below = body.toe_m - joints[:, :, 1].min(axis=1)
  joints[:, :, 1] += np.maximum(below, 0.0)[:, None]
  return joints


def two_bone(
  hip: np.ndarray, ankle: np.ndarray, axis: np.ndarray, body: BodyDimensions
) -> tuple[np.ndarray, np.ndarray]:
  """Inverse kinematics of a leg of two bones.

  Args:
    hip: [time, 3] hip joint, metres.
    ankle: [time, 3] where the ankle should be.
    axis: [time, 3] axis about which the knee bends, towards the person's left:
      the knee comes out along (ankle - hip) x axis.
    body: lengths of thigh and shin.

  Returns:
    Knee [time, 3] and the ankle [time, 3] that the leg reaches: on the line
    from the hip, no further than a straight leg.
  """
  line = ankle - hip
  distance = np.linalg.norm(line, axis=-1, keepdims=True)
  along = line / np.maximum(distance, 1e-6)
  shortest = 0.35 * body.leg_m
  distance = np.clip(distance, shortest, REACH * body.leg_m)
  forward = np.cross(along, axis)
  forward /= np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-6)
  down = (body.thigh_m**2 - body.shin_m**2 + distance**2) / (2 * distance)
  out = np.sqrt(np.maximum(body.thigh_m**2 - down**2, 0.0))
  return hip + down * along + out * forward, hip + distance * along
