"""Do the takes of one person fit together?"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

from bgm2pose_jax.poses.subject_evidence import GUESS, NOTHING, Subject

# Rates in headers are rounded; a person's legs are measured anew each day.
_SAME_RATE, _SAME_STATURE = 0.01, 0.08


@dataclasses.dataclass(frozen=True)
class Take:
  """What a file says of the person in it.

  Attributes:
    file: path relative to the folder.
    subject: who moves.
    rate_hz: frames per second.
    stature_m: stature by the legs.
    is_rate_given: whether `clips.csv` says the rate.
  """

  file: str
  subject: Subject
  rate_hz: float
  stature_m: float
  is_rate_given: bool = False


def check_takes(takes: Sequence[Take]) -> dict[str, list[str]]:
  """Compares the takes of each person.

  Args:
    takes: the takes of all people.

  Returns:
    {file: sentences} of the takes that differ from most of their person's.
  """
  people: dict[str, list[Take]] = {}
  for take in takes:
    people.setdefault(take.subject.name, []).append(take)
  found: dict[str, list[str]] = {}
  for own in people.values():
    for take, sentence in (*_rates(own), *_statures(own)):
      found.setdefault(take.file, []).append(sentence)
  return found


def _rates(own: Sequence[Take]) -> list[tuple[Take, str]]:
  counts = collections.Counter(round(take.rate_hz, 1) for take in own)
  usual_hz = counts.most_common(1)[0][0]
  return [
    (
      take,
      f"{take.rate_hz:g} Hz, but {take.subject.name} has {usual_hz:g} Hz"
      " elsewhere; give the true rate of each as fps_true in clips.csv",
    )
    for take in own
    if abs(take.rate_hz - usual_hz) > _SAME_RATE * usual_hz
    and not take.is_rate_given
  ]


def _statures(own: Sequence[Take]) -> list[tuple[Take, str]]:
  usual_m = sorted(take.stature_m for take in own)[len(own) // 2]
  guessed = own[0].subject.evidence in (GUESS, NOTHING)
  fix = (
    "name who moves in the column subject of clips.csv"
    if guessed
    else "check unit_scale_m and subject in clips.csv"
  )
  return [
    (
      take,
      f"{take.subject.name} is {take.stature_m:.2f} m tall here and"
      f" {usual_m:.2f} m elsewhere; {fix}",
    )
    for take in own
    if abs(take.stature_m - usual_m) > _SAME_STATURE * usual_m
  ]
