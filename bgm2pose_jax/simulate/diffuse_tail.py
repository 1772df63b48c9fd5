"""Diffuse reverberation: seeded noise that decays as a room does.

A diffuse field's response is Gaussian noise under an exponential decay, for
each octave with its own reverberation time (H. Kuttruff, Room Acoustics, 6th
ed., chapters 4 and 5).
"""

from __future__ import annotations

import math

import numpy as np

from bgm2pose_jax.simulate.octaves import octave_weights, per_octave
from bgm2pose_jax.simulate.scene import FORMATS, OCTAVES_HZ, Scene, Tail

# Energy falls by 60 dB: a million, in both numbers.
_DECAYS_IN_T60 = math.log(1e6)
_FADE_IN_S = 0.005


def decay_per_s(tail: Tail) -> np.ndarray:
  """Decay rate of the energy in each octave of `OCTAVES_HZ`, in 1/s."""
  return _DECAYS_IN_T60 / per_octave(tail.t60_s, len(OCTAVES_HZ))


def direct_delay_s(scene: Scene) -> np.ndarray:
  """Travel time of the direct sound per loudspeaker, float64 [speaker]."""
  offset = np.asarray(scene.speakers_m) - np.asarray(scene.mic_m)
  return np.linalg.norm(offset, axis=-1) / scene.speed_of_sound_m_s


def channel_gains(scene: Scene) -> np.ndarray:
  """RMS of W, X, Y and Z in a diffuse field of unit pressure.

  X, Y and Z carry a third of W's energy each (SN3D).
  """
  w, first = FORMATS[scene.format]
  return np.array([w, *[first / math.sqrt(3.0)] * 3])


def energy(scene: Scene) -> np.ndarray:
  """Energy of the tail between loudspeakers and any place of the room.

  That of a source whose direct sound has the pressure 1/r at r metres. A
  diffuse field is the same everywhere: one number for all loudspeakers.

  Returns:
    float64 [octave of `OCTAVES_HZ`], in 1/m2.
  """
  tail = scene.tail
  if tail is None:
    return np.zeros(len(OCTAVES_HZ))
  distance_m = direct_delay_s(scene) * scene.speed_of_sound_m_s
  level = per_octave(tail.level_db, len(OCTAVES_HZ))
  return np.mean(distance_m**-2.0) * 10 ** (level / 10)


def room_energy(scene: Scene) -> np.ndarray:
  """Energy that the room's diffuse field gives a source without a direction.

  4 pi c / (V d), the sum of a response of density 4 pi c / V that decays by d
  (Kuttruff, chapter 5), for a source of pressure 1/r at r metres.

  Returns:
    float64 [octave of `OCTAVES_HZ`], in 1/m2.
  """
  if scene.tail is None:
    return np.zeros(len(OCTAVES_HZ))
  density = 4 * math.pi * scene.speed_of_sound_m_s / math.prod(scene.room_m)
  return density / decay_per_s(scene.tail)


def decaying_noise(
  rng: np.random.Generator,
  shape: tuple[int, ...],
  rate_hz: int,
  decay: np.ndarray,
  energies: np.ndarray,
  start_s: float = 0.0,
  loss: np.ndarray | float = 0.0,
) -> np.ndarray:
  """Noise that decays at each octave's own rate.

  Args:
    rng: draws the noise.
    shape: [..., taps].
    rate_hz: sample rate.
    decay: 1/s, of the energy, [octave of `OCTAVES_HZ`].
    energies: sum of squares that each octave contributes per share of the
      spectrum that it has, so that equal ones are a white response, [octave].
    start_s: when it begins.
    loss: what more the energy decays by after `energies` are set, 1/s,
      [octave].

  Returns:
    float64 [..., taps].
  """
  taps = shape[-1]
  since = np.arange(taps) / rate_hz - start_s
  fade = np.clip(since / _FADE_IN_S, 0, 1)
  decay, energies, loss = np.broadcast_arrays(decay, energies, loss)
  alike = all(np.ptp(x) == 0 for x in (decay, energies, loss))
  noise = rng.standard_normal(shape)
  out = np.zeros(shape)
  weights = [None]
  if not alike:
    size = 2 * taps
    spectrum = np.fft.rfft(noise, size)
    weights = octave_weights(np.fft.rfftfreq(size, 1 / rate_hz))
  for band, weight in enumerate(weights):
    envelope = np.where(since > 0, np.exp(-decay[band] * since / 2), 0.0) * fade
    envelope *= math.sqrt(energies[band]) / np.sqrt(np.sum(envelope**2))
    envelope *= np.exp(-loss[band] * np.maximum(since, 0) / 2)
    part = noise
    if weight is not None:
      part = np.fft.irfft(spectrum * weight, size)[..., :taps]  # pyright: ignore[reportPossiblyUnboundVariable]
    out += part * envelope
  return out


def still_tail(scene: Scene, loss: np.ndarray | float = 0.0) -> np.ndarray:
  """The tail of the room's response to each loudspeaker.

  Independent in the four channels, seeded by the tail's seed.

  Args:
    scene: the room; its tail may not be None.
    loss: what people scatter out of it, 1/s, [octave of `OCTAVES_HZ`].

  Returns:
    float64 [speaker, 4, taps].

  Raises:
    ValueError: if the scene has no tail.
  """
  tail = scene.tail
  if tail is None:
    raise ValueError("the scene has no tail")
  rate = scene.sample_rate_hz
  delay = direct_delay_s(scene)
  taps = (delay.max() + tail.start_s + 1.1 * tail.longest_s) * rate
  decay = decay_per_s(tail)
  level = per_octave(tail.level_db, len(OCTAVES_HZ))
  out = np.zeros((len(delay), 4, math.ceil(taps)))
  for s, start in enumerate(delay):
    key = np.array([tail.seed, s], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key))
    direct = 1 / (start * scene.speed_of_sound_m_s)
    out[s] = decaying_noise(
      rng,
      out[s].shape,
      rate,
      decay,
      direct**2 * 10 ** (level / 10),
      start + tail.start_s,
      loss,
    )
  out *= channel_gains(scene)[:, None]
  return out
