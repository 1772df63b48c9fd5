"""Players: how one violinist is built, holds violin and bow, and moves.

Everything here is drawn once per player; order, timing and notes of a piece
are not (`score`).

Proportions: D. A. Winter, Biomechanics and Motor Control of Human Movement,
4th ed. (2009), figure 4.1. How far players differ is chosen, not measured.
"""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.simulate.motion import random_stream


@dataclasses.dataclass(frozen=True)
class Player:
  """One violinist, constant over all that they play.

  Attributes:
    name: the player's name.
    height_m: standing height.
    upper_arm_m: shoulder to elbow.
    forearm_m: elbow to wrist.
    hand_m: right wrist to the hold on the bow.
    shoulder_m: half the distance between the shoulder joints.
    trunk_m: hips to C7 when upright.
    hip_m: half the distance between the hip joints.
    thigh_m: hip to knee.
    shin_m: knee to ankle.
    ankle_m: ankle above the floor.
    foot_m: ankle to toe, horizontally.
    stance_m: half the distance between the ankles.
    splay_rad: outward turn of each foot.
    knee_bend: how far the knees give, as a share of the leg's length.
    slouch_rad: forward bend of the trunk.
    violin_azimuth_rad: turn of the scroll from straight ahead to the left.
    violin_rise_rad: rise of the scroll above the horizontal.
    violin_tilt_rad: tilt of the top plate towards the E string.
    violin_seat_m: end button from C7: to the left, up, forward.
    wrist_arch: how high the right wrist stands over the bow, about 1.
    elbow_rise_rad: how far the right elbow is held out from the body.
    tempo: factor on speed, about 1.
    bow_use: factor on the length of strokes, about 1.
    weight: factor on the bow's force, about 1.
    sway: size of the trunk's movement, about 1.
    sway_hz: its usual rate.
    breath_hz: rate of breathing.
    vibrato_hz: usual rate of the vibrato.
    vibrato_cents: its usual depth to either side.
    facing_rad: usual turn of the feet from straight ahead.
    voice_seed: seed of the violin's resonances and of the room.
  """

  name: str
  height_m: float
  upper_arm_m: float
  forearm_m: float
  hand_m: float
  shoulder_m: float
  trunk_m: float
  hip_m: float
  thigh_m: float
  shin_m: float
  ankle_m: float
  foot_m: float
  stance_m: float
  splay_rad: float
  knee_bend: float
  slouch_rad: float
  violin_azimuth_rad: float
  violin_rise_rad: float
  violin_tilt_rad: float
  violin_seat_m: tuple[float, float, float]
  wrist_arch: float
  elbow_rise_rad: float
  tempo: float
  bow_use: float
  weight: float
  sway: float
  sway_hz: float
  breath_hz: float
  vibrato_hz: float
  vibrato_cents: float
  facing_rad: float
  voice_seed: int


def draw_player(name: str, seed: int = 0) -> Player:
  """Draws a player.

  Args:
    name: the same name and seed give the same player.
    seed: seed of the whole population, not negative.
  """
  rng = random_stream(seed, "violinist", name)

  def near(middle: float, share: float) -> float:
    return middle * float(1 + share * rng.uniform(-1, 1))

  def between(low: float, high: float) -> float:
    return float(rng.uniform(low, high))

  height = between(1.56, 1.90)
  arms = near(height, 0.03)
  legs = near(height, 0.02)
  return Player(
    name=name,
    height_m=height,
    upper_arm_m=0.180 * arms,
    forearm_m=0.150 * arms,
    hand_m=near(0.048, 0.05) * height,
    shoulder_m=near(0.106, 0.05) * height,
    trunk_m=near(0.315, 0.02) * height,
    hip_m=near(0.052, 0.08) * height,
    thigh_m=0.245 * legs,
    shin_m=0.246 * legs,
    ankle_m=0.039 * height,
    foot_m=near(0.085, 0.05) * height,
    stance_m=between(0.10, 0.20),
    splay_rad=between(0.15, 0.50),
    knee_bend=between(0.004, 0.014),
    slouch_rad=between(-0.02, 0.12),
    violin_azimuth_rad=between(0.55, 0.90),
    violin_rise_rad=between(0.0, 0.25),
    violin_tilt_rad=between(0.30, 0.60),
    violin_seat_m=(
      between(0.035, 0.065),
      between(-0.045, -0.015),
      between(0.085, 0.115),
    ),
    wrist_arch=near(1.0, 0.4),
    elbow_rise_rad=between(-0.15, 0.35),
    tempo=near(1.0, 0.12),
    bow_use=near(1.0, 0.15),
    weight=near(1.0, 0.2),
    sway=near(1.0, 0.5),
    sway_hz=between(0.12, 0.35),
    breath_hz=between(0.2, 0.32),
    vibrato_hz=between(4.8, 6.4),
    vibrato_cents=between(12.0, 28.0),
    facing_rad=between(-0.25, 0.25),
    voice_seed=int(rng.integers(2**31)),
  )
