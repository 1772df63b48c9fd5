"""Checkpoints of a run: sealed steps, the two newest and the best kept.

A step is written beside the others, sealed (see `seal`), and only then given
its number: a run killed while saving resumes from the step before. Seals are
checked before anything is read; a step that is not as it was saved is named,
and an earlier one taken.
"""

from __future__ import annotations

import concurrent.futures
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.array_typing import ArrayLike
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import own_file
from bgm2pose_jax.runtime import mesh as mesh_lib
from bgm2pose_jax.runtime import processes
from bgm2pose_jax.state import seal, step_folders, stored_state
from bgm2pose_jax.state.seal import DamagedError
from bgm2pose_jax.state.step_folders import Best
from bgm2pose_jax.state.train_state import TrainState


class SaveError(InputError):
  """A state cannot be written, as when a disk is full.

  Attributes:
    reason: the system's.
  """

  def __init__(self, where: object, found: str, fix: str, reason: str = ""):
    super().__init__(where, found, fix)
    self.reason = reason


class Checkpoints:
  """Saves and restores the states of one run.

  Attributes:
    folder: absolute path of the checkpoints.
  """

  def __init__(self, folder: str | pathlib.Path, *, best: Best):
    """Opens or makes the folder.

    What killed saves left is deleted. Steps that are not as they were saved
    are named in a warning and moved aside, to be saved again.

    Args:
      folder: where the steps lie.
      best: figure that chooses the best weights.

    Raises:
      InputError: there are steps and none is as it was saved; or the folder
        cannot be written to.
    """
    own_file.check_tree(pathlib.Path(folder))
    self.folder = pathlib.Path(folder).resolve()
    self._best = best
    self._leads = processes.leads()
    self._thread = concurrent.futures.ThreadPoolExecutor(1, "checkpoint")
    self._saving: tuple[int, concurrent.futures.Future[None]] | None = None
    try:
      own_file.make_folder(self.folder)
      if self._leads:
        step_folders.sweep(self.folder)
        step_folders.set_aside_damaged(self.folder)
        # A process killed in between leaves more than is to be kept.
        step_folders.prune(self.folder, _seals(self.folder), best)
    except OSError as error:
      raise InputError(
        self.folder,
        f"cannot be used ({error.strerror or error})",
        "make it writable, or give another --workdir",
      ) from error
    processes.meet("opened")
    self._seals = _seals(self.folder)
    processes.note_saved(max(self._seals, default=None))

  def save(
    self,
    state: TrainState,
    metrics: Mapping[str, float] | None,
    facts: Mapping[str, Any] | None = None,
    *,
    passing: bool = False,
  ) -> None:
    """Starts to write a state; it counts once it is sealed, see `wait`.

    Args:
      state: the run's state.
      metrics: must hold the metric that names the best; None for weights that
        were never validated, which are no candidates.
      facts: plain values to find again with the state, see `facts`.
      passing: kept only as long as it is the newest, beside what is kept
        without it.

    Raises:
      InputError: the save before this one, or the beginning of this, failed.
    """
    self.wait()
    step = int(state.step)
    place = self.folder / f"{step_folders.SAVING}{step}"
    figure = None if metrics is None else float(metrics[self._best.figure])
    content = {
      "facts": dict(facts or {}),
      "metrics": {}
      if figure is None or not math.isfinite(figure)
      else {self._best.figure: figure},
      "passing": passing,
      "step": step,
    }
    # The next train step takes over the memory of the run's own arrays.
    kept = jax.tree.map(jnp.copy, state)
    try:
      written = stored_state.start_saving(place, kept)
    except (OSError, ValueError) as error:
      self._clean_up()
      raise self._refused(step, error) from error

    def finish() -> None:
      try:
        written()
        if self._leads:
          sealed = content | {"leaves": stored_state.sums(kept)}
          seal.write(place, sealed)
          self._seals = step_folders.admit(place, step, self._seals, self._best)
      except BaseException:
        self._clean_up()
        raise

    self._saving = step, self._thread.submit(finish)
    if jax.process_count() > 1:
      # Processes meet on their main threads alone.
      self.wait()

  def wait(self) -> None:
    """Returns when what was given to `save` is sealed.

    Raises:
      InputError: it could not be written; what was there before is intact.
    """
    if self._saving is None:
      return
    step, future = self._saving
    self._saving = None
    try:
      future.result()
    except (OSError, ValueError) as error:
      raise self._refused(step, error) from error
    processes.meet(f"sealed {step}")
    processes.note_saved(step)
    if not self._leads:
      self._seals = _seals(self.folder)

  def latest(self) -> int | None:
    """Returns the newest step, or None."""
    self.wait()
    return max(self._seals, default=None)

  def best(self) -> int | None:
    """Returns the best step that is as it was saved.

    None when there is no such step.
    """
    self.wait()
    return step_folders.best_of(self.folder, self._seals, self._best)

  def facts(self, step: int) -> dict[str, Any]:
    """Returns what was given to `save` with the state of a step."""
    return self._seals[step]["facts"]

  def restore(self, step: int, template: TrainState) -> TrainState:
    """Reads a state.

    Args:
      step: one of those saved.
      template: a state of the same shapes; its placement is taken over.

    Returns:
      The state as saved.

    Raises:
      InputError: when the checkpoint does not fit the template, or is not as
        it was saved.
    """
    self.wait()
    return stored_state.load(self.folder / str(step), template)

  def close(self) -> None:
    """Waits for the save under way and ends background work.

    Raises:
      InputError: the save failed.
    """
    try:
      self.wait()
    finally:
      self._thread.shutdown()

  def _clean_up(self) -> None:
    if self._leads:
      step_folders.clean_up(self.folder)

  def _refused(self, step: int, error: Exception) -> SaveError:
    # The array library words the system's own text in a sentence of paths.
    text = str(error).partition(" [os_error_code")[0].rsplit(": ", 1)[-1]
    if isinstance(error, InputError):
      text = error.found
    reason = getattr(error, "strerror", None) or text
    newest = max(self._seals, default=None)
    after = (
      "from the start, nothing is saved yet"
      if newest is None
      else f"after step {newest}, the last that is saved"
    )
    return SaveError(
      self.folder,
      f"step {step} cannot be saved ({reason})",
      f"free some space and run the same command again: it goes on {after}",
      reason,
    )


