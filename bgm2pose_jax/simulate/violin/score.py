"""A score of bow strokes: when, from where to where, and with which notes.

A take is a chain of phrases. Each phrase draws its own tempo, part and length
of bow, loudness, rhythm and register, so that a technique's name says little
of where the bow is. Between phrases the bow rests on the string or is lifted
and carried to where the next one starts.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.motion import random_stream
from bgm2pose_jax.simulate.violin.players import Player
from bgm2pose_jax.simulate.violin.techniques import (
  TECHNIQUES,
  Range,
  Technique,
)
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


@dataclasses.dataclass(frozen=True, eq=False)
class Score:
  """Strokes and notes of one take, both in order of time, without gaps.

  Attributes:
    technique: the name it was written for.
    duration_s: length of the take.
    start_s: [stroke] start; the first is 0.
    end_s: [stroke] end, the next one's start.
    from_m: [stroke] hair between frog and strings at the start.
    to_m: [stroke] the same at the end.
    sounds: [stroke] whether the bow is on the string.
    attack: [stroke] share of the moving time in which the bow gets going.
    moving: [stroke] share of the stroke in which the bow moves.
    decay: [stroke] see `Technique`.
    swell: [stroke] see `Technique`.
    lift_m: [stroke] height between strokes, or of a bow carried in the air.
    press: [stroke] place of the force between Schelleng's limits.
    contact_m: [stroke] contact point's distance from the bridge.
    note_start_s: [note] start; the first is 0.
    string: [note] index of the string.
    semitones: [note] finger above the open string, 0 for the open string.
    hand: [note] semitones of the first finger above the open string.
    vibrato: [note] factor on the player's depth.
  """

  technique: str
  duration_s: float
  start_s: np.ndarray
  end_s: np.ndarray
  from_m: np.ndarray
  to_m: np.ndarray
  sounds: np.ndarray
  attack: np.ndarray
  moving: np.ndarray
  decay: np.ndarray
  swell: np.ndarray
  lift_m: np.ndarray
  press: np.ndarray
  contact_m: np.ndarray
  note_start_s: np.ndarray
  string: np.ndarray
  semitones: np.ndarray
  hand: np.ndarray
  vibrato: np.ndarray


class _Writer:
  """Writes strokes one after the other; knows where the bow is."""

  def __init__(
    self,
    technique: Technique,
    player: Player,
    hair_m: Range,
    rng: np.random.Generator,
  ):
    self.technique = technique
    self.player = player
    self.rng = rng
    self.low, self.high = hair_m
    self.tune = Tune(technique.tune, rng)
    self.clock = 0.0
    self.hair = float(rng.uniform(self.low, self.high))
    self.way = int(rng.choice((-1, 1)))  # +1: down-bow, the frog leaves
    self.strokes: list[tuple] = []
    self.notes: list[tuple] = []

  def draw(self, limits: Range) -> float:
    return float(self.rng.uniform(*limits))

  def draw_log(self, limits: Range) -> float:
    return float(np.exp(self.rng.uniform(*np.log(limits))))

  def rest(self, to_m: float, lifted: bool) -> None:
    """Carries the bow to its next place, or waits on the string."""
    far = abs(to_m - self.hair)
    time = max(self.draw((0.18, 0.7)), far / _CARRIED_M_S, 0.18)
    lift = self.draw((0.015, 0.05)) if lifted else 0.0
    end = self.hair if not lifted else to_m
    self._add(time, end, False, 0.5, 1.0, 0.0, 0.0, lift, 0.5, 0.030)
    if not self.notes:
      self.note(self.clock - time)

  def note(self, start_s: float) -> None:
    note = self.tune.next()
    depth = self.draw(self.technique.vibrato) if note.semitones else 0.0
    self.notes.append((start_s, note.string, note.semitones, note.hand, depth))

  def _add(self, time: float, to_m: float, *rest: float | bool) -> None:
    self.strokes.append((self.clock, self.clock + time, self.hair, to_m, *rest))
    self.clock += time
    self.hair = to_m

  def phrase(self) -> None:
    """One phrase of 2 to 6 seconds."""
    t, rng = self.technique, self.rng
    self.tune.new_phrase()
    beat = self.draw_log(t.stroke_s) / self.player.tempo
    size = self.draw(t.bow_m) * self.player.bow_use
    room = self.high - self.low
    size = min(size, room)
    low = self.low + self.draw((0.0, 1.0)) * (room - size)
    rhythm = (_EVEN if t.even else _RHYTHMS)[
      int(rng.integers(len(_EVEN if t.even else _RHYTHMS)))
    ]
    press, contact = self.draw(t.press), self.draw(t.contact_m)
    shape = (self.draw(t.decay), self.draw(t.swell))
    attack_s, bounce = self.draw(t.attack_s), self.draw(t.bounce_m)
    moving = self.draw(t.moving)
    way_left = int(rng.integers(t.same_way[0], t.same_way[1] + 1))
    run = way_left
    if self.strokes or rng.random() < 0.5:
      start = low + self.draw((0.0, 0.25)) * size
      start = start if self.way > 0 else 2 * low + size - start
      self.rest(start, lifted=rng.random() < 0.65)
    end = self.clock + self.draw((2.0, 6.0))
    bar = 0
    while self.clock < end:
      unit = rhythm[bar % len(rhythm)] * float(rng.lognormal(0, 0.04))
      bar += 1
      time = max(beat * unit, _SHORTEST_S)
      if run > 1:  # several strokes one way share the bow
        aim = self.hair + self.way * size
      else:
        inner = self.draw((0.0, 0.3)) * size
        aim = low + size - inner if self.way > 0 else low + inner
      least = 0.45 * size * min(1.0, unit)
      far = max(self.way * (aim - self.hair), least)
      far = min(far, _FASTEST_M_S * moving * time)
      room = self.high - self.hair if self.way > 0 else self.hair - self.low
      if far > room:
        if room < 0.5 * least:
          self.way = -self.way
          way_left = run
          continue
        far = room
      notes = int(rng.integers(t.notes[0], t.notes[1] + 1))
      notes = max(1, min(notes, int(time / _SHORTEST_NOTE_S)))
      start = self.clock
      for i in range(notes):
        self.note(start + time * i / notes)
      attack = min(attack_s / (moving * time), 0.45)
      wobble = float(np.clip(press + rng.normal(0, 0.05), 0.08, 0.95))
      if t.name == "bow_weight":
        wobble = self.draw(t.press)
        contact = self.draw(t.contact_m)
      self._add(
        time,
        self.hair + self.way * far,
        True,
        attack,
        moving,
        *shape,
        bounce,
        wobble,
        contact,
      )
      way_left -= 1
      if way_left <= 0:
        self.way, way_left = -self.way, run


def write_score(
  technique: str,
  player: Player,
  hair_m: Range,
  duration_s: float,
  seed: int,
) -> Score:
  """Writes the strokes and notes of one take.

  Args:
    technique: a name in `TECHNIQUES`.
    player: sets tempo and use of bow.
    hair_m: hair that the player can use (`arms.usable_hair_m`).
    duration_s: length of the take, at least 1 s.
    seed: not negative; another seed is another score.

  Raises:
    InputError: if there is no such technique, or the take is too short.
  """
  if technique not in TECHNIQUES:
    raise InputError(
      "technique", f"is {technique!r}", f"give one of {', '.join(TECHNIQUES)}"
    )
  if not 1 <= duration_s <= 3600:
    raise InputError("duration_s", f"is {duration_s} s", "give 1 s to one hour")
  rng = random_stream(seed, "violin score", technique, player.name)
  writer = _Writer(TECHNIQUES[technique], player, hair_m, rng)
  while writer.clock < duration_s:
    writer.phrase()
  strokes = [np.array(column) for column in zip(*writer.strokes, strict=True)]
  notes = [np.array(column) for column in zip(*writer.notes, strict=True)]
  return Score(technique, duration_s, *strokes, *notes)
