"""Sound sources for the procedural music: pads, noise and struck notes.

All return float32 [2, n], the channels independent in phase or noise, so that
the two loudspeakers play distinct signals with the same spectrum.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy import signal

# A pad is one period of a long loop; 2^18 samples are 5.5 s at 48 kHz.
_LOOP = 1 << 18


def note_hz(midi: float) -> float:
  """Frequency of a MIDI note number, equal temperament, A4 = 69 = 440 Hz."""
  return 440.0 * 2.0 ** ((midi - 69.0) / 12.0)


def seamless_loop(spectrum: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Turns a magnitude spectrum into a loop with random phases.

  The result repeats without a seam, because every component fits the loop a
  whole number of times (the idea of Nasca's PADsynth).

  Args:
    spectrum: [2, bins] or [bins] magnitudes, rfft bins of a loop of
      2 (bins - 1) samples.
    rng: draws the phases of both channels.

  Returns:
    float32 [2, loop], RMS 1.
  """
  phase = rng.uniform(0.0, 2 * np.pi, (2, spectrum.shape[-1]))
  loop = np.fft.irfft(spectrum * np.exp(1j * phase), axis=-1)
  loop /= np.sqrt(np.mean(loop**2, axis=-1, keepdims=True)) + 1e-12
  return loop.astype(np.float32)


