"""Music and motion in, the microphone's four channels out.

recording[W, X, Y, Z] = static room + body + late field of the body + residual
+ background + noise, each documented where it is made: `room`, `body_response`,
`late_field`, `residual`, `background`, and `background_noise` here.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.signal

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import (
  background,
  late_field,
  loudspeaker,
  motion,
  residual,
  room,
)
from bgm2pose_jax.simulate.body import BodyModel
from bgm2pose_jax.simulate.body_response import body_response
from bgm2pose_jax.simulate.fast_convolution import convolve
from bgm2pose_jax.simulate.response_plan import Rectangles, Spheres
from bgm2pose_jax.simulate.scene import FORMATS, Scene

_ROOM_NOISE_CORNER_HZ = 100.0


def static_recording(scene: Scene, music: np.ndarray) -> np.ndarray:
  """The empty room without noise: float32 [4, samples] W X Y Z.

  Args:
    scene: the room.
    music: [speaker, samples].
  """
  played = loudspeaker.play(scene, _checked_music(scene, music))
  return convolve(played, room.static_response(scene))


def background_noise(
  scene: Scene, samples: int, level: float, seed: int
) -> np.ndarray:
  """Seeded background noise, independent in the four channels.

  Args:
    scene: `noise` names the kind. `white` is the microphone's own noise;
      `room` falls by 6 dB an octave above 100 Hz, as the background of rooms
      does, and comes from all sides (X, Y, Z a third of W's energy in SN3D).
    samples: length.
    level: RMS of the noise in W.
    seed: the noise's seed.

  Returns:
    float32 [4, samples].
  """
  out = np.zeros((4, samples), np.float32)
  if scene.noise == "none" or level == 0:
    return out
  gain_w, gain_xyz = FORMATS[scene.format]
  coloured = scene.noise == "room"
  share = gain_xyz / gain_w / (math.sqrt(3) if coloured else 1)
  pole = math.exp(-2 * math.pi * _ROOM_NOISE_CORNER_HZ / scene.sample_rate_hz)
  for channel in range(4):
    key = np.array([seed, channel], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key))
    noise = rng.standard_normal(samples, dtype=np.float32)
    if coloured:
      # Unit variance again: a one-pole filter passes (1 - p) / (1 + p).
      scale = math.sqrt(1 - pole * pole)
      noise = np.asarray(scipy.signal.lfilter([scale], [1, -pole], noise))
    out[channel] = noise * (level * (share if channel else 1))
  return out


def scatterers(
  positions_m: np.ndarray, body_model: BodyModel | None = None
) -> tuple[Spheres, Rectangles]:
  """Spheres and rectangles of a person.

  Args:
    positions_m: [time, 21, 3] joints.
    body_model: the person; None fits one to the positions.

  Returns:
    What `body_response` takes, on the clock of the positions.

  Raises:
    InputError: if the skeleton is not the size of a person.
  """
  model = body_model or BodyModel.fit(positions_m)
  spheres = Spheres(
    model.sphere_centres(positions_m),
    model.radius_class,
    model.class_radii_m,
    model.class_forward_lobe,
  )
  return spheres, Rectangles(*model.rectangles(positions_m))


def render(
  scene: Scene,
  music: np.ndarray,
  positions_m: np.ndarray | None,
  pose_rate_hz: float = 120.0,
  *,
  body: bool = True,
  seed: int = 0,
  body_model: BodyModel | None = None,
  chunk_s: float = 0.1,
) -> np.ndarray:
  """Records a person who moves in a room full of music.

  Args:
    scene: room, loudspeakers, microphone, noise.
    music: float [speaker, samples] at `scene.sample_rate_hz`.
    positions_m: [time, 21, 3] joints in scene axes, frame 0 at the first
      sample; held beyond its ends. None for the empty room.
    pose_rate_hz: rate of the positions.
    body: False leaves the person out (the empty room with its noise).
    seed: the noise's seed.
    body_model: the person's spheres; None fits one to the positions.
    chunk_s: length of the chunks that the body is worked through in.

  Returns:
    float32 [4, samples], channels W X Y Z in the scene's format. Unscaled: a
    loudspeaker at 1 m plays its music at the music's own level.

  Raises:
    InputError: for music or positions of the wrong shape or not finite.
  """
  music = loudspeaker.play(scene, _checked_music(scene, music))
  samples = music.shape[1]
  people: list[tuple[Spheres, Rectangles]] = []
  if body and positions_m is not None:
    people.append(scatterers(_checked_positions(positions_m), body_model))
  if scene.bystander is not None:
    duration_s = samples / scene.sample_rate_hz
    people.append(scatterers(bystander(scene, duration_s, pose_rate_hz)))
  loss = sum(late_field.loss_per_s(spheres, scene) for spheres, _ in people)
  out = convolve(music, room.static_response(scene, loss))
  level = _rms(out[0])
  if scene.residual is not None:
    noise = residual.following_noise(scene, out, seed)
    out += residual.slow_change(scene, music, seed)
    out += noise
  for spheres, rectangles in people:
    out += body_response(
      scene,
      music,
      spheres,
      pose_rate_hz,
      rectangles=rectangles,
      chunk_s=chunk_s,
    )
    out += late_field.late_field(scene, music, spheres, pose_rate_hz)
  out += background.sounds(scene, samples, level, seed)
  level = _rms(out[0]) * 10 ** (-scene.snr_db / 20)
  return out + background_noise(scene, samples, level, seed)


def bystander(scene: Scene, duration_s: float, rate_hz: float) -> np.ndarray:
  """Positions of the other person in the room, [time, 21, 3] in scene axes.

  Args:
    scene: names who and where.
    duration_s: how long they move.
    rate_hz: poses per second.

  Raises:
    ValueError: if the scene has nobody else.
  """
  who = scene.bystander
  if who is None:
    raise ValueError("the scene has no bystander")
  style = motion.subject_style(f"bystander {who.seed}", who.seed)
  rng = np.random.default_rng([who.seed, 0xB])
  acted = motion.perform(style, max(duration_s, 1.0), rng, rate_hz)
  x, z = who.place_m
  return acted.positions_m + np.array([x, 0.0, z], np.float32)


def _rms(signal: np.ndarray) -> float:
  return float(np.sqrt(np.mean(np.square(signal, dtype=np.float64))))


def _checked_music(scene: Scene, music: np.ndarray) -> np.ndarray:
  music = np.asarray(music, np.float32)
  want = len(scene.speakers_m)
  if music.ndim != 2 or len(music) != want or music.shape[1] == 0:
    raise InputError(
      "music",
      f"shape {music.shape}",
      f"give [{want}, samples], one row per loudspeaker",
    )
  if not np.isfinite(music).all():
    raise InputError("music", "has NaN or infinite samples", "repair the file")
  return music


def _checked_positions(positions_m: np.ndarray) -> np.ndarray:
  positions_m = np.asarray(positions_m, np.float32)
  if positions_m.shape[1:] != (BODY21.num_joints, 3) or len(positions_m) == 0:
    raise InputError(
      "positions_m", f"shape {positions_m.shape}", "give [time, 21, 3]"
    )
  if not np.isfinite(positions_m).all():
    raise InputError(
      "positions_m", "has NaN or infinite values", "fill or cut the gaps"
    )
  return positions_m
