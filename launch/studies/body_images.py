"""Image sources of loudspeaker, body and microphone, to high order.

The exact late field of a body in a shoebox, as far as sound visits the body
once: every image of the loudspeaker lights every sphere, and every sphere is
heard from every image of the microphone. With the amplitude of a sphere as a
series of Legendre polynomials, which spherical harmonics of both directions
add up to, all pairs of images are one convolution for each harmonic.

The walls are rigid and the air absorbs, so that the room decays by one
exponential, the reverberation time of the scene's tail: of absorbing walls a
shoebox keeps some directions for much longer than others.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import scipy.signal
import scipy.special

from bgm2pose_jax.simulate import diffuse_tail, room, sphere_series
from bgm2pose_jax.simulate.response_plan import Spheres
from bgm2pose_jax.simulate.scene import Scene, Tail

_START_S = 0.002


def images_within(
  scene: Scene, source_m: np.ndarray, longest_s: float
) -> np.ndarray:
  """All images of a source whose sound arrives in a time.

  Args:
    scene: names the room, and the reverberation time of its tail.
    source_m: [3], in scene axes.
    longest_s: of the way to anywhere in the room.

  Returns:
    Positions [image, 3] in scene axes, the source first.
  """
  low, high = scene.room_corners_m()
  size = high - low
  reach = scene.speed_of_sound_m_s * longest_s
  most = np.ceil(reach / size).astype(int) + 1
  axes = [np.arange(-m, m + 1) for m in most]
  grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
  position, _ = room.mirrored(
    grid, np.asarray(source_m) - low, size, np.ones((6, 1))
  )
  near = np.linalg.norm(position - size / 2, axis=-1) < reach + size.max()
  first = np.argsort(~(grid == 0).all(-1)[near], kind="stable")
  return position[near][first] + low


def _harmonics(unit: np.ndarray, order: int) -> np.ndarray:
  """Complex spherical harmonics, [direction, (order + 1)^2]."""
  polar = np.arccos(np.clip(unit[:, 2], -1, 1))
  around = np.arctan2(unit[:, 1], unit[:, 0])
  return np.stack(
    [
      scipy.special.sph_harm_y(n, m, polar, around)
      for n in range(order + 1)
      for m in range(-n, n + 1)
    ],
    -1,
  )


def _heard(
  at_m: np.ndarray,
  positions: np.ndarray,
  scene: Scene,
  taps: int,
  order: int,
  leaving: bool,
) -> tuple[np.ndarray, np.ndarray]:
  """What arrives at a place for each harmonic, and of it the first image's.

  Args:
    at_m: the place.
    positions: of the images, [image, 3].
    scene: names speed of sound, decay and rate.
    taps: length.
    order: of the harmonics.
    leaving: directions are those of sound that leaves for the images.

  Returns:
    Two complex [harmonic, taps].
  """
  assert scene.tail is not None
  offset = positions - at_m
  distance = np.linalg.norm(offset, axis=-1)
  decay = diffuse_tail.decay_per_s(scene.tail)[0]
  gains = np.exp(-decay / 2 * distance / scene.speed_of_sound_m_s)
  # Sound travels from an image to the place, or from the place to an image.
  unit = (1 if leaving else -1) * offset / distance[:, None]
  samples = distance / scene.speed_of_sound_m_s * scene.sample_rate_hz
  place = np.rint(samples).astype(int)
  kept = place < taps
  values = _harmonics(unit[kept], order) * (gains / distance)[kept, None]
  out = np.zeros((values.shape[1], taps), np.complex128)
  alone = np.zeros_like(out)
  for row, column in zip(out, values.T):
    row.real = np.bincount(place[kept], column.real, taps)
    row.imag = np.bincount(place[kept], column.imag, taps)
  if place[0] < taps:
    alone[:, place[0]] = values[0]
  return out, alone


def body_echo(
  scene: Scene,
  spheres: Spheres,
  frame: int,
  longest_s: float,
  order: int = 4,
) -> np.ndarray:
  """Response of the late field that a body makes, W, exact for one visit.

  The way that meets no wall at all is left out: it is not part of the late
  field.

  Args:
    scene: a room with one loudspeaker and a tail.
    spheres: the body.
    frame: which of its poses.
    longest_s: length of the response.
    order: of the amplitudes' series; enough where k a is below it.

  Returns:
    float64 [taps].
  """
  rate = scene.sample_rate_hz
  taps = round(longest_s * rate)
  speaker = images_within(scene, np.asarray(scene.speakers_m[0]), longest_s)
  mic = images_within(scene, np.asarray(scene.mic_m), longest_s)
  size = 1 << math.ceil(math.log2(2 * taps))
  freqs = np.fft.fftfreq(size, 1 / rate)
  k = 2 * np.pi * np.maximum(np.abs(freqs), 20) / scene.speed_of_sound_m_s
  degree = np.repeat(np.arange(order + 1), 2 * np.arange(order + 1) + 1)
  total = np.zeros(size, np.complex128)
  for sphere, centre in enumerate(np.asarray(spheres.centres_m[frame])):
    radius = spheres.radii_m[spheres.radius_class[sphere]]
    waves = sphere_series.partial_waves(k * radius)[: order + 1] * (1j / k)
    # To NumPy's sign, and the same for negative frequencies.
    waves = np.where(freqs >= 0, np.conj(waves), waves)
    lit = _heard(centre, speaker, scene, taps, order, False)
    seen = _heard(centre, mic, scene, taps, order, True)
    for sign, (a, b) in ((1, (lit[0], seen[0])), (-1, (lit[1], seen[1]))):
      pairs = np.fft.fft(a, size) * np.fft.fft(np.conj(b), size)
      weight = 4 * np.pi / (2 * degree + 1)
      by_degree = np.stack(
        [
          (pairs * weight[:, None])[degree == n].sum(0)
          for n in range(order + 1)
        ]
      )
      total += sign * np.sum(waves * by_degree, 0)
  return np.fft.ifft(total).real[:taps]


def octave_levels_db(
  response: np.ndarray, rate_hz: int, centre_hz: float, step_s: float
) -> np.ndarray:
  """Energy of an octave of a response in steps of time, in dB."""
  edges = (centre_hz / math.sqrt(2), centre_hz * math.sqrt(2))
  band = scipy.signal.butter(3, edges, "bandpass", fs=rate_hz, output="sos")
  kept = np.square(scipy.signal.sosfilt(band, response))
  step = round(step_s * rate_hz)
  count = len(kept) // step
  return 10 * np.log10(
    kept[: count * step].reshape(count, step).sum(-1) + 1e-30
  )


def with_tail(scene: Scene, t60_s: float) -> Scene:
  """The scene with the tail of a loudspeaker that radiates to all sides.

  Args:
    scene: a room with one loudspeaker.
    t60_s: its reverberation time.
  """
  offset = np.asarray(scene.speakers_m[0]) - np.asarray(scene.mic_m)
  tail = Tail(t60_s=t60_s, start_s=_START_S)
  scene = dataclasses.replace(scene, tail=tail)
  energy = float(diffuse_tail.room_energy(scene)[0])
  passed_s = np.linalg.norm(offset) / scene.speed_of_sound_m_s + _START_S
  energy *= math.exp(-diffuse_tail.decay_per_s(tail)[0] * passed_s)
  level_db = 10 * math.log10(energy * float(np.sum(offset**2)))
  tail = dataclasses.replace(tail, level_db=level_db)
  return dataclasses.replace(scene, tail=tail)