def line_loop(
  note: int,
  base_hz: float,
  rng: np.random.Generator,
  sample_rate_hz: int,
  *,
  tilt: float = 1.0,
  top_hz: float = 12000.0,
) -> np.ndarray:
  """A steady note of a just scale: lines at multiples of `note * base_hz`.

  Lines of all notes of one base either coincide or lie `base_hz` apart, so
  they never beat. A 50 ms window then sees a level that only the room and the
  person change, where two smeared or detuned notes would flutter by decibels.

  Args:
    note: which harmonic of the base the note is.
    base_hz: base of the scale, moved to the loop's nearest bin.
    rng: draws phases and small differences of level between the channels.
    sample_rate_hz: sample rate.
    tilt: line h has amplitude h^-tilt.
    top_hz: no lines above it.

  Returns:
    float32 [2, loop] of RMS 1, to be repeated.
  """
  spacing_hz = sample_rate_hz / _LOOP
  step = note * max(int(round(base_hz / spacing_hz)), 1)
  top = min(top_hz, 0.45 * sample_rate_hz) / spacing_hz
  bins = np.arange(step, top, step).astype(np.int64)
  spectrum = np.zeros((2, _LOOP // 2 + 1))
  level = (np.arange(len(bins)) + 1.0) ** -tilt
  spectrum[:, bins] = level * rng.uniform(0.4, 1.6, (2, len(bins)))
  return seamless_loop(spectrum, rng)


def tiled(loop: np.ndarray, start: int, count: int) -> np.ndarray:
  """`count` samples [2, count] of an endless loop, from sample `start` on."""
  start %= loop.shape[1]
  repeats = -(-(start + count) // loop.shape[1])
  return np.tile(loop, repeats)[:, start : start + count]


def noise_band(
  count: int,
  low_hz: float,
  high_hz: float,
  rng: np.random.Generator,
  sample_rate_hz: int,
) -> np.ndarray:
  """Band-passed white noise [2, count], RMS about 1, channels independent."""
  white = rng.standard_normal((2, count), dtype=np.float32)
  high_hz = min(high_hz, 0.45 * sample_rate_hz)
  sections = np.asarray(
    signal.butter(
      1, [low_hz, high_hz], "bandpass", fs=sample_rate_hz, output="sos"
    )
  )
  sections = sections.astype(np.float32)
  band = np.asarray(signal.sosfilt(sections, white, axis=-1))
  return (band / (band.std() + 1e-12)).astype(np.float32)


def slow_wander(
  count: int,
  period_s: float,
  low: float,
  high: float,
  rng: np.random.Generator,
  sample_rate_hz: int,
) -> np.ndarray:
  """A gain curve [1, count] that wanders smoothly between two levels.

  Raised cosines between knots every `period_s` seconds. Both channels share
  it: their balance is the music's own, not a signal of its own.
  """
  knots = int(count / sample_rate_hz / period_s) + 3
  values = rng.uniform(low, high, knots)
  # Cosine interpolation on a 100 Hz grid, then linear: cheap and smooth.
  grid = np.arange(0.0, (knots - 1) * period_s, 0.01)
  place = np.minimum(grid / period_s, knots - 1 - 1e-9)
  index = place.astype(np.int64)
  blend = 0.5 - 0.5 * np.cos(np.pi * (place - index))
  curve = values[index] * (1 - blend) + values[index + 1] * blend
  clock = np.arange(count, dtype=np.float32) / np.float32(sample_rate_hz)
  return np.interp(clock, grid, curve).astype(np.float32)[None]


@functools.lru_cache(maxsize=256)
def struck(
  fundamental_hz: float,
  length_s: float,
  decay_s: float,
  tilt: float,
  stretch: float,
  seed: int,
  sample_rate_hz: int,
) -> np.ndarray:
  """A struck or plucked note: decaying partials, the high ones faster.

  Args:
    fundamental_hz: pitch.
    length_s: length of the note, faded at its end.
    decay_s: time constant of the fundamental.
    tilt: partial h starts at h^-tilt.
    stretch: inharmonicity B of a stiff string, f_h = h f0 sqrt(1 + B h^2).
    seed: the seed of the partials' phases, which differ between channels.
    sample_rate_hz: sample rate.

  Returns:
    float32 [2, n], peak 1.
  """
  rng = np.random.Generator(np.random.Philox(key=seed))
  clock = np.arange(int(length_s * sample_rate_hz)) / sample_rate_hz
  note = np.zeros((2, len(clock)))
  for h in range(1, 25):
    hz = h * fundamental_hz * np.sqrt(1 + stretch * h * h)
    if hz > 0.4 * sample_rate_hz:
      break
    phase = rng.uniform(0, 2 * np.pi, (2, 1))
    fall = np.exp(-clock * (0.6 + 0.4 * h) / decay_s)
    note += h**-tilt * fall * np.sin(2 * np.pi * hz * clock + phase)
  return _finish(note, sample_rate_hz)


@functools.lru_cache(maxsize=64)
def hit(
  low_hz: float,
  high_hz: float,
  length_s: float,
  decay_s: float,
  seed: int,
  sample_rate_hz: int,
) -> np.ndarray:
  """A decaying burst of band noise (cymbal, snare wires), [2, n], peak 1."""
  rng = np.random.Generator(np.random.Philox(key=seed))
  count = int(length_s * sample_rate_hz)
  burst = noise_band(count, low_hz, high_hz, rng, sample_rate_hz)
  clock = np.arange(count) / sample_rate_hz
  return _finish(burst * np.exp(-clock / decay_s), sample_rate_hz)


def _finish(note: np.ndarray, sample_rate_hz: int) -> np.ndarray:
  """Two-millisecond attack, ten-millisecond release, peak 1."""
  attack = min(int(0.002 * sample_rate_hz), note.shape[1] // 4)
  release = min(int(0.010 * sample_rate_hz), note.shape[1] // 4)
  note = note.copy()
  note[:, :attack] *= np.linspace(0, 1, attack)
  note[:, -release:] *= np.linspace(1, 0, release)
  return (note / (np.abs(note).max() + 1e-12)).astype(np.float32)


def place(
  out: np.ndarray,
  sound: np.ndarray,
  start_s: float,
  gain: tuple[float, float],
  sample_rate_hz: int,
) -> None:
  """Adds `sound` to `out` at a time, with a gain per channel, in place."""
  start = int(round(start_s * sample_rate_hz))
  count = min(sound.shape[1], out.shape[1] - start)
  if count > 0:
    out[:, start : start + count] += (
      np.array(gain, np.float32)[:, None] * sound[:, :count]
    )
