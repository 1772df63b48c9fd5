"""Captured people who do the same, for tests of performers."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses import Clip
from bgm2pose_jax.simulate import kinematics, motion

RATE_HZ = 60.0
ACTIONS = ("squat", "step_left_right", "wave")


def clip(person: str, action: str, take: int = 0, seconds: float = 3.0) -> Clip:
  """A clip of a procedural person who turns about while acting."""
  style = motion.subject_style(person)
  done = motion.perform(
    style,
    seconds,
    motion.random_stream(take, person, action),
    rate_hz=RATE_HZ,
  )
  turned = done.positions_m @ kinematics.rotation(0.7 * take, 0, 0).T
  name = f"{person}-{action}{take}"
  return Clip(
    name=name,
    subject=person,
    rate_hz=RATE_HZ,
    positions_m=turned.astype(np.float32),
    description=f"{action} - take {take}",
    source_path=f"{person}/{name}.bvh",
    height_m=1.7,
    unit_note="",
    frame_range=(0, len(turned)),
    action=action,
  )


def people(
  names: tuple[str, ...] = ("ann", "bo", "cy"), takes: int = 2
) -> dict[str, tuple[Clip, ...]]:
  """{person: clips}: every person shows every action in so many files."""
  return {
    name: tuple(
      clip(name, action, take) for action in ACTIONS for take in range(takes)
    )
    for name in names
  }