def committed_steps(folder: str | pathlib.Path) -> list[int]:
  """Returns the steps in `<workdir>/checkpoints`, in rising order."""
  return seal.numbered(folder)


def find_step(folder: str, flag: str = "init_from") -> tuple[pathlib.Path, int]:
  """Finds the checkpoint that another run's folder stands for.

  Nothing in that folder is changed.

  Args:
    folder: a run's work folder, its `checkpoints` folder, or one step in it.
    flag: the flag that named it, for the message.

  Returns:
    The folder of checkpoints and the newest step that is as it was saved,
    after a warning for each newer one; or the step given.

  Raises:
    InputError: when there is none.
  """
  path = pathlib.Path(folder).resolve()
  if (path / "checkpoints").is_dir():
    path = path / "checkpoints"
  if path.name.isdecimal() and seal.is_step(path):
    seal.check(path)
    return path.parent, int(path.name)
  steps = seal.numbered(path)
  found = "holds no finished checkpoint"
  if not path.exists():
    found = "no such folder"
  for step in reversed(steps):
    try:
      seal.check(path / str(step))
    except DamagedError as error:
      found = f"holds no usable checkpoint (step {step}: {error.found})"
      step_folders.warn(step, error, "not taken")
      continue
    return path, step
  raise InputError(
    f"--{flag}={folder}",
    found,
    "give the work folder of a run that saved at least one epoch",
  )


def load_weights(folder: str, template: TrainState) -> TrainState:
  """Takes parameters and batch statistics from another run.

  Args:
    folder: see `find_step`.
    template: freshly made state of this run.

  Returns:
    The template with the other run's live parameters and batch statistics; its
    optimiser, step and normalisation statistics are this run's own.

  Raises:
    InputError: when there is no checkpoint, or its shapes differ.
  """
  path, step = find_step(folder)
  wanted = {"params": template.params, "model_state": template.model_state}
  loaded = stored_state.load_as_saved(
    path / str(step), stored_state.leaf_kinds(wanted)
  )
  return template.replace(
    params=_like(template.params, loaded["params"]),
    model_state=_like(template.model_state, loaded["model_state"]),
  )


def read_weights(
  folder: str, template: TrainState, flag: str
) -> tuple[dict[str, np.ndarray], int]:
  """Reads a run's live weights by name.

  Args:
    folder: see `find_step`.
    template: shapes and types of that run's state.
    flag: the flag that named the folder, for messages.

  Returns:
    Arrays by the names of `weight_leaves`, and the step they are of.

  Raises:
    InputError: when there is no checkpoint, or its shapes differ.
  """
  path, step = find_step(folder, flag)
  kinds = stored_state.leaf_kinds(weight_leaves(template))
  loaded = stored_state.load_as_saved(path / str(step), kinds)
  flat = stored_state.flat(loaded)
  return {name: np.asarray(flat[name]) for name in kinds}, step


def read_whole(path: pathlib.Path, step: int) -> dict[str, np.ndarray]:
  """Reads every array of a checkpoint by name, whatever network it is of.

  Args:
    path: folder of checkpoints.
    step: number of a finished step, see `find_step`.

  Returns:
    {`params/...`, `model_state/...`, `statistics/...`, ...: array}.

  Raises:
    InputError: it is not as it was saved.
  """
  loaded = stored_state.load_as_saved(path / str(step), {})
  return {k: np.asarray(v) for k, v in stored_state.flat(loaded).items()}


def best_step(path: pathlib.Path, best: Best) -> int | None:
  """Finds the best step, and leaves the folder as it is.

  Args:
    path: folder of checkpoints.
    best: figure that chooses the best weights.

  Returns:
    The step, the best of those that are as they were saved; None where none
    was validated.
  """
  seals = {}
  for step in seal.numbered(path):
    try:
      seals[step] = seal.read(path / str(step))
    except DamagedError as error:
      step_folders.warn(step, error, "not taken")
  return step_folders.best_of(path, seals, best)


def weight_leaves(state: TrainState) -> dict[str, Any]:
  """Returns {`params/...` or `model_state/...`: leaf}, what predicts."""
  return stored_state.flat(
    {"params": state.params, "model_state": state.model_state}
  )


def with_weights(
  state: TrainState, arrays: Mapping[str, ArrayLike]
) -> TrainState:
  """Returns a state with other weights.

  Args:
    state: a state of the wanted structure.
    arrays: all arrays under the names of `weight_leaves`.
  """
  tree = {"params": state.params, "model_state": state.model_state}
  leaves = [arrays[name] for name in stored_state.flat(tree)]
  new = jax.tree.unflatten(jax.tree.structure(tree), leaves)
  return state.replace(**new)


def _like(template: Any, loaded: Any) -> Any:
  flat = stored_state.flat(loaded)
  leaves = [
    mesh_lib.place(leaf.sharding, np.asarray(flat[name]))
    for name, leaf in stored_state.flat(template).items()
  ]
  return jax.tree.unflatten(jax.tree.structure(template), leaves)


def _seals(folder: pathlib.Path) -> dict[int, Any]:
  return {step: seal.read(folder / str(step)) for step in seal.numbered(folder)}
