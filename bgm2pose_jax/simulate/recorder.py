"""Music and motion in, the microphone's four channels out.

recording[W, X, Y, Z] = static room + body + noise, each documented where it
is made: `room`, `body_response`, and `background_noise` here.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
import scipy.signal

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import room
from bgm2pose_jax.simulate.body import BodyModel
from bgm2pose_jax.simulate.body_response import body_response
from bgm2pose_jax.simulate.response_plan import Rectangles, Spheres
from bgm2pose_jax.simulate.scene import FORMATS, Scene

_BLOCK = 1 << 16
_ROOM_NOISE_CORNER_HZ = 100.0
# The moving tail follows the pose through this many seeded random waves.
_TAIL_DRAWS = 4
# A reverberant field decorrelates over about half a wavelength of a scatterer's
# way; 0.34 m is the wavelength of 1 kHz.
_TAIL_WAVELENGTH_M = 0.34


def convolve(music: np.ndarray, response: np.ndarray) -> np.ndarray:
  """Sum over loudspeakers of music * response, by overlap-save.

  Works block by block in float32: memory beyond input and output stays fixed.

  Args:
    music: [speaker, samples].
    response: [speaker, channel, taps].

  Returns:
    float32 [channel, samples], cut at the music's end.
  """
  samples, taps = music.shape[1], response.shape[-1]
  size = max(_BLOCK, 1 << math.ceil(math.log2(2 * taps)))
  step = size - taps + 1
  spectrum = np.asarray(
    scipy.fft.rfft(response.astype(np.float32), size, axis=-1)
  )
  out = np.empty((response.shape[1], samples), np.float32)
  segment = np.zeros((len(music), size), np.float32)
  for start in range(0, samples, step):
    low, high = start - taps + 1, min(start + step, samples)
    segment[:] = 0
    segment[:, max(0, -low) : high - low] = music[:, max(0, low) : high]
    forward = np.asarray(scipy.fft.rfft(segment, axis=-1))
    mixed = np.einsum("sf,scf->cf", forward, spectrum)
    block = np.asarray(scipy.fft.irfft(mixed, size, axis=-1))
    out[:, start:high] = block[:, taps - 1 : taps - 1 + high - start]
  return out


def static_recording(scene: Scene, music: np.ndarray) -> np.ndarray:
  """The empty room without noise: float32 [4, samples] W X Y Z.

  Args:
    scene: the room.
    music: [speaker, samples].
  """
  return convolve(_checked_music(scene, music), room.static_response(scene))


def moving_tail(
  scene: Scene,
  music: np.ndarray,
  positions_m: np.ndarray,
  pose_rate_hz: float,
) -> np.ndarray:
  """The share of the diffuse tail that changes with the pose.

  A stand-in for late reverberation that the person stirs: independent draws
  of the tail are mixed with weights that are seeded waves in the joints'
  positions. A person who holds still leaves the room time-invariant, and the
  same pose always gives the same tail.

  Args:
    scene: the room; its tail may not be None.
    music: [speaker, samples].
    positions_m: [time, joints, 3].
    pose_rate_hz: rate of the positions.

  Returns:
    float32 [4, samples].
  """
  tail = scene.tail
  if tail is None or tail.moving_fraction == 0:
    return np.zeros((4, music.shape[1]), np.float32)
  pose = np.asarray(positions_m, np.float64).reshape(len(positions_m), -1)
  key = np.array([tail.seed, 0x7A11], np.uint64)
  rng = np.random.Generator(np.random.Philox(key=key))
  joints = pose.shape[1] / 3
  wave = 2 * np.pi / _TAIL_WAVELENGTH_M / math.sqrt(joints)
  wave = rng.normal(0, wave, (pose.shape[1], _TAIL_DRAWS))
  phase = rng.uniform(0, 2 * np.pi, _TAIL_DRAWS)
  weights = math.sqrt(2 / _TAIL_DRAWS) * np.cos(pose @ wave + phase)
  times = np.arange(music.shape[1]) / scene.sample_rate_hz * pose_rate_hz
  frames = np.arange(len(weights))
  out = np.zeros((4, music.shape[1]), np.float32)
  for draw in range(_TAIL_DRAWS):
    response = room.diffuse_tail(scene, draw=draw + 1)
    gain = np.interp(times, frames, weights[:, draw]).astype(np.float32)
    out += gain * convolve(music, response)
  return out * np.float32(math.sqrt(tail.moving_fraction))


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
  music = _checked_music(scene, music)
  out = static_recording(scene, music)
  if body and positions_m is not None:
    positions_m = _checked_positions(positions_m)
    spheres, rectangles = scatterers(positions_m, body_model)
    out += body_response(
      scene,
      music,
      spheres,
      pose_rate_hz,
      rectangles=rectangles,
      chunk_s=chunk_s,
    )
    if scene.tail is not None:
      out += moving_tail(scene, music, positions_m, pose_rate_hz)
  level = float(np.sqrt(np.mean(np.square(out[0], dtype=np.float64))))
  level *= 10 ** (-scene.snr_db / 20)
  return out + background_noise(scene, music.shape[1], level, seed)


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
