"""The steps of a folder of checkpoints: which there are, which are kept.

A step's folder is written under another name and gets its number when it is
sealed; it loses the number before it is deleted. So whatever moment a process
is killed at, a folder with a number was whole once.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import time
from collections.abc import Mapping
from typing import Any

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.state import seal
from bgm2pose_jax.state.seal import DamagedError

# With one newest step alone, damage to it early in a run would leave nothing
# to fall back on: the best of the first epochs is the newest itself.
_NEWEST = 2
# Names before a step has its number, and after.
SAVING = "saving-"
_REPLACED, _DELETED, _DAMAGED = "replaced-", "deleted-", "damaged-"
# Tries to delete a save that failed, and seconds between them.
_CLEAN_UPS = 20
_CLEAN_UP_S = 0.1

Seals = Mapping[int, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Best:
  """Which validation figure chooses the best weights.

  Attributes:
    figure: its name.
    lowest: whether the lowest value is best; else the highest.
  """

  figure: str
  lowest: bool = True


def admit(
  place: pathlib.Path, step: int, seals: Seals, best: Best
) -> dict[int, Any]:
  """Gives a sealed folder its number, then deletes what it displaces.

  Args:
    place: the sealed folder, beside the others.
    step: its number.
    seals: the seals of the steps so far.
    best: figure that chooses the best weights.

  Returns:
    The seals of the steps there are now.
  """
  folder = place.parent
  target, before = folder / str(step), folder / f"{_REPLACED}{step}"
  if target.exists():
    target.rename(before)
  place.rename(target)
  seal.sync_folder(folder)
  shutil.rmtree(before, ignore_errors=True)
  return prune(folder, {**seals, step: seal.read(target)}, best)


def prune(folder: pathlib.Path, seals: Seals, best: Best) -> dict[int, Any]:
  """Deletes the steps that need not be kept.

  Args:
    folder: checkpoint folder that this process alone writes to.
    seals: the seals of the steps there are.
    best: figure that chooses the best weights.

  Returns:
    The seals of those that are left.
  """
  keep = kept(seals, best)
  for old in sorted(seals.keys() - keep):
    # Renamed first: half of a step must not look like a damaged one.
    aside = folder / f"{_DELETED}{old}"
    (folder / str(old)).rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
  return {step: seals[step] for step in sorted(keep)}


def best_of(folder: pathlib.Path, seals: Seals, best: Best) -> int | None:
  """Finds the best step that is as it was saved.

  Args:
    folder: checkpoint folder.
    seals: {step: content of its seal}.
    best: figure that chooses the best weights.

  Returns:
    The step, after a warning for each better one; None where there is none.
  """
  for _, step in _ranked(seals, best):
    try:
      seal.check(folder / str(step))
    except DamagedError as error:
      warn(step, error, "the next best is taken")
      continue
    return step
  return None


def _ranked(seals: Seals, best: Best) -> list[tuple[float, int]]:
  sign = 1 if best.lowest else -1
  found = ((s["metrics"].get(best.figure), step) for step, s in seals.items())
  return sorted(
    (sign * value, step) for value, step in found if value is not None
  )


def kept(seals: Seals, best: Best) -> set[int]:
  """Returns the steps to keep: best, newest two, a passing one as newest.

  Args:
    seals: {step: content of its seal}.
    best: figure that chooses the best weights.
  """
  lasting = sorted(step for step, s in seals.items() if not s["passing"])
  lowest = [step for _, step in _ranked(seals, best)[:1]]
  return {*sorted(seals)[-1:], *lowest, *lasting[-_NEWEST:]}


def sweep(folder: pathlib.Path) -> None:
  """Deletes what killed saves left behind, and ends their deletions.

  Args:
    folder: checkpoint folder that this process alone writes to.
  """
  for child in folder.iterdir():
    number = child.name.removeprefix(_REPLACED)
    if number != child.name and not (folder / number).exists():
      child.rename(folder / number)
    elif child.name.startswith((SAVING, _REPLACED, _DELETED)):
      shutil.rmtree(child)


def clean_up(folder: pathlib.Path) -> None:
  """Deletes a save that failed; what cannot be is left for the next start.

  Other tasks of the save may still write: a folder that fills again while it
  is deleted must not hide why the save failed.

  Args:
    folder: checkpoint folder that this process alone writes to.
  """
  for _ in range(_CLEAN_UPS):
    try:
      return sweep(folder)
    except OSError:
      time.sleep(_CLEAN_UP_S)


def set_aside_damaged(folder: pathlib.Path) -> None:
  """Moves steps that are not as they were saved, if there is another.

  Args:
    folder: checkpoint folder that this process alone writes to.

  Raises:
    InputError: none of the steps is as it was saved; nothing is moved.
  """
  damaged: dict[int, DamagedError] = {}
  steps = seal.numbered(folder)
  for step in steps:
    try:
      seal.check(folder / str(step))
    except DamagedError as error:
      damaged[step] = error
  if damaged and len(damaged) == len(steps):
    newest = max(damaged)
    raise InputError(
      folder,
      f"holds no checkpoint that is as it was saved (step {newest}: "
      f"{damaged[newest].found})",
      "restore the folder from a copy, or move it away to begin anew",
    )
  for step, error in damaged.items():
    aside, count = folder / f"{_DAMAGED}{step}", 1
    while os.path.lexists(aside):
      count += 1
      aside = folder / f"{_DAMAGED}{step}-{count}"
    (folder / str(step)).rename(aside)
    warn(step, error, f"moved to {aside.name}")


def warn(step: int, error: InputError, done: str) -> None:
  """Says in one line what is wrong with a step, and what is done about it."""
  logging.warning(
    "the checkpoint of step %d is damaged and %s: %s", step, done, error.found
  )
