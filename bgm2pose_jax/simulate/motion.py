"""Procedural motion: one repertoire, done by each subject in its own style.

A performance is a chain of the actions of `actions.ACTIONS`: every action
once per round, each round in a new order, with sides, tempo and amplitude
drawn anew. Who moves (size, posture, tempo, amplitude) comes from the subject
alone; order and timing from the recording's own generator, so the music of a
recording says nothing about the pose.
"""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np
from scipy import interpolate

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import actions, kinematics

# Fastest a joint may move; people wave and kick at 2-5 m/s.
MAX_SPEED_M_S = 5.0
# A minimum-jerk curve's top speed over its mean speed.
_PEAK = 1.875


@dataclasses.dataclass(frozen=True)
class SubjectStyle:
  """How one person is built and moves; constant over all recordings.

  Attributes:
    name: the subject's name.
    body: bone lengths.
    tempo: factor on speed, about 1; larger is faster.
    arms: factor on arm amplitudes.
    legs: factor on leg amplitudes.
    trunk: factor on trunk amplitudes.
    slouch_rad: forward bend of the trunk when standing.
    arm_out_rad: angle of the hanging arms from the body.
    elbow_rad: elbow flexion of the hanging arms.
    stance: half distance of the feet, leg lengths.
    splay_rad: outward turn of the feet.
    sway: size of the involuntary movement, about 1.
    left_share: how often one-sided actions are done with the left.
    facing_rad: usual turn away from the loudspeakers.
  """

  name: str
  body: kinematics.BodyDimensions
  tempo: float
  arms: float
  legs: float
  trunk: float
  slouch_rad: float
  arm_out_rad: float
  elbow_rad: float
  stance: float
  splay_rad: float
  sway: float
  left_share: float
  facing_rad: float


@dataclasses.dataclass(frozen=True)
class Performance:
  """A motion with the names of what is done when.

  Attributes:
    positions_m: float32 [time, joint=21, 3], metres, scene frame (y up, floor
      at y = 0, origin between loudspeakers and microphone).
    labels: (start_s, end_s, label) in order of time.
    rate_hz: poses per second.
  """

  positions_m: np.ndarray
  labels: list[tuple[float, float, str]]
  rate_hz: float


def random_stream(seed: int, *names: str) -> np.random.Generator:
  """A generator that depends on the seed and the names, and nothing else.

  Args:
    seed: non-negative integer.
    *names: what the stream is for, e.g. a person and a piece.
  """
  words = [zlib.crc32(name.encode()) for name in names]
  key = np.random.SeedSequence([seed, *words]).generate_state(2, np.uint64)
  return np.random.Generator(np.random.Philox(key=key))


def subject_style(name: str, seed: int = 0) -> SubjectStyle:
  """Draws a person.

  Args:
    name: subject name; the same name and seed give the same person.
    seed: seed of the whole population.
  """
  rng = random_stream(seed, "style", name)

  def near(middle: float, spread: float) -> float:
    return middle * float(1 + spread * rng.uniform(-1.7, 1.7))

  body = kinematics.BodyDimensions().scaled(
    near(1.0, 0.05),
    arms=near(1.0, 0.02),
    legs=near(1.0, 0.02),
    wide=near(1.0, 0.04),
  )
  return SubjectStyle(
    name=name,
    body=body,
    tempo=near(1.0, 0.09),
    arms=near(1.0, 0.06),
    legs=near(1.0, 0.10),
    trunk=near(1.0, 0.10),
    slouch_rad=near(0.08, 0.4),
    arm_out_rad=near(0.20, 0.25),
    elbow_rad=near(0.25, 0.35),
    stance=near(0.13, 0.15),
    splay_rad=near(0.18, 0.35),
    sway=near(1.0, 0.25),
    left_share=float(rng.uniform(0.3, 0.7)),
    facing_rad=float(rng.uniform(-0.08, 0.08)),
  )


def neutral_channels(style: SubjectStyle) -> np.ndarray:
  """The subject's standing posture, [channel=29]."""
  channels = np.zeros(len(kinematics.CHANNELS))
  values = {
    "root_drop": 0.015,
    "bend": style.slouch_rad,
    "nod": -0.5 * style.slouch_rad,
  }
  for side, sign in (("left", 1.0), ("right", -1.0)):
    values[f"{side}_elev"] = style.arm_out_rad
    values[f"{side}_az"] = 1.1
    values[f"{side}_elbow"] = style.elbow_rad
    values[f"{side}_foot_x"] = sign * style.stance
    values[f"{side}_foot_yaw"] = sign * style.splay_rad
  for name, value in values.items():
    channels[kinematics.INDEX[name]] = value
  return channels


def perform(
  subject: SubjectStyle,
  duration_s: float,
  rng: np.random.Generator,
  rate_hz: float = 120.0,
) -> Performance:
  """Acts out the repertoire for a given time.

  Args:
    subject: who moves.
    duration_s: length of the performance.
    rng: order, timing, sides and small differences; see `random_stream`.
    rate_hz: poses per second.

  Returns:
    A `Performance` of round(duration_s rate_hz) poses. The person stands
    within 0.4 m of the origin and faces the loudspeakers (-z) to within about
    15 degrees. Joint speeds stay below 6 m/s, feet on or above the floor.

  Raises:
    InputError: a duration or rate that gives no pose.
  """
  if not (duration_s > 0 and rate_hz > 0 and duration_s * rate_hz >= 1):
    raise InputError(
      "perform", f"{duration_s} s at {rate_hz} poses per second", "ask for more"
    )
  count = int(round(duration_s * rate_hz))
  times, poses, labels = _script(subject, duration_s, rng)
  clock = np.arange(count) / rate_hz
  channels = _minimum_jerk(times, poses, clock)
  channels += _sway(subject, duration_s, rng, clock)
  stage = kinematics.joint_positions(channels, subject.body)
  yaw = np.pi + subject.facing_rad + rng.uniform(-0.06, 0.06)
  spot = np.clip(rng.normal(0.0, 0.05, 2), -0.1, 0.1)
  placed = stage @ kinematics.rotation(yaw, 0.0, 0.0).T
  placed += np.array([spot[0], 0.0, spot[1]])
  return Performance(placed.astype(np.float32), labels, float(rate_hz))


