"""Folds of performers: by performer, or by the captured person behind them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.performances import Performances


@dataclasses.dataclass(frozen=True)
class PersonFold:
  """Who trains and who tests where a captured person is left out.

  Attributes:
    order: the captured people, what folds count.
    train: performers made of other people.
    test: performers made of the person.
    clips: every clip of the person; some of them may be shown by others.
  """

  order: tuple[str, ...]
  train: tuple[str, ...]
  test: tuple[str, ...]
  clips: tuple[str, ...]


def check(fold_by: str, performances: Performances | None) -> None:
  """Refuses folds that performers cannot have, or that only they can have.

  Args:
    fold_by: `subject`, `clip` or `person`.
    performances: what performers show; None where there are none.

  Raises:
    InputError: `person` without performers, or `clip` with them.
  """
  if performances is None and fold_by == "person":
    raise InputError(
      "--fold_by=person",
      "no subject is a performer",
      "use --fold_by=subject, or make performers with --performers",
    )
  if performances is not None and fold_by == "clip":
    raise InputError(
      "--fold_by=clip",
      "performers share clips, so a test clip would train as well",
      "use --fold_by=subject or --fold_by=person",
    )


def without_person(
  performances: Performances,
  *,
  everyone: Sequence[str],
  tested: Sequence[str],
  asked: str | None,
  fold: int,
) -> PersonFold:
  """Leaves out a captured person: all made of them, and all that they showed.

  Args:
    performances: what performers show.
    everyone: performers who have a training track.
    tested: performers who have the test track.
    asked: the test subject that was asked for; None for nobody.
    fold: position of the person among those whom `tested` are made of.

  Raises:
    InputError: a test subject asked for, no such fold, or nobody to train on.
  """
  if asked is not None:
    raise InputError(
      f"--test_subject={asked}",
      "given together with --fold_by=person",
      "drop one: person folds test every performer made of the person",
    )
  people = tuple(
    person
    for person in performances.people()
    if set(performances.made_of(person)) & set(tested)
  )
  if not fold < len(people):
    raise InputError(
      f"--fold={fold}",
      f"performers are made of {len(people)} people",
      f"give 0 to {len(people) - 1}, in the order {', '.join(people)}",
    )
  of_person = set(performances.made_of(people[fold]))
  train = tuple(name for name in everyone if name not in of_person)
  if not train:
    raise InputError(
      "--fold_by=person",
      f"every performer is made of {people[fold]}",
      "make more performers, or add motion of other people",
    )
  return PersonFold(
    people,
    train,
    tuple(name for name in tested if name in of_person),
    performances.of_person(people[fold]),
  )
