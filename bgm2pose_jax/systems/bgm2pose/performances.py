"""Whose captured performances the performers of a data set show.

Labels of windows name clips. This says of every clip which file, person and
action it is of, and of every performer what it may show, so that a split can
keep what is tested out of training.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.split import natural_key


@dataclasses.dataclass(frozen=True)
class Source:
  """Where a clip comes from.

  Attributes:
    file: the motion file; its clips are one performance.
    person: who was captured.
    action: the kind of action.
  """

  file: str
  person: str
  action: str


@dataclasses.dataclass(frozen=True)
class Performances:
  """What the performers of a data set show.

  Attributes:
    sources: {clip: where it comes from}; windows have clips as labels.
    shows: {performer: the clips that its recordings may hold}.
    persons: {performer: the captured person it is made of, who showed most of
      its clips}.
  """

  sources: Mapping[str, Source]
  shows: Mapping[str, tuple[str, ...]]
  persons: Mapping[str, str]

  def __post_init__(self) -> None:
    unknown = {c for own in self.shows.values() for c in own} - {*self.sources}
    if unknown or set(self.shows) != set(self.persons):
      raise InputError(
        "performances",
        f"clips {', '.join(sorted(unknown)) or 'known'}, performers"
        f" {len(self.shows)} and {len(self.persons)}",
        "make the recordings again",
      )

  def people(self) -> tuple[str, ...]:
    """Returns the captured people whom performers are made of."""
    return tuple(sorted(set(self.persons.values()), key=natural_key))

  def made_of(self, person: str) -> tuple[str, ...]:
    """Returns the performers who are made of a captured person."""
    return tuple(p for p, of in self.persons.items() if of == person)

  def person_numbers(self, performers: np.ndarray) -> np.ndarray:
    """Numbers the captured people behind performers.

    Args:
      performers: names of performers, text [n].

    Returns:
      int64 [n], positions in `people()`.
    """
    number = {person: i for i, person in enumerate(self.people())}
    names, codes = np.unique(performers, return_inverse=True)
    return np.array([number[self.persons[name]] for name in names])[codes]

  def of_person(self, person: str) -> tuple[str, ...]:
    """Returns the clips of a captured person, whoever performs them."""
    return tuple(c for c, s in self.sources.items() if s.person == person)

  def same_performances(self, performer: str) -> tuple[str, ...]:
    """Returns the clips of every file that a performer shows."""
    files = {self.sources[clip].file for clip in self.shows[performer]}
    return tuple(c for c, s in self.sources.items() if s.file in files)

  def actions(self, clips: Collection[str]) -> tuple[str, ...]:
    """Returns the actions of clips, each once."""
    return tuple(
      dict.fromkeys(s.action for c, s in self.sources.items() if c in clips)
    )

  def to_dict(self) -> dict[str, Any]:
    """Returns JSON values that `from_dict` reads."""
    return dataclasses.asdict(self)

  @classmethod
  def from_dict(cls, values: Mapping[str, Any], where: object) -> Performances:
    """Reads what `to_dict` returned.

    Args:
      values: the JSON values.
      where: the file, for messages.

    Raises:
      InputError: they are not of that kind.
    """
    try:
      return cls(
        {
          str(clip): Source(*(str(each[k]) for k in _SOURCE_KEYS))
          for clip, each in values["sources"].items()
        },
        {str(p): tuple(map(str, own)) for p, own in values["shows"].items()},
        {str(p): str(of) for p, of in values["persons"].items()},
      )
    except (KeyError, TypeError, AttributeError, InputError) as error:
      raise InputError(
        where,
        f"performances cannot be read ({error!r})",
        "make the recordings again",
      ) from None


_SOURCE_KEYS = tuple(field.name for field in dataclasses.fields(Source))
