"""From strings to the microphone: noise, body of the violin, room.

Body resonances lie where measured violins have them (A0 near 275 Hz, B1- and
B1+ near 450 and 550 Hz, the bridge hill near 2.4 kHz: G. Bissinger,
"Structural acoustics of good and bad violins", JASA 124 (2008)); how strong
they are is chosen.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy import signal

from bgm2pose_jax.simulate import room
from bgm2pose_jax.simulate.motion import random_stream
from bgm2pose_jax.simulate.scene import Scene, Tail
from bgm2pose_jax.simulate.violin.strings import (
  SAMPLE_RATE_HZ,
  SAMPLES,
  StringState,
  string_sound,
)

# Resonance: frequency, quality, gain in dB.
_BODY = (
  (275.0, 8.0, 3.5),
  (455.0, 12.0, 3.5),
  (545.0, 12.0, 3.5),
  (1050.0, 4.0, 2.0),
  (2400.0, 1.5, 7.0),
)
_LOUDEST = 0.7
# Background noise under the loudest sample.
_BACKGROUND_DB = -62.0
_TAIL_S = 0.5


def peak_sections(
  bands: tuple[tuple[float, float, float], ...], sample_rate_hz: int
) -> np.ndarray:
  """Peaking filters in series.

  Formula: R. Bristow-Johnson, Audio EQ Cookbook, peakingEQ.

  Args:
    bands: (frequency in Hz, quality, gain in dB) each.
    sample_rate_hz: rate of the sound.

  Returns:
    float64 [band, 6] second-order sections as SciPy has them.
  """
  rows = []
  for frequency, quality, gain_db in bands:
    a = 10 ** (gain_db / 40)
    w = 2 * np.pi * frequency / sample_rate_hz
    alpha = np.sin(w) / (2 * quality)
    b = np.array([1 + alpha * a, -2 * np.cos(w), 1 - alpha * a])
    c = np.array([1 + alpha / a, -2 * np.cos(w), 1 - alpha / a])
    rows.append(np.concatenate([b, c]) / c[0])
  return np.stack(rows)


def _butter(
  order: int, edges_hz: float | tuple[float, float], kind: str
) -> np.ndarray:
  sections = signal.butter(
    order, edges_hz, kind, fs=SAMPLE_RATE_HZ, output="sos"
  )
  return np.asarray(sections)


@functools.lru_cache(maxsize=8)
def _room_response(seed: int) -> np.ndarray:
  """From violin to microphone, direct sound first and of unit gain."""
  rng = random_stream(seed, "violin room")
  size = rng.uniform((5.0, 2.6, 4.0), (9.0, 3.4, 7.0))
  scene = Scene(
    room_m=tuple(size),
    mic_m=tuple(rng.uniform((-0.4, 1.2, 0.9), (0.4, 1.8, 1.3))),
    speakers_m=((0.15, 1.45, 0.2),),
    reflection=float(rng.uniform(0.5, 0.75)),
    max_order=3,
    sample_rate_hz=SAMPLE_RATE_HZ,
    tail=Tail(t60_s=float(rng.uniform(0.25, 0.45)), level_db=-12.09, seed=seed),
  )
  response = room.static_response(scene)[0, 0]
  first = int(np.argmax(np.abs(response)))
  response = response[first : first + round(_TAIL_S * SAMPLE_RATE_HZ)]
  return (response / response[0]).astype(np.float32)


def microphone(state: StringState, voice_seed: int, seed: int) -> np.ndarray:
  """What a microphone a metre away records.

  Args:
    state: the strings' state at t control steps.
    voice_seed: draws the violin's body and the room; not negative.
    seed: draws the noise; not negative.

  Returns:
    float32 [(t - 1) * 98], 44.1 kHz, the loudest sample at 0.7.
  """
  rng = random_stream(seed, "bow noise")
  own = random_stream(voice_seed, "violin body")
  steps = len(state.noise) - 1
  sound = string_sound(state)
  white = rng.standard_normal((steps, SAMPLES), np.float32)
  x = (np.arange(SAMPLES) / SAMPLES).astype(np.float32)
  level = state.noise.astype(np.float32)
  level = level[:-1, None] + (level[1:] - level[:-1])[:, None] * x
  hiss = (white * level).reshape(-1)
  band = _butter(1, (900.0, 6000.0), "bandpass")
  sound += np.asarray(signal.sosfilt(band.astype(np.float32), hiss))
  bands = tuple(
    (f * own.uniform(0.95, 1.05), q, g + own.uniform(-1.5, 1.5))
    for f, q, g in _BODY
  )
  low = _butter(2, 160.0, "highpass")
  sections = np.concatenate([low, peak_sections(bands, SAMPLE_RATE_HZ)])
  sound = signal.sosfilt(sections.astype(np.float32), sound)
  wet = signal.oaconvolve(sound, _room_response(voice_seed))[: len(sound)]
  peak = float(np.max(np.abs(wet)))
  wet *= _LOUDEST / max(peak, 1e-9)
  background = rng.standard_normal(len(wet), np.float32)
  background *= np.float32(_LOUDEST * 10 ** (_BACKGROUND_DB / 20))
  return (wet + background).astype(np.float32)
