"""The four procedural pieces: three ambient, one jazz.

A piece is a function (samples, generator, sample rate) -> float32 [2, samples]
of any loudness; `music.compose` sets the level.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bgm2pose_jax.simulate import instruments as inst

# Base of the ambient pieces' just scale, about C2. Far enough apart for the
# features' 50 ms window (20 Hz bins) to tell neighbouring lines apart.
_BASE_HZ = 65.4


def _chords(
  out: np.ndarray,
  chords: list[list[int]],
  each_s: float,
  level: float,
  rng: np.random.Generator,
  rate: int,
) -> None:
  """Adds slow chords that overlap by half; notes are multiples of the base."""
  loops: dict[int, np.ndarray] = {}
  span = int(1.5 * each_s * rate)
  window = np.sin(np.pi * (np.arange(span) + 0.5) / span) ** 2
  window = window.astype(np.float32)
  for number, start in enumerate(
    range(-span // 3, out.shape[1], int(each_s * rate))
  ):
    for note in chords[number % len(chords)]:
      if note not in loops:
        loops[note] = inst.line_loop(note, _BASE_HZ, rng, rate, tilt=1.5)
      gain = np.float32(level * rng.uniform(0.7, 1.2))
      first, last = max(start, 0), min(start + span, out.shape[1])
      if last > first:
        sound = inst.tiled(loops[note], first, last - first)
        shape = window[first - start : last - start]
        out[:, first:last] += gain * sound * shape


def _air(
  out: np.ndarray,
  bands: tuple[tuple[float, float, float], ...],
  period_s: float,
  rng: np.random.Generator,
  rate: int,
) -> None:
  """Adds noise in bands of (low_hz, high_hz, level) that comes and goes."""
  count = out.shape[1]
  for low_hz, high_hz, level in bands:
    air = inst.noise_band(count, low_hz, high_hz, rng, rate)
    wander = inst.slow_wander(count, period_s, 0.5, 1.4, rng, rate)
    out += np.float32(level) * air * wander


def _drone(
  out: np.ndarray,
  note: int,
  tilt: float,
  level: float,
  period_s: float,
  rng: np.random.Generator,
  rate: int,
) -> None:
  """Adds a steady note that swells slowly."""
  loop = inst.line_loop(note, _BASE_HZ, rng, rate, tilt=tilt, top_hz=14000.0)
  wander = inst.slow_wander(out.shape[1], period_s, 0.6, 1.3, rng, rate)
  out += np.float32(level) * inst.tiled(loop, 0, out.shape[1]) * wander


def _haze(count: int, rng: np.random.Generator, rate: int) -> np.ndarray:
  out = np.zeros((2, count), np.float32)
  chords = [[2, 3, 5], [3, 4, 9], [2, 5, 6], [3, 4, 8]]
  _drone(out, 1, 0.55, 1.0, 9.0, rng, rate)
  _chords(out, chords, 9.0, 0.35, rng, rate)
  _air(out, ((300, 1500, 0.02), (1500, 12000, 0.03)), 5.0, rng, rate)
  return out


def _drift(count: int, rng: np.random.Generator, rate: int) -> np.ndarray:
  out = np.zeros((2, count), np.float32)
  _drone(out, 1, 0.6, 0.8, 11.0, rng, rate)
  for note in (2, 3, 4):
    _drone(out, note, 0.8, 0.25, 7.0, rng, rate)
  _air(out, ((250, 1200, 0.02), (900, 12000, 0.03)), 3.0, rng, rate)
  time_s = 1.0
  while time_s < count / rate:
    harmonic = int(rng.choice([8, 9, 10, 12, 15, 16, 20]))
    bell = inst.struck(harmonic * _BASE_HZ, 4.0, 1.3, 0.9, 2e-3, harmonic, rate)
    left = rng.uniform(0.1, 0.4)
    inst.place(out, bell, time_s, (left, 0.5 - left), rate)
    time_s += rng.uniform(2.5, 7.0)
  return out


def _tide(count: int, rng: np.random.Generator, rate: int) -> np.ndarray:
  out = np.zeros((2, count), np.float32)
  _drone(out, 1, 0.5, 1.0, 6.0, rng, rate)
  _chords(out, [[2, 3, 4], [2, 3, 5]], 12.0, 0.3, rng, rate)
  surf = (
    (70, 400, 0.08),
    (300, 1500, 0.08),
    (1200, 5000, 0.08),
    (4000, 14000, 0.08),
  )
  _air(out, surf, 5.0, rng, rate)
  return out


# Chord roots and comping voicings of an eight-bar form (MIDI notes).
_CHANGES: tuple[tuple[int, tuple[int, ...]], ...] = (
  (38, (53, 57, 60, 64)),
  (43, (53, 57, 59, 64)),
  (36, (52, 55, 59, 62)),
  (45, (55, 59, 61, 64)),
  (38, (53, 57, 60, 64)),
  (43, (53, 57, 59, 64)),
  (36, (52, 57, 59, 62)),
  (36, (52, 55, 59, 62)),
)
BEAT_S = 60.0 / 138.0
# Every eight-bar form ends in a stop: everyone is silent from beat 2 of it on.
SILENT_BAR = 7


def _swing(count: int, rng: np.random.Generator, rate: int) -> np.ndarray:
  out = np.zeros((2, count), np.float32)
  bars = int(np.ceil(count / rate / (4 * BEAT_S)))
  for bar in range(bars):
    start_s = bar * 4 * BEAT_S
    root, voicing = _CHANGES[bar % len(_CHANGES)]
    follows = _CHANGES[(bar + 1) % len(_CHANGES)][0]
    stop = bar % len(_CHANGES) == SILENT_BAR
    _drums(out, start_s, stop, rng, rate)
    _bass(out, start_s, root, follows, stop, rng, rate)
    for beat in (0.0, 1.67, 2.67, 3.67):
      if not stop and rng.random() < 0.55:
        level = rng.uniform(0.10, 0.22)
        for note in voicing:
          sound = inst.struck(
            inst.note_hz(note), 0.8, 0.35, 0.8, 4e-4, note, rate
          )
          at = start_s + beat * BEAT_S
          inst.place(out, sound, at, (0.7 * level, level), rate)
  _stop_time(out, bars, rate)
  return out


def _drums(
  out: np.ndarray,
  start_s: float,
  stop: bool,
  rng: np.random.Generator,
  rate: int,
) -> None:
  for beat in (0.0, 1.0, 1.67, 2.0, 3.0, 3.67) if not stop else (0.0,):
    ride = inst.hit(4500.0, 14000.0, 0.5, 0.16, 1 + int(beat), rate)
    level = rng.uniform(0.10, 0.16)
    at = start_s + beat * BEAT_S
    inst.place(out, ride, at, (0.6 * level, level), rate)
  if stop:
    return
  for beat in (1.0, 3.0):
    chick = inst.hit(6000.0, 13000.0, 0.08, 0.02, 7, rate)
    inst.place(out, chick, start_s + beat * BEAT_S, (0.2, 0.1), rate)
  for beat in (0.0, 2.0):
    drum = inst.struck(55.0, 0.25, 0.07, 1.5, 0.0, 9, rate)
    inst.place(out, drum, start_s + beat * BEAT_S, (0.25, 0.25), rate)
  if rng.random() < 0.6:
    snare = inst.hit(400.0, 7000.0, 0.2, 0.06, 8, rate)
    beat = float(rng.choice([0.67, 1.67, 2.67, 3.33]))
    inst.place(out, snare, start_s + beat * BEAT_S, (0.22, 0.14), rate)


def _bass(
  out: np.ndarray,
  start_s: float,
  root: int,
  follows: int,
  stop: bool,
  rng: np.random.Generator,
  rate: int,
) -> None:
  approach = follows + int(rng.choice([-1, 1]))
  walk = (root, root + int(rng.choice([3, 4])), root + 7, approach)
  for beat, note in enumerate(walk[:1] if stop else walk):
    sound = inst.struck(inst.note_hz(note), 0.5, 0.4, 1.6, 1e-4, note, rate)
    inst.place(out, sound, start_s + beat * BEAT_S, (0.40, 0.28), rate)


def _stop_time(out: np.ndarray, bars: int, rate: int) -> None:
  """Silences beats 2-4 of every stop bar, with a 30 ms fade."""
  fade = np.linspace(1, 0, int(0.03 * rate), dtype=np.float32)
  for bar in range(SILENT_BAR, bars, len(_CHANGES)):
    start = int(round((4 * bar + 1) * BEAT_S * rate))
    end = int(round(4 * (bar + 1) * BEAT_S * rate))
    first = out[:, start : start + len(fade)]
    first *= fade[: first.shape[1]]
    out[:, start + len(fade) : end] = 0.0


# Name -> composer.
PIECES: dict[str, Callable[[int, np.random.Generator, int], np.ndarray]] = {
  "haze": _haze,
  "drift": _drift,
  "tide": _tide,
  "swing": _swing,
}
