"""Bow and fingers as functions of time, from the score.

Everything is sampled at `CONTROL_HZ`, nine times per pose frame and once per
98 samples of sound, so both are made from the same curves.

Schelleng's limits of the bow's force: J. C. Schelleng, "The bowed string and
the player", JASA 53 (1973), with v the bow's speed and beta the contact point
as a share of the sounding string:
  highest = 2 Z v / (beta D),   lowest = Z^2 v / (2 R beta^2 D).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import signal

from bgm2pose_jax.simulate.motion import random_stream
from bgm2pose_jax.simulate.violin import instrument
from bgm2pose_jax.simulate.violin.players import Player
from bgm2pose_jax.simulate.violin.score import Score

CONTROL_HZ = 450
# Wave impedance of the string, resistance of the bridge (both kg/s), and
# static minus sliding friction of the hair.
_IMPEDANCE = 0.28
_RESISTANCE = 12.0
_FRICTION = 0.5
# The force is chosen for this share of the stroke's top speed.
_NOMINAL = 0.8
# The bow stops in this many times the time in which it gets going.
_BRAKING = 1.2


@dataclasses.dataclass(frozen=True, eq=False)
class Bowing:
  """Bow and fingers of one take, sampled at `CONTROL_HZ`.

  Attributes:
    stroke: int [t], index of the score's stroke.
    hair_m: [t], hair between frog and the middle of the strings.
    speed_m_s: [t], its rate of change; positive in a down-bow.
    bow_rad: [t], angle of the bow about the neck.
    contact_m: [t], contact point's distance from the bridge.
    lift_m: [t], height of the hair over the string; 0 while it presses.
    force_n: [t], force of the bow on the string; 0 while lifted.
    string: int [t], string that the bow lies on or over.
    semitones: [t, string=4], stop of each string above its open pitch.
    hand: [t], first finger above the open string, semitones.
    hand_string: [t], string that the hand is turned to, 0 to 3.
    vibrato_cents: [t], what the vibrato adds to the stop.
  """

  stroke: np.ndarray
  hair_m: np.ndarray
  speed_m_s: np.ndarray
  bow_rad: np.ndarray
  contact_m: np.ndarray
  lift_m: np.ndarray
  force_n: np.ndarray
  string: np.ndarray
  semitones: np.ndarray
  hand: np.ndarray
  hand_string: np.ndarray
  vibrato_cents: np.ndarray

  @property
  def frequency_hz(self) -> np.ndarray:
    """Pitch of each string as stopped now, [t, string=4]."""
    cents = np.where(self.semitones > 0, self.vibrato_cents[:, None], 0.0)
    shift = self.semitones / 12 + cents / 1200
    return instrument.OPEN_HZ * 2.0**shift


def schelleng_n(
  speed_m_s: np.ndarray, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Lowest and highest force of a clean tone, newtons.

  Args:
    speed_m_s: speed of the bow, not negative.
    share: contact point's distance from the bridge over the string's sounding
      length.
  """
  lowest = _IMPEDANCE**2 * speed_m_s / (2 * _RESISTANCE * share**2 * _FRICTION)
  highest = 2 * _IMPEDANCE * speed_m_s / (share * _FRICTION)
  return lowest, highest


def smooth(steps: np.ndarray, width_s: float) -> np.ndarray:
  """Rounds a curve of steps with a Hann window, [t] or [t, columns]."""
  count = max(3, round(width_s * CONTROL_HZ) | 1)
  window = np.hanning(count + 2)[1:-1]
  half = count // 2
  pad = [(half, half)] + [(0, 0)] * (steps.ndim - 1)
  padded = np.pad(steps.astype(float), pad, mode="edge")
  window = (window / window.sum()).reshape(-1, *[1] * (steps.ndim - 1))
  return signal.oaconvolve(padded, window, mode="valid", axes=0)


def _changes(
  score: Score, values: np.ndarray, t: np.ndarray, step: float, size_s: float
) -> np.ndarray:
  """A curve that goes smoothly from note to note, centred on their starts.

  A change takes `size_s` per `step` of the values, at most 0.8 of the shorter
  note; after a rest it takes the whole rest and is done as the note starts.
  """
  start = score.note_start_s
  length = np.diff(np.append(start, start[-1] + 1.0))
  shorter = np.minimum(length, np.concatenate([[1.0], length[:-1]]))
  change = np.diff(values, prepend=values[0])
  width = size_s * np.sqrt(np.maximum(np.abs(change) / step, 1e-9))
  width = np.minimum(width, 0.8 * shorter)
  begin = start - width / 2
  stroke = np.searchsorted(score.end_s, start + 1e-9, "right")
  before = np.maximum(stroke - 1, 0)
  rested = ~score.sounds[before] & (score.end_s[before] > start - 1e-6)
  rested &= stroke > 0
  rest = np.where(rested, score.end_s[before] - score.start_s[before], 0.0)
  width = np.where(rested, rest, width)
  begin = np.where(rested, start - rest, begin)
  width = np.maximum(width, 1e-6)
  now = np.maximum(np.searchsorted(begin, t, "right") - 1, 0)
  old = values[now] - change[now]
  return old + change[now] * _rise((t - begin[now]) / width[now])


