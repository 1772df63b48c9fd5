"""The simulator's work, counted, and a person to do it for."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import recorder, room
from bgm2pose_jax.simulate.body_response import body_response
from bgm2pose_jax.simulate.response_plan import (
  BLOCK_HOPS,
  Plan,
  Rectangles,
  Spheres,
  light_sources,
  make_plan,
)
from bgm2pose_jax.simulate.scene import Scene

_POSE_RATE_HZ = 120.0
# Height, and distance from the midline, of a standing person's joints.
_STANDING = {
  "Hips": (1.0, 0.0),
  "Spine": (1.1, 0.0),
  "Spine1": (1.3, 0.0),
  "Neck": (1.5, 0.0),
  "Head": (1.65, 0.0),
  "Shoulder": (1.45, 0.06),
  "Arm": (1.43, 0.18),
  "ForeArm": (1.15, 0.2),
  "Hand": (0.9, 0.22),
  "UpLeg": (0.95, 0.1),
  "Leg": (0.5, 0.1),
  "Foot": (0.08, 0.1),
  "ToeBase": (0.02, 0.1),
}


def swaying_person(
  seconds: float, rate_hz: float = _POSE_RATE_HZ
) -> np.ndarray:
  """A standing person who sways by 20 cm, float32 [time, 21, 3]."""
  pose = np.zeros((len(BODY21.joints), 3))
  for i, joint in enumerate(BODY21.joints):
    side = 1 if joint.startswith("Left") else -1
    name = joint.removeprefix("Left").removeprefix("Right")
    height, away = _STANDING[name]
    pose[i] = (side * away, height, 0.0)
  t = np.arange(int(seconds * rate_hz) + 1) / rate_hz
  way = 0.2 * np.sin(np.pi * t)[:, None, None] * np.array([1.0, 0.1, 0.5])
  return (pose + way).astype(np.float32)


def body_operations(
  plan: Plan, sources: int, spheres: int, seconds: float
) -> float:
  """Real multiplications and additions of the body's transfer functions.

  Per hop, source, sphere and frequency: phasor product 6, interpolated
  amplitude 4, their product 6, sum into four channels 16; per lookup (every
  `BLOCK_HOPS` hops) 16. Transforms: 5 n log2 n per segment of n samples, half
  that for real ones.
  """
  hops = seconds * plan.sample_rate_hz / plan.sizes.hop
  paths = hops * sources * spheres * plan.sizes.bins * (32 + 16 / BLOCK_HOPS)
  n = plan.sizes.fft_size
  transforms = hops * (sources + 4) * 2.5 * n * np.log2(n)
  return float(paths + transforms)


def room_operations(scene: Scene, seconds: float) -> float:
  """The same of the empty room's convolution, in blocks of twice its length.

  Per block of n samples, half of them new: a transform of each loudspeaker
  and of each of four channels, and 8 operations a frequency, loudspeaker and
  channel. Making the response, once a recording, is left out.
  """
  taps = room.static_response(scene).shape[-1]
  n = 2 * taps
  blocks = seconds * scene.sample_rate_hz / taps
  speakers = len(scene.speakers_m)
  transforms = (speakers + 4) * 2.5 * n * np.log2(n)
  return float(blocks * (transforms + 8 * speakers * 4 * n / 2))


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
  """A scene, a person in it and the music that is played.

  Attributes:
    scene: the room.
    seconds: the length of the audio.
    number: how many spheres the person has: the first ones of the model, or
      all of them and then again; None is the model's own.
  """

  scene: Scene
  seconds: float
  number: int | None = None

  @functools.cached_property
  def pose(self) -> np.ndarray:
    """float32 [time, 21, 3]."""
    return swaying_person(self.seconds)

  @functools.cached_property
  def music(self) -> np.ndarray:
    """White noise, float32 [speaker, samples]."""
    shape = (
      len(self.scene.speakers_m),
      round(self.seconds * self.scene.sample_rate_hz),
    )
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)

  @functools.cached_property
  def _scatterers(self) -> tuple[Spheres, Rectangles]:
    spheres, rectangles = recorder.scatterers(self.pose)
    if self.number is None:
      return spheres, rectangles
    chosen = np.arange(self.number) % spheres.centres_m.shape[1]
    spheres = dataclasses.replace(
      spheres,
      centres_m=spheres.centres_m[:, chosen],
      radius_class=spheres.radius_class[chosen],
    )
    return spheres, rectangles

  @functools.cached_property
  def plan(self) -> Plan:
    """How the body's response is cut up."""
    return make_plan(self.scene, self._scatterers[0])

  @property
  def spheres(self) -> int:
    """How many there are."""
    return self._scatterers[0].centres_m.shape[1]

  @property
  def operations(self) -> float:
    """Of the body, see `body_operations`."""
    sources = len(light_sources(self.scene)[0])
    return body_operations(self.plan, sources, self.spheres, self.seconds)

  def body(self) -> np.ndarray:
    """Renders what the body adds."""
    spheres, rectangles = self._scatterers
    return body_response(
      self.scene, self.music, spheres, _POSE_RATE_HZ, rectangles=rectangles
    )

  def room(self) -> np.ndarray:
    """Renders the empty room."""
    return recorder.static_recording(self.scene, self.music)

  def recording(self) -> np.ndarray:
    """Renders all."""
    return recorder.render(self.scene, self.music, self.pose, _POSE_RATE_HZ)
