"""The four strings as oscillators: amplitude, brightness and noise.

A bowed string in Helmholtz motion pulls at the bridge with a sawtooth of
height v / beta (bow speed over the contact point's share of the string), whose
corner is the rounder the less force there is: L. Cremer, The Physics of the
Violin (1984), chapters 3 to 5. With a falling spectrum r^k / k the sawtooth has
a closed form, so no harmonic is summed and none aliases:
  sum_k r^k sin(k p) / k = atan2(r sin p, 1 - r cos p).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from bgm2pose_jax.simulate.violin import instrument
from bgm2pose_jax.simulate.violin.bowing import CONTROL_HZ, Bowing, schelleng_n

SAMPLES = 98  # of sound per control step
SAMPLE_RATE_HZ = CONTROL_HZ * SAMPLES
# Periods that the Helmholtz motion takes to build up, and its least time.
_BUILD_UP_PERIODS = 3.0
_BUILD_UP_S = 0.006
# Decay: under a resting bow, open, stopped, and after a change of string.
_RESTING_S = 0.012
_OPEN_S = 0.40
_STOPPED_S = 0.10
# Quieter than this a string is not computed.
_SILENT = 2e-4


@dataclasses.dataclass(frozen=True, eq=False)
class StringState:
  """What sounds, per control step.

  Attributes:
    frequency_hz: [t, string=4].
    amplitude: [t, string=4], signed as the bow's direction, v / beta in m/s.
    brightness_hz: [t, string=4], corner of the falling spectrum.
    regular: [t], 1 inside Schelleng's limits to 0 far outside.
    noise: [t], level of the bow's noise, same unit as the amplitude.
  """

  frequency_hz: np.ndarray
  amplitude: np.ndarray
  brightness_hz: np.ndarray
  regular: np.ndarray
  noise: np.ndarray


def string_state(bowing: Bowing) -> StringState:
  """Follows the four strings through a take."""
  count = len(bowing.hair_m)
  row = np.arange(count)
  frequency = bowing.frequency_hz
  played = frequency[row, bowing.string]
  sounding = instrument.STRING_M * (instrument.OPEN_HZ[bowing.string] / played)
  share = bowing.contact_m / sounding
  speed = np.abs(bowing.speed_m_s)
  # A violin is about as loud high up as low down: as a shorter string pulls
  # less, its body radiates better. So the open string's length counts here.
  pull = bowing.speed_m_s * instrument.STRING_M / bowing.contact_m
  lowest, highest = schelleng_n(speed + 1e-4, share)
  force = bowing.force_n
  pressed = force > 0
  below = np.log(np.maximum(force, 1e-6) / lowest)
  above = np.log(highest / np.maximum(force, 1e-6))
  regular = 1 / (1 + np.exp(-3 * np.minimum(below, above) - 1.5))
  regular = np.where(pressed, regular, 0.0)
  inside = np.clip(below / np.log(highest / lowest), 0.0, 1.0)

  drive = np.where(pressed, pull * (0.25 + 0.75 * regular), 0.0)
  amplitude = _follow(bowing, frequency, drive)
  corner = 900.0 + 3600.0 * inside + 1500.0 * np.minimum(speed, 1.0)
  corner = np.where(pressed, corner, 1200.0)
  brightness = np.repeat(corner[:, None], 4, axis=1)
  away = np.arange(4) != bowing.string[:, None]
  brightness = np.where(away, 1200.0, brightness)

  # Hair scrapes while it slides, grips and bites when it turns or lands.
  change = np.abs(np.gradient(bowing.speed_m_s)) * CONTROL_HZ
  bite = change * np.exp(-((speed / 0.10) ** 2)) * force / (force + 0.5)
  landing = np.maximum(np.diff(pressed.astype(float), prepend=1.0), 0.0)
  landing = _decaying(landing * 1.5, 0.006)
  noise = 0.035 * np.abs(pull) * (1 + 5 * (1 - regular)) * pressed
  noise = noise + 0.10 * _decaying(bite * pressed, 0.008) + landing
  return StringState(frequency, amplitude, brightness, regular, noise)


def _decaying(events: np.ndarray, time_s: float) -> np.ndarray:
  """Each event followed by an exponential, of unit sum."""
  steps = np.arange(round(6 * time_s * CONTROL_HZ) + 1)
  kernel = np.exp(-steps / (time_s * CONTROL_HZ))
  return np.convolve(events, kernel / kernel.sum())[: len(events)]


def _follow(
  bowing: Bowing, frequency: np.ndarray, drive: np.ndarray
) -> np.ndarray:
  """First-order build-up and decay of each string, [t, 4]."""
  pressed = bowing.force_n > 0
  still = bowing.lift_m <= 0
  out = np.zeros((len(drive), 4))
  for s in range(4):
    mine = (bowing.string == s) & still
    build = np.maximum(_BUILD_UP_PERIODS / frequency[:, s], _BUILD_UP_S)
    ring = np.where(bowing.semitones[:, s] > 0, _STOPPED_S, _OPEN_S)
    under = np.where(np.abs(bowing.speed_m_s) > 0.01, build, _RESTING_S)
    time = np.where(mine, np.where(pressed, under, _RESTING_S), ring)
    keep = np.exp(-1 / (time * CONTROL_HZ))
    add = ((1 - keep) * np.where(mine, drive, 0.0)).tolist()
    state, column = 0.0, []
    for k, a in zip(keep.tolist(), add, strict=True):
      state = k * state + a
      column.append(state)
    out[:, s] = column
  return out


def string_sound(state: StringState) -> np.ndarray:
  """Force of the strings on the bridge, without noise.

  Args:
    state: the strings' state at t control steps.

  Returns:
    float32 [(t - 1) * 98] at 44.1 kHz.
  """
  steps = len(state.amplitude) - 1
  out = np.zeros((steps, SAMPLES), np.float32)
  x = (np.arange(SAMPLES) / SAMPLES).astype(np.float32)
  for s in range(4):
    size = np.abs(state.amplitude[:, s])
    active = np.flatnonzero(np.maximum(size[:-1], size[1:]) > _SILENT)
    if not len(active):
      continue
    f = state.frequency_hz[:, s]
    turns = np.concatenate([[0.0], np.cumsum((f[1:] + f[:-1]) / 2)])
    turns = (turns / CONTROL_HZ) % 1.0

    def between(curve: np.ndarray, at: np.ndarray = active) -> np.ndarray:
      low = curve[at].astype(np.float32)[:, None]
      high = curve[at + 1].astype(np.float32)[:, None]
      return low + (high - low) * x

    low = (f[active] / CONTROL_HZ).astype(np.float32)[:, None]
    bend = ((f[active + 1] - f[active]) / CONTROL_HZ / 2).astype(np.float32)
    phase = turns[active].astype(np.float32)[:, None] + low * x
    phase += bend[:, None] * x * x
    phase *= np.float32(2 * math.pi)
    r = between(np.exp(-f / state.brightness_hz[:, s]))
    wave = np.arctan2(r * np.sin(phase), 1 - r * np.cos(phase))
    out[active] += wave * between(state.amplitude[:, s])
  return out.reshape(-1)