def _script(
  subject: SubjectStyle, duration_s: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, list[tuple[float, float, str]]]:
  """Key times [key], key poses [key, channel=29] and labels."""
  neutral = neutral_channels(subject)
  levers = _levers(subject.body)
  names = list(actions.ACTIONS)
  times, poses = [0.0], [neutral]
  labels: list[tuple[float, float, str]] = []
  order: list[str] = []
  while times[-1] < duration_s:
    if not order:
      order = [names[i] for i in rng.permutation(len(names))]
    name = order.pop()
    manner = actions.Manner(
      neutral=neutral,
      arms=subject.arms * rng.uniform(0.93, 1.07),
      legs=subject.legs * rng.uniform(0.9, 1.1),
      trunk=subject.trunk * rng.uniform(0.9, 1.1),
      side="left" if rng.random() < subject.left_share else "right",
      rng=rng,
    )
    pace = subject.tempo * rng.uniform(0.88, 1.12)
    start = times[-1]
    for key in actions.ACTIONS[name](manner):
      pose = np.clip(key.channels, kinematics.LOWEST, kinematics.HIGHEST)
      # The slowest that keeps every joint under the speed limit.
      needed = (levers @ np.abs(pose - poses[-1])).max()
      least = _PEAK * needed / MAX_SPEED_M_S
      times.append(times[-1] + max(key.duration_s / pace, least))
      poses.append(pose)
    times.append(times[-1] + rng.uniform(0.2, 0.8))
    poses.append(poses[-1])
    labels.append((start, min(times[-1], duration_s), name))
  return np.array(times), np.array(poses), labels


def _levers(body: kinematics.BodyDimensions) -> np.ndarray:
  """Bound of joint travel per channel change, [extremity, channel], metres.

  Rows are the hands, the head and the feet, the fastest joints of their
  limbs; an entry is the longest radius the channel can swing them on.
  """
  arm = body.upper_arm_m + body.forearm_m
  above = body.spine_m + body.chest_m + body.hips_to_spine_m
  names = kinematics.INDEX
  table = np.zeros((5, len(names)))
  leg = body.leg_m
  for row, side in enumerate(("left", "right")):
    reach = {
      f"{side}_elev": arm,
      f"{side}_az": arm,
      f"{side}_twist": body.forearm_m,
      f"{side}_elbow": body.forearm_m,
      "turn": arm + body.collar_m,
      "root_yaw": arm + body.collar_m,
      "bend": above,
      "lean": above,
      "pelvis_pitch": above + 0.5 * arm,
      "pelvis_roll": above + 0.5 * arm,
    }
    for name, radius in reach.items():
      table[row, names[name]] = radius
    foot = {"x": leg, "z": leg, "lift": leg, "pitch": body.foot_m}
    for name, radius in foot.items():
      table[2 + row, names[f"{side}_foot_{name}"]] = radius
  for name in ("bend", "lean", "pelvis_pitch", "pelvis_roll"):
    table[4, names[name]] = above + body.neck_m
  for name in ("root_x", "root_z", "root_drop"):
    table[[0, 1, 4], names[name]] = leg
  return table


def _minimum_jerk(
  times: np.ndarray, poses: np.ndarray, clock: np.ndarray
) -> np.ndarray:
  """Pose channels [time, channel] at `clock`, at rest at every key.

  Flash & Hogan 1985: 10 u^3 - 15 u^4 + 6 u^5 between two rests.
  """
  segment = np.clip(
    np.searchsorted(times, clock, side="right") - 1, 0, len(times) - 2
  )
  u = (clock - times[segment]) / (times[segment + 1] - times[segment])
  u = np.clip(u, 0.0, 1.0)[:, None]
  blend = u**3 * (10 - 15 * u + 6 * u**2)
  return (1 - blend) * poses[segment] + blend * poses[segment + 1]


# Involuntary movement, one deviation per channel; feet stay where they are.
_SWAY = {
  "root_x": 0.008,
  "root_z": 0.008,
  "root_yaw": 0.02,
  "bend": 0.02,
  "lean": 0.015,
  "turn": 0.03,
  "nod": 0.05,
  "look": 0.10,
  **{
    f"{side}_{name}": size
    for side in ("left", "right")
    for name, size in (("elev", 0.03), ("az", 0.06), ("elbow", 0.05))
  },
}


def _sway(
  subject: SubjectStyle,
  duration_s: float,
  rng: np.random.Generator,
  clock: np.ndarray,
) -> np.ndarray:
  """Slow smooth wandering [time, channel], a cubic spline through 1 s knots."""
  knots = np.arange(int(np.ceil(duration_s)) + 3, dtype=np.float64)
  size = np.zeros(len(kinematics.CHANNELS))
  for name, deviation in _SWAY.items():
    size[kinematics.INDEX[name]] = deviation * subject.sway
  values = np.clip(rng.standard_normal((len(knots), len(size))), -2, 2) * size
  return interpolate.CubicSpline(knots, values)(clock)