def _rise(x: np.ndarray) -> np.ndarray:
  """Smooth step from 0 at 0 to 1 at 1."""
  x = np.clip(x, 0.0, 1.0)
  return x * x * (3 - 2 * x)


def _profile(score: Score, stroke: np.ndarray, place: np.ndarray) -> np.ndarray:
  """Speed within each stroke, any scale; `place` runs from 0 to 1."""
  x = place / score.moving[stroke]
  attack = score.attack[stroke]
  gain = 1 + score.swell[stroke] * np.sin(np.pi * np.clip(x, 0, 1))
  gain = gain * (1 - score.decay[stroke] * np.clip(x, 0, 1))
  return gain * _rise(x / attack) * _rise((1 - x) / (_BRAKING * attack))


def _lift(score: Score, stroke: np.ndarray, place: np.ndarray) -> np.ndarray:
  """Height over the string: between bounces, or through the air."""
  top = score.lift_m[stroke]
  edge = np.clip((np.abs(place - 0.5) - 0.37) / 0.13, 0.0, 1.0)
  bounce = top * edge**2 * (3 - 2 * edge)
  air = top * np.sin(np.pi * np.clip(place, 0, 1)) ** 2
  return np.where(score.sounds[stroke], bounce, air)


def _vibrato(
  score: Score, note: np.ndarray, player: Player, rng: np.random.Generator
) -> np.ndarray:
  depth = smooth(score.vibrato[note] * player.vibrato_cents, 0.25)
  t = np.arange(len(note)) / CONTROL_HZ
  wander = 1 + 0.06 * np.sin(2 * np.pi * 0.23 * t + rng.uniform(0, 6.28))
  turns = np.cumsum(player.vibrato_hz * wander) / CONTROL_HZ
  return depth * np.sin(2 * np.pi * (turns + rng.uniform()))


def bow_score(score: Score, player: Player, seed: int) -> Bowing:
  """Plays a score: every curve of bow and fingers.

  Args:
    score: what is played.
    player: sets force and vibrato.
    seed: draws the phase of the vibrato; not negative.
  """
  rng = random_stream(seed, "bowing", player.name)
  count = round(score.duration_s * CONTROL_HZ) + 1
  t = np.arange(count) / CONTROL_HZ
  stroke = np.searchsorted(score.start_s, t, "right") - 1
  length = score.end_s - score.start_s
  place = (t - score.start_s[stroke]) / length[stroke]

  # Speed over a stroke integrates to its distance; a stroke that the end of
  # the take cuts is scaled as if it were whole.
  grid = (np.arange(400) + 0.5) / 400
  kinds = np.arange(len(length))
  mean = np.stack(
    [_profile(score, kinds, np.full(len(kinds), x)) for x in grid]
  )
  cumulative = np.concatenate([np.zeros((1, len(kinds))), np.cumsum(mean, 0)])
  cumulative /= cumulative[-1]
  far = score.to_m - score.from_m
  at = place * 400
  cell = np.minimum(at.astype(int), 399)
  low, high = cumulative[cell, stroke], cumulative[cell + 1, stroke]
  hair = score.from_m[stroke] + far[stroke] * (low + (at - cell) * (high - low))
  shape = _profile(score, stroke, place) / mean.mean(0)[stroke]
  speed = (far / length)[stroke] * shape

  lift = _lift(score, stroke, place)
  note = np.searchsorted(score.note_start_s, t, "right") - 1
  angle = instrument.STRING_RAD[score.string]
  bow_rad = _changes(score, angle, t, 0.27, 0.10)
  string = instrument.touched_string(bow_rad)
  contact = smooth(score.contact_m[stroke], 0.15)

  semitones = np.zeros((count, 4))
  for s in range(4):
    last = np.maximum.accumulate(
      np.where(score.string == s, np.arange(len(score.string)), -1)
    )[note]
    semitones[:, s] = np.where(last >= 0, score.semitones[last], 0.0)
  sounding = instrument.stopped_m(
    semitones[np.arange(count), score.string[note]]
  )
  nominal = _NOMINAL * np.abs(far / length) / score.moving
  lowest, highest = schelleng_n(nominal[stroke], contact / sounding)
  lowest = np.maximum(lowest, 0.02)
  highest = np.maximum(highest, 0.05)
  force = lowest * (highest / lowest) ** score.press[stroke]
  force = smooth(np.minimum(force * player.weight, 4.0), 0.06)
  pressing = (lift <= 0) & score.sounds[stroke]
  resting = (lift <= 0) & ~score.sounds[stroke]
  force = np.where(pressing, force, np.where(resting, 0.3 * force, 0.0))

  return Bowing(
    stroke=stroke,
    hair_m=hair,
    speed_m_s=speed,
    bow_rad=bow_rad,
    contact_m=contact,
    lift_m=lift,
    force_n=force,
    string=string,
    semitones=semitones,
    hand=_changes(score, score.hand, t, 3.0, 0.14),
    hand_string=_changes(score, score.string, t, 1.0, 0.15),
    vibrato_cents=_vibrato(score, note, player, rng),
  )
