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
from bgm2pose_jax.simulate.violin import phrases
from bgm2pose_jax.simulate.violin.players import Player
from bgm2pose_jax.simulate.violin.techniques import (
  TECHNIQUES,
  Range,
)


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
  writer = phrases.Writer(TECHNIQUES[technique], player, hair_m, rng)
  while writer.clock < duration_s:
    writer.phrase()
  strokes = [np.array(column) for column in zip(*writer.strokes, strict=True)]
  notes = [np.array(column) for column in zip(*writer.notes, strict=True)]
  return Score(technique, duration_s, *strokes, *notes)
