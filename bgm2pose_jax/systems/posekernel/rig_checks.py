"""Whether pairs can stand where a rig says, and what they cannot tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bgm2pose_jax.base.errors import InputError

# A room is smaller than the first and a rig larger than the second.
_FARTHEST_M = 20.0
_NEAREST_M = 0.05
# Pairs nearer to each other than this are one.
_SAME_PLACE_M = 0.01
# Root mean square distance of pairs from a line or plane that is none.
_FLAT_M = 0.05
# Loudspeaker to microphone: what the network, which takes them for one point,
# does not notice, and what is no pair.
_APART_M = (0.1, 0.6)
_USUAL_PAIRS = 4


def check(
  names: Sequence[str], ends_m: np.ndarray, unit: str, path: object
) -> tuple[str, ...]:
  """Checks the pairs of a rig.

  Args:
    names: name of each pair.
    ends_m: [pair, 2, 3], loudspeakers and microphones, metres, camera frame.
    unit: the unit that the file names, for messages.
    path: the file.

  Returns:
    Warnings, sentences.

  Raises:
    InputError: a unit that cannot be, two pairs at one place, ends that are
      no pair, or every pair behind the camera.
  """
  pairs_m = ends_m.mean(axis=1)
  for name, ends in zip(names, ends_m):
    for end in ends:
      check_near(end, f"pair {name!r}", unit, path)
  if np.abs(ends_m).max() < _NEAREST_M:
    raise InputError(
      path,
      f"has every pair within {100 * np.abs(ends_m).max():.2g} cm of the camera"
      f" in the unit {unit!r}",
      "name the unit that positions are measured in",
    )
  _check_places(names, pairs_m, path)
  warnings = []
  apart_m = np.linalg.norm(ends_m[:, 0] - ends_m[:, 1], axis=1)
  worst = int(apart_m.argmax())
  if apart_m[worst] > _APART_M[1]:
    raise InputError(
      path,
      f"pair {names[worst]!r} has its loudspeaker and microphone"
      f" {apart_m[worst]:.2f} m apart",
      f"put them together: at most {_APART_M[1]} m",
    )
  if apart_m[worst] > _APART_M[0]:
    warnings.append(
      f"Loudspeaker and microphone of {names[worst]!r} are"
      f" {100 * apart_m[worst]:.0f} cm apart; the network takes them for one"
      " point, their middle."
    )
  behind = pairs_m[:, 2] < 0
  if behind.all():
    raise InputError(
      path,
      "has every pair behind the camera (z below 0)",
      "check the axes: z forward is positive in front of the camera",
    )
  if behind.any():
    listed = ", ".join(np.array(names)[behind])
    warnings.append(f"Pairs behind the camera (z below 0): {listed}.")
  if len(pairs_m) < _USUAL_PAIRS:
    warnings.append(
      f"There are {len(pairs_m)} pairs: distances are found less well than by"
      f" {_USUAL_PAIRS}."
    )
  return (*warnings, *_flat(pairs_m))


def check_near(
  position_m: np.ndarray, name: str, unit: str, path: object
) -> None:
  """Refuses a position that no room reaches.

  Args:
    position_m: [3], metres.
    name: its name, for messages.
    unit: the unit that the file names.
    path: the file.

  Raises:
    InputError: it is more than 20 m along an axis.
  """
  if np.abs(position_m).max() > _FARTHEST_M:
    raise InputError(
      path,
      f"has {name} {np.abs(position_m).max():.6g} m from the camera in the unit"
      f" {unit!r}",
      "name the unit that positions are measured in: millimetres perhaps",
    )


def _check_places(
  names: Sequence[str], pairs_m: np.ndarray, path: object
) -> None:
  away_m = np.linalg.norm(pairs_m[:, None] - pairs_m, axis=2)
  away_m[np.tril_indices(len(pairs_m))] = np.inf
  if away_m.min() < _SAME_PLACE_M:
    a, b = np.unravel_index(int(away_m.argmin()), away_m.shape)
    raise InputError(
      path,
      f"has {names[int(a)]!r} and {names[int(b)]!r} at one place",
      "give each pair its own position",
    )


def _flat(pairs_m: np.ndarray) -> list[str]:
  """What pairs in a line or plane cannot tell apart."""
  if len(pairs_m) < 2:
    return []
  spread = np.linalg.svd(pairs_m - pairs_m.mean(axis=0), compute_uv=False)
  spread = np.append(spread, [0.0] * 3) / np.sqrt(len(pairs_m))
  if spread[1] < _FLAT_M:
    return [
      "The pairs stand in one line: they hear all points of a circle around it"
      " alike, which the picture alone must tell apart."
    ]
  if spread[2] < _FLAT_M:
    return [
      "The pairs stand in one plane: they hear a point and its mirror image"
      " behind the plane alike, which the picture alone must tell apart."
    ]
  return []
