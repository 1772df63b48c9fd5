"""The repertoire: named actions as key poses, for any body and style.

An action is a list of `Key(duration_s, channels)`: a pose to be reached after
that time. `motion.py` joins keys with minimum-jerk curves. Key poses are
written as changes from the person's own neutral posture (arms: as absolute
angles), in leg lengths and radians; see `kinematics.CHANNELS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bgm2pose_jax.simulate import kinematics

_ARM = frozenset(
  f"{side}_{name}"
  for side in ("left", "right")
  for name in kinematics.ARM_CHANNELS
)


class Key(NamedTuple):
  """A pose [channel=29] to be reached `duration_s` after the previous one."""

  duration_s: float
  channels: np.ndarray


class Manner(NamedTuple):
  """How one action is done this time.

  Attributes:
    neutral: [channel=29] posture the person returns to.
    arms: factor on arm amplitudes, about 1.
    legs: factor on leg amplitudes.
    trunk: factor on trunk amplitudes.
    side: `left` or `right`, for one-sided actions.
    rng: source of the small differences between repetitions.
  """

  neutral: np.ndarray
  arms: float
  legs: float
  trunk: float
  side: str
  rng: np.random.Generator

  @property
  def other(self) -> str:
    """The side that is not `side`."""
    return "right" if self.side == "left" else "left"

  @property
  def sign(self) -> float:
    """+1 for left (towards +x), -1 for right."""
    return 1.0 if self.side == "left" else -1.0

  def pose(self, **change: float) -> np.ndarray:
    """The neutral posture with arm channels set and the others added to."""
    channels = self.neutral.copy()
    for name, value in change.items():
      i = kinematics.INDEX[name]
      channels[i] = value if name in _ARM else channels[i] + value
    return channels

  def arm(
    self, side: str, elev: float, az: float, elbow: float, twist: float = 0.0
  ) -> dict[str, float]:
    """Arm channels of one side, elevation scaled by the amplitude."""
    return {
      f"{side}_elev": elev * self.arms,
      f"{side}_az": az,
      f"{side}_elbow": elbow,
      f"{side}_twist": twist,
    }

  def both(
    self, elev: float, az: float, elbow: float, twist: float = 0.0
  ) -> dict[str, float]:
    """Arm channels of both sides alike."""
    return self.arm("left", elev, az, elbow, twist) | self.arm(
      "right", elev, az, elbow, twist
    )


def _stand(m: Manner) -> list[Key]:
  shift = 0.06 * m.sign
  return [
    Key(0.8, m.pose(root_x=shift, lean=-0.04 * m.sign)),
    Key(1.2, m.pose(root_x=-0.5 * shift, look=0.3 * m.sign)),
    Key(0.8, m.pose()),
  ]


def _raise_arms(m: Manner) -> list[Key]:
  az = 0.25 if m.rng.random() < 0.5 else 1.35
  up = m.pose(**m.both(2.4, az, 0.15, 0.4), bend=-0.08, nod=-0.15)
  middle = m.pose(**m.both(1.3, az, 0.15))
  return [Key(0.9, up), Key(0.6, up), Key(0.8, middle), Key(0.7, m.pose())]


def _wave(m: Manner) -> list[Key]:
  keys = []
  for swing in range(5):
    inward = swing % 2 == 1
    change = m.arm(
      m.side, 1.6, 1.25, 1.55 if inward else 0.65, 1.25 if inward else 1.45
    )
    lean = -0.06 * m.sign
    keys.append(Key(0.9 if swing == 0 else 0.42, m.pose(**change, lean=lean)))
  return [*keys, Key(0.8, m.pose())]


def _squat(m: Manner) -> list[Key]:
  low = m.pose(
    root_drop=0.40 * m.legs,
    root_z=-0.12,
    pelvis_pitch=0.25,
    bend=0.25 * m.trunk,
    nod=-0.25,
    **m.both(1.35, 0.2, 0.2),
  )
  return [Key(1.0, low), Key(0.5, low), Key(1.0, m.pose())]


def _bow(m: Manner) -> list[Key]:
  angle = 0.55 * m.trunk
  # Arms hang: their angle to the trunk undoes the trunk's own.
  low = m.pose(
    pelvis_pitch=angle,
    bend=0.8 * angle,
    root_z=-0.12,
    **m.both(1.5 * angle, 0.1, 0.2),
  )
  return [Key(1.1, low), Key(0.6, low), Key(1.1, m.pose())]


def _lean(m: Manner) -> list[Key]:
  change = m.arm(m.other, 2.15, 1.4, 0.5, 0.6) | m.arm(m.side, 0.15, 1.3, 0.1)
  out = m.pose(lean=0.45 * m.trunk * m.sign, root_x=-0.09 * m.sign, **change)
  return [Key(1.0, out), Key(0.6, out), Key(1.0, m.pose())]


def _step(m: Manner) -> list[Key]:
  keys = []
  lift = 0.26 * m.legs
  for count in range(6):
    side = m.side if count % 2 == 0 else m.other
    rest = m.other if count % 2 == 0 else m.side
    stance = -0.09 if side == "left" else 0.09
    up = m.pose(
      root_x=stance,
      **{f"{side}_foot_lift": lift, f"{side}_foot_z": 0.14},
      **m.arm(rest, 0.75, 0.0, 1.1),
      **m.arm(side, 0.15, 0.6, 0.7),
    )
    keys += [Key(0.36, up), Key(0.34, m.pose(root_x=0.3 * stance))]
  return keys


def _circle(m: Manner) -> list[Key]:
  # Eight steps around a circle that begins and ends on the spot; the person
  # keeps facing the front, turning only a little into the path.
  steps, radius = 8, 0.15 * m.legs
  angle = 2 * np.pi * np.arange(steps + 1) / steps
  path = np.stack([np.sin(angle) * m.sign, 1 - np.cos(angle)], axis=-1)
  feet = {"left": np.zeros(2), "right": np.zeros(2)}
  keys = []
  for k in range(steps):
    side = m.side if k % 2 == 0 else m.other
    goal = radius * path[k + 1]
    feet[side], start = goal, feet[side]
    middle = 0.5 * (start + goal)
    root = 0.5 * (feet["left"] + feet["right"])
    yaw = 0.35 * np.sin(angle[k + 1]) * m.sign
    for time_s, lift, moving in ((0.28, 0.10, middle), (0.27, 0.0, goal)):
      change = {"root_x": root[0], "root_z": root[1], "root_yaw": yaw}
      for name in ("left", "right"):
        place = moving if name == side else feet[name]
        change[f"{name}_foot_x"] = place[0]
        change[f"{name}_foot_z"] = place[1]
      change[f"{side}_foot_lift"] = lift
      change |= m.arm(side, 0.1, 0.2, 0.3) | m.arm(
        "right" if side == "left" else "left", 0.45, 0.1, 0.5
      )
      keys.append(Key(time_s, m.pose(**change)))
  home = m.pose()
  lifted = m.pose(**{f"{m.other}_foot_lift": 0.06})
  return [*keys, Key(0.3, lifted), Key(0.3, home)]


def _kick(m: Manner) -> list[Key]:
  stance = {"root_x": -0.10 * m.sign, **m.both(0.8, 1.3, 0.5)}
  foot = f"{m.side}_foot_"
  chamber = m.pose(
    **stance, **{foot + "lift": 0.30, foot + "z": 0.16, foot + "pitch": 0.4}
  )
  out = m.pose(
    **stance,
    pelvis_pitch=-0.15,
    **{
      foot + "lift": 0.42 * m.legs,
      foot + "z": 0.62 * m.legs,
      foot + "pitch": 0.3,
    },
  )
  return [
    Key(0.6, chamber),
    Key(0.45, out),
    Key(0.3, out),
    Key(0.5, chamber),
    Key(0.6, m.pose()),
  ]


def _twist(m: Manner) -> list[Key]:
  keys = []
  for k in range(4):
    turn = m.sign * (1 if k % 2 == 0 else -1)
    keys.append(
      Key(
        0.8,
        m.pose(
          turn=0.65 * m.trunk * turn,
          root_yaw=0.18 * turn,
          look=0.2 * turn,
          **m.both(1.25, 1.2, 1.2),
        ),
      )
    )
  return [*keys, Key(0.8, m.pose())]


def _reach(m: Manner) -> list[Key]:
  high = m.rng.random() < 0.5
  elev, bend = (2.2, 0.05) if high else (1.2, 0.45)
  az = m.rng.uniform(0.0, 0.9)
  out = m.pose(
    **m.arm(m.side, elev, az, 0.12),
    bend=bend * m.trunk,
    turn=-0.35 * m.sign,
    root_z=0.10,
    root_x=0.05 * m.sign,
  )
  return [Key(0.9, out), Key(0.6, out), Key(0.9, m.pose())]


def _sit(m: Manner) -> list[Key]:
  down = m.pose(
    root_drop=0.44 * m.legs,
    root_z=-0.30,
    bend=0.45 * m.trunk,
    pelvis_pitch=0.10,
    **m.both(0.75, 0.15, 0.75),
  )
  return [Key(1.2, down), Key(1.3, down), Key(1.1, m.pose())]


# Name -> script; the name is the annotation label.
ACTIONS: dict[str, Callable[[Manner], list[Key]]] = {
  "stand": _stand,
  "raise_arms": _raise_arms,
  "wave": _wave,
  "squat": _squat,
  "bow": _bow,
  "lean": _lean,
  "step": _step,
  "circle": _circle,
  "kick": _kick,
  "twist": _twist,
  "reach": _reach,
  "sit": _sit,
}
