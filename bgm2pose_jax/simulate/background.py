"""Sounds of a room that do not come from the loudspeakers.

Each comes from a place of its own: straight to the microphone, and by the
room's image sources and tail, as the scene has them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import scipy.signal

from bgm2pose_jax.simulate import music, room
from bgm2pose_jax.simulate.fast_convolution import convolve
from bgm2pose_jax.simulate.scene import FORMATS, Scene

_HUM_HZ = 50.0
_TALKERS = 4
_SYLLABLE_HZ = 4.0
_DOOR_EVERY_S = 30.0


def _rng(seed: int, what: str) -> np.random.Generator:
  return np.random.default_rng([seed, *what.encode()])


def _fan(samples: int, rate_hz: int, seed: int) -> np.ndarray:
  rng = _rng(seed, "fan")
  # Poles and zeros in turn, 1.5 octaves apart: 3 dB an octave.
  poles = np.exp(-2 * np.pi * np.array([30, 240, 1900, 15000]) / rate_hz)
  zeros = np.exp(-2 * np.pi * np.array([85, 680, 5400]) / rate_hz)
  b, a = np.poly(zeros), np.poly(poles)
  noise = np.asarray(scipy.signal.lfilter(b, a, rng.standard_normal(samples)))
  noise /= noise.std()
  time = np.arange(samples) / rate_hz
  hum = sum(np.sin(2 * np.pi * n * _HUM_HZ * time) / n for n in (1, 2, 4))
  return noise + 0.3 * np.asarray(hum)


def _other_music(samples: int, rate_hz: int, seed: int) -> np.ndarray:
  name = sorted(music.COMPOSED)[seed % len(music.COMPOSED)]
  made = music.compose(name, samples / rate_hz, seed + 77, rate_hz)
  return np.asarray(made).mean(0)[:samples]


def _babble(samples: int, rate_hz: int, seed: int) -> np.ndarray:
  """Talkers: voiced and unvoiced syllables through wandering formants."""
  rng = _rng(seed, "babble")
  out = np.zeros(samples)
  for _ in range(_TALKERS):
    pitch_hz = rng.uniform(90, 220)
    knots = max(4, math.ceil(samples / rate_hz * _SYLLABLE_HZ) + 2)
    at = np.arange(samples) / rate_hz * _SYLLABLE_HZ
    wander = np.interp(at, np.arange(knots), rng.normal(0, 0.1, knots))
    loud = np.interp(at, np.arange(knots), rng.uniform(0, 1, knots) ** 2)
    phase = 2 * np.pi * np.cumsum(pitch_hz * (1 + wander)) / rate_hz
    voice = scipy.signal.sawtooth(phase) + 0.2 * rng.standard_normal(samples)
    for formant_hz in rng.uniform((300, 900, 2200), (800, 1800, 3200)):
      top = min(1.15 * formant_hz, 0.45 * rate_hz)
      band = scipy.signal.butter(
        1, (top / 1.3, top), "bandpass", fs=rate_hz, output="sos"
      )
      out += loud * np.asarray(scipy.signal.sosfilt(band, voice))
  return out


def _door(samples: int, rate_hz: int, seed: int) -> np.ndarray:
  """Slams: low thuds that die away in a quarter of a second."""
  rng = _rng(seed, "door")
  count = max(1, round(samples / rate_hz / _DOOR_EVERY_S))
  length = min(samples, rate_hz)
  time = np.arange(length) / rate_hz
  low = scipy.signal.butter(2, 400, fs=rate_hz, output="sos")
  out = np.zeros(samples)
  for start in rng.integers(0, samples - length + 1, count):
    burst = rng.standard_normal(length) * np.exp(-time / 0.05)
    out[start : start + length] += scipy.signal.sosfilt(low, burst)
  return out


# Level's field, what sounds, and where: shares of the room's extents.
_SOURCES: dict[
  str, tuple[Callable[[int, int, int], np.ndarray], tuple[float, ...]]
] = {
  "fan_db": (_fan, (0.06, 0.7, 0.07)),
  "music_db": (_other_music, (0.93, 0.4, 0.35)),
  "babble_db": (_babble, (0.9, 0.5, 0.94)),
  "door_db": (_door, (0.04, 0.35, 0.6)),
}


def sounds(scene: Scene, samples: int, level: float, seed: int) -> np.ndarray:
  """What sounds besides the music.

  Args:
    scene: names the sounds and their levels.
    samples: length.
    level: RMS of the empty room's recording in W, which levels refer to. A
      door's is its RMS over the second that it sounds.
    seed: of the take.

  Returns:
    float32 [4, samples].
  """
  out = np.zeros((4, samples), np.float32)
  about = scene.background
  if about is None:
    return out
  rate = scene.sample_rate_hz
  low, high = scene.room_corners_m()
  for name, (make, place) in _SOURCES.items():
    level_db = getattr(about, name)
    if level_db is None:
      continue
    position = low + np.array(place) * (high - low)
    own = dataclasses.replace(
      scene, speakers_m=(tuple(position),), loudspeaker=None
    )
    heard = convolve(
      make(samples, rate, seed)[None].astype(np.float32),
      room.static_response(own),
    )
    power = np.square(heard[0], dtype=np.float64)
    if name == "door_db":
      power = power[power > 1e-3 * power.max()]
    scale = level * 10 ** (level_db / 20) / math.sqrt(power.mean() + 1e-300)
    out += np.float32(scale) * heard
  if about.self_noise_db is not None:
    gain_w, gain_xyz = FORMATS[scene.format]
    rng = _rng(seed, "self")
    noise = rng.standard_normal((4, samples), np.float32)
    noise[1:] *= np.float32(gain_xyz / gain_w)
    out += noise * np.float32(level * 10 ** (about.self_noise_db / 20))
  return out
