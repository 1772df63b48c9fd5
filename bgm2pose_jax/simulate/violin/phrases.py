"""Phrases: strokes and notes written one after the other.

The columns of both lists are those of `score.Score`, which is made of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bgm2pose_jax.simulate.violin.players import Player
from bgm2pose_jax.simulate.violin.techniques import Range, Technique
from bgm2pose_jax.simulate.violin.tunes import Tune

# Relative lengths of the strokes of a bar.
_RHYTHMS = (
  (1.0, 1.0, 1.0, 1.0),
  (2.0, 1.0, 1.0),
  (1.0, 1.0, 2.0),
  (1.5, 0.5, 1.5, 0.5),
  (1.0, 0.5, 0.5, 1.0),
  (0.67, 0.67, 0.67, 1.0),
  (3.0, 1.0),
)
_EVEN = ((1.0, 1.0, 1.0, 1.0),)
# Fastest mean speed of a stroke, and of a bow carried through the air.
_FASTEST_M_S = 0.75
_CARRIED_M_S = 0.45
_SHORTEST_S = 0.095
# Shortest of several notes in a stroke.
_SHORTEST_NOTE_S = 0.15


class _Phrase(NamedTuple):
  """What the strokes of one phrase share; fields as in `Technique`."""

  beat_s: float
  size_m: float  # part of the hair that it is played with
  low_m: float  # that part's end at the frog
  rhythm: tuple[float, ...]
  press: float
  contact_m: float
  decay: float
  swell: float
  attack_s: float
  bounce_m: float
  moving: float
  run: int  # strokes before the bow turns


class Writer:
  """Writes strokes one after the other; knows where the bow is.

  Attributes:
    clock: time written so far, seconds.
    strokes: rows of the score's stroke columns.
    notes: rows of its note columns.
  """

  def __init__(
    self,
    technique: Technique,
    player: Player,
    hair_m: Range,
    rng: np.random.Generator,
  ):
    """Begins with a bow somewhere on its hair.

    Args:
      technique: how it is played.
      player: sets tempo and use of bow.
      hair_m: hair that may be used.
      rng: draws everything.
    """
    self._technique = technique
    self._player = player
    self._rng = rng
    self._low, self._high = hair_m
    self._tune = Tune(technique.tune, rng)
    self.clock = 0.0
    self._hair = float(rng.uniform(self._low, self._high))
    self._way = int(rng.choice((-1, 1)))  # +1: down-bow, the frog leaves
    self.strokes: list[tuple] = []
    self.notes: list[tuple] = []

  def _draw(self, limits: Range) -> float:
    return float(self._rng.uniform(*limits))

  def _draw_log(self, limits: Range) -> float:
    return float(np.exp(self._rng.uniform(*np.log(limits))))

  def _rest(self, to_m: float, lifted: bool) -> None:
    """Carries the bow to its next place, or waits on the string."""
    far = abs(to_m - self._hair)
    time = self._draw((0.18, 0.7))
    if lifted:
      time = max(time, far / _CARRIED_M_S)
    lift = self._draw((0.015, 0.05)) if lifted else 0.0
    end = self._hair if not lifted else to_m
    self._add(time, end, False, 0.5, 1.0, 0.0, 0.0, lift, 0.5, 0.030)
    if not self.notes:
      self._note(self.clock - time)

  def _note(self, start_s: float) -> None:
    note = self._tune.next()
    depth = self._draw(self._technique.vibrato) if note.semitones else 0.0
    self.notes.append((start_s, note.string, note.semitones, note.hand, depth))

  def _add(self, time: float, to_m: float, *rest: float | bool) -> None:
    self.strokes.append(
      (self.clock, self.clock + time, self._hair, to_m, *rest)
    )
    self.clock += time
    self._hair = to_m

  def phrase(self) -> None:
    """One phrase of 2 to 6 seconds."""
    self._tune.new_phrase()
    phrase = self._draw_phrase()
    if self.strokes or self._rng.random() < 0.5:
      start = phrase.low_m + self._draw((0.0, 0.25)) * phrase.size_m
      if self._way < 0:
        start = 2 * phrase.low_m + phrase.size_m - start
      self._rest(start, lifted=self._rng.random() < 0.65)
    end = self.clock + self._draw((2.0, 6.0))
    left, bar = phrase.run, 0
    while self.clock < end:
      unit = phrase.rhythm[bar % len(phrase.rhythm)]
      unit *= float(self._rng.lognormal(0, 0.04))
      bar += 1
      time = max(phrase.beat_s * unit, _SHORTEST_S)
      far = self._distance(phrase, time, unit)
      if far == 0:  # the end of the bow
        self._way, left = -self._way, phrase.run
        continue
      self._stroke(phrase, time, far)
      left -= 1
      if left <= 0:
        self._way, left = -self._way, phrase.run

  def _draw_phrase(self) -> _Phrase:
    t, rng = self._technique, self._rng
    room = self._high - self._low
    size = min(self._draw(t.bow_m) * self._player.bow_use, room)
    rhythms = _EVEN if t.even else _RHYTHMS
    return _Phrase(
      beat_s=self._draw_log(t.stroke_s) / self._player.tempo,
      size_m=size,
      low_m=self._low + self._draw((0.0, 1.0)) * (room - size),
      rhythm=rhythms[int(rng.integers(len(rhythms)))],
      press=self._draw(t.press),
      contact_m=self._draw(t.contact_m),
      decay=self._draw(t.decay),
      swell=self._draw(t.swell),
      attack_s=self._draw(t.attack_s),
      bounce_m=self._draw(t.bounce_m),
      moving=self._draw(t.moving),
      run=int(rng.integers(t.same_way[0], t.same_way[1] + 1)),
    )

  def _distance(self, phrase: _Phrase, time: float, unit: float) -> float:
    """How far the next stroke goes; 0 if the bow must turn first."""
    low, size = phrase.low_m, phrase.size_m
    if phrase.run > 1:  # several strokes one way share the bow
      aim = self._hair + self._way * size
    else:
      inner = self._draw((0.0, 0.3)) * size
      aim = low + size - inner if self._way > 0 else low + inner
    least = 0.45 * size * min(1.0, unit)
    far = max(self._way * (aim - self._hair), least)
    far = min(far, _FASTEST_M_S * phrase.moving * time)
    room = self._high - self._hair if self._way > 0 else self._hair - self._low
    if far <= room:
      return far
    return room if room >= 0.5 * least else 0.0

  def _stroke(self, phrase: _Phrase, time: float, far: float) -> None:
    t, rng = self._technique, self._rng
    notes = int(rng.integers(t.notes[0], t.notes[1] + 1))
    notes = max(1, min(notes, int(time / _SHORTEST_NOTE_S)))
    for i in range(notes):
      self._note(self.clock + time * i / notes)
    press, contact = phrase.press, phrase.contact_m
    if t.varied:
      press, contact = self._draw(t.press), self._draw(t.contact_m)
    self._add(
      time,
      self._hair + self._way * far,
      True,
      min(phrase.attack_s / (phrase.moving * time), 0.45),
      phrase.moving,
      phrase.decay,
      phrase.swell,
      phrase.bounce_m,
      float(np.clip(press + rng.normal(0, 0.04), 0.08, 0.95)),
      contact,
    )
