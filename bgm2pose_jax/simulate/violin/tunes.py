"""Notes: which pitch comes next, on which string and in which position."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.simulate.violin import instrument

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_MINOR = (0, 2, 3, 5, 7, 8, 10)
# Semitones above the open string of the first finger in the positions used.
_POSITIONS = (2, 3, 5, 7, 9, 10, 12)
# Semitones from the first finger to the fourth.
_HAND_SPAN = 5
_OPEN = tuple(int(s) for s in instrument.OPEN_SEMITONES)
_LOWEST, _HIGHEST = _OPEN[0], _OPEN[3] + 17


@dataclasses.dataclass(frozen=True)
class Note:
  """One stopped or open note.

  Attributes:
    string: index into `instrument.STRINGS`.
    semitones: above the open string; not always whole.
    hand: semitones of the first finger above the open string.
  """

  string: int
  semitones: float
  hand: float


class Tune:
  """Draws one note after the other; a phrase resets where it starts."""

  def __init__(self, kind: str, rng: np.random.Generator):
    """Begins a tune.

    Args:
      kind: one of `Technique.tune`.
      rng: draws everything.
    """
    self._kind = kind
    self._rng = rng
    self._key = int(rng.integers(12))
    self._scale = _MAJOR if rng.random() < 0.5 else _MINOR
    self.new_phrase()

  def new_phrase(self) -> None:
    """Moves to another register, string and position."""
    rng = self._rng
    self._hand = int(rng.choice(_POSITIONS, p=_falling(len(_POSITIONS))))
    self._string = int(rng.integers(4))
    self._way = int(rng.choice((-1, 1)))
    self._left = 0
    low, high = _LOWEST + 2, _HIGHEST - 5
    self._pitch = self._in_scale(int(rng.integers(low, high)))
    self._chord = [
      int(rng.choice((0, self._hand, self._hand + 2, self._hand + 3)))
      for _ in range(4)
    ]
    self._place = self._string

  def next(self) -> Note:
    """The next note, with the finger a few cents off the scale."""
    note = {
      "scale": self._walk,
      "melody": self._walk,
      "run": self._run,
      "arpeggio": self._arpeggio,
      "repeat": self._repeat,
      "open": self._open,
    }[self._kind]()
    if note.semitones > 0:
      off = float(np.clip(self._rng.normal(0, 0.03), -0.08, 0.08))
      note = dataclasses.replace(note, semitones=note.semitones + off)
    return note

  def _in_scale(self, pitch: int) -> int:
    while (pitch - self._key) % 12 not in self._scale:
      pitch -= 1
    return pitch

  def _step(self, pitch: int, way: int) -> int:
    pitch += way
    while (pitch - self._key) % 12 not in self._scale:
      pitch += way
    return pitch

  def _walk(self) -> Note:
    rng = self._rng
    steps = 1
    if self._kind == "melody":
      steps = int(rng.choice((1, 1, 2, 3)))
      self._way = int(rng.choice((-1, 1)))
    elif rng.random() < 0.15:
      self._way = -self._way
    for _ in range(steps):
      if not _LOWEST + 1 <= self._pitch + 3 * self._way <= _HIGHEST - 1:
        self._way = -self._way
      self._pitch = self._step(self._pitch, self._way)
    return self._finger(self._pitch)

  def _finger(self, pitch: int) -> Note:
    """The string that has this pitch in the position, or a shift."""
    for string in (3, 2, 1, 0):
      semitones = pitch - _OPEN[string]
      in_hand = self._hand - 1 <= semitones <= self._hand + _HAND_SPAN
      if in_hand or (semitones == 0 and self._hand <= 3):
        return Note(string, semitones, self._hand)
    string = max(s for s in range(4) if pitch >= _OPEN[s])
    self._hand = int(np.clip(pitch - _OPEN[string], 2, 14))
    return Note(string, pitch - _OPEN[string], self._hand)

  def _run(self) -> Note:
    low, high = _OPEN[self._string], _OPEN[self._string] + 17
    if not low <= self._pitch <= high:
      self._pitch = self._in_scale(low + int(self._rng.integers(2, 9)))
    following = self._step(self._pitch, self._way)
    if not low <= following <= high:
      self._way = -self._way
      following = self._step(self._pitch, self._way)
    self._pitch = following
    semitones = following - low
    if semitones > self._hand + 3 or 0 < semitones < self._hand - 1:
      first = semitones if self._way > 0 else semitones - 4
      self._hand = int(np.clip(first, 2, 14))
    return Note(self._string, semitones, self._hand)

  def _arpeggio(self) -> Note:
    if not 0 <= self._place + self._way <= 3:
      self._way = -self._way
    self._place += self._way
    return Note(self._place, self._chord[self._place], self._hand)

  def _repeat(self) -> Note:
    if self._left <= 0:
      self._left = int(self._rng.choice((2, 4, 4, 8)))
      self._note = self._walk()
    self._left -= 1
    return self._note

  def _open(self) -> Note:
    if self._rng.random() < 0.3:
      self._string = int(
        np.clip(self._string + self._rng.choice((-1, 1)), 0, 3)
      )
    return Note(self._string, 0, self._hand)


def _falling(count: int) -> np.ndarray:
  weights = 0.7 ** np.arange(count)
  return weights / weights.sum()
