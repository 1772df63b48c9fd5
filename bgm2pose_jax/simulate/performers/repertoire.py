"""Which captured performances a performer shows, action by action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import Clip

# Shorter clips cannot show a whole window at any tempo.
SHORTEST_S = 1.2

# {person: clips}
People = Mapping[str, Sequence[Clip]]


def common_actions(people: People) -> dict[str, dict[str, tuple[str, ...]]]:
  """The actions that every performer does.

  An action is common where at least two files show it: one may then be left out
  of training and the action is still known.

  Args:
    people: captured clips by person.

  Returns:
    {action: {file: people}} of the files that show it, in order of appearance;
    a file has one person, as a tuple of one.

  Raises:
    InputError: no action is shown by two files.
  """
  found: dict[str, dict[str, tuple[str, ...]]] = {}
  for person, clips in people.items():
    for clip in clips:
      if clip.duration_s >= SHORTEST_S:
        found.setdefault(clip.action, {})[clip.source_path] = (person,)
  common = {name: files for name, files in found.items() if len(files) > 1}
  if not common:
    raise InputError(
      "--performers",
      f"none of {len(found)} actions is shown by two motion files",
      "name the action of each file in the column action of clips.csv",
    )
  return common


def draw_files(
  actions: Mapping[str, Mapping[str, Sequence[str]]],
  person: str,
  rng: np.random.Generator,
) -> tuple[str, ...]:
  """Draws one file for each common action.

  Args:
    actions: what `common_actions` returned.
    person: whose files are taken where this person shows the action.
    rng: decides among the files of an action.

  Returns:
    A file for each action, in their order.
  """
  chosen = []
  for files in actions.values():
    own = [file for file, people in files.items() if person in people]
    among = own or list(files)
    chosen.append(among[int(rng.integers(len(among)))])
  return tuple(chosen)
