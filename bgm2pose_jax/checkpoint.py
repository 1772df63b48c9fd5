"""Checkpoints of a run: atomic, the newest and the best kept.

Orbax writes into a temporary folder and renames it; a step counts only with
its commit file, so a run killed while saving resumes from the step before.
"""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.array_typing import ArrayLike
from bgm2pose_jax.errors import InputError
from bgm2pose_jax.train_state import TrainState

_COMMITTED = "commit_success.txt"
_ITEM = "state"


def committed_steps(folder: str | pathlib.Path) -> list[int]:
  """Returns the steps whose save was completed, in rising order.

  Args:
    folder: `<workdir>/checkpoints`; may not exist yet.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    return []
  return sorted(
    int(child.name)
    for child in folder.iterdir()
    if child.name.isdigit() and (child / _COMMITTED).is_file()
  )


class Checkpoints:
  """Saves and restores the states of one run.

  Attributes:
    folder: absolute path of the checkpoints.
  """

  def __init__(self, folder: str | pathlib.Path, *, metric: str):
    """Opens or makes the folder.

    Args:
      folder: where the steps lie.
      metric: name of the figure whose lowest value is "best".
    """
    from orbax.checkpoint import v1 as ocp

    policies = ocp.training.preservation_policies
    self.folder = pathlib.Path(folder).resolve()
    self.folder.mkdir(parents=True, exist_ok=True)
    self._metric = metric
    _remove_uncommitted(self.folder)
    # Orbax's protocols for paths and policies are wider than type checkers
    # can see, hence Any.
    keep: Any = policies.AnyPreservationPolicy(
      [
        policies.LatestN(1),
        # Orbax keeps the highest value; ours is an error.
        policies.BestN(get_metric_fn=lambda m: -float(m[metric]), n=1),
      ]
    )
    place: Any = self.folder
    self._checkpointer = ocp.training.Checkpointer(
      place, preservation_policy=keep
    )

  def save(self, state: TrainState, metrics: dict[str, float] | None) -> None:
    """Writes a state; returns once it is committed.

    Args:
      state: of the run, at the end of an epoch.
      metrics: must hold the metric that names the best; None for weights that
        were never validated, which are no candidates.
    """
    step = int(state.step)
    kept: Any = metrics and {self._metric: metrics[self._metric]}
    self._checkpointer.save_checkpointables(step, {_ITEM: state}, metrics=kept)

  def latest(self) -> int | None:
    """Returns the newest committed step, or None."""
    steps = committed_steps(self.folder)
    return steps[-1] if steps else None

  def best(self) -> int | None:
    """Returns the committed step of the lowest metric, or None."""
    return _best(self._checkpointer, self.folder, self._metric)

  def restore(self, step: int, template: TrainState) -> TrainState:
    """Reads a state.

    Args:
      step: one of the committed ones.
      template: a state of the same shapes; its placement is taken over.

    Returns:
      The state as saved.

    Raises:
      InputError: when the checkpoint does not fit the template.
    """
    return _load(self._checkpointer, self.folder, step, template)

  def close(self) -> None:
    """Ends background work."""
    self._checkpointer.close()


def find_step(folder: str, flag: str = "init_from") -> tuple[pathlib.Path, int]:
  """Finds the checkpoint that another run's folder stands for.

  Args:
    folder: a run's work folder, its `checkpoints` folder, or one step in it.
    flag: that named it, for the message.

  Returns:
    The folder of checkpoints and the newest finished step (or the one given).

  Raises:
    InputError: when there is none.
  """
  path = pathlib.Path(folder).resolve()
  if (path / "checkpoints").is_dir():
    path = path / "checkpoints"
  if path.name.isdecimal() and (path / _COMMITTED).is_file():
    return path.parent, int(path.name)
  steps = committed_steps(path)
  if not steps:
    raise InputError(
      f"--{flag}={folder}",
      "holds no finished checkpoint",
      "give the work folder of a run that saved at least one epoch",
    )
  return path, steps[-1]


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
  loaded = _load_as_saved(path, step, _leaf_kinds(wanted))
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
    flag: that named the folder, for messages.

  Returns:
    Arrays by the names of `weight_leaves`, and the step they are of.

  Raises:
    InputError: when there is no checkpoint, or its shapes differ.
  """
  path, step = find_step(folder, flag)
  wanted = weight_leaves(template)
  kinds = _leaf_kinds(wanted)
  flat = _flat(_load_as_saved(path, step, kinds))
  return {name: np.asarray(flat[name]) for name in kinds}, step


def read_whole(path: pathlib.Path, step: int) -> dict[str, np.ndarray]:
  """Reads every array of a checkpoint by name, whatever network it is of.

  Args:
    path: folder of checkpoints.
    step: of a finished one, see `find_step`.

  Returns:
    {`params/...`, `model_state/...`, `statistics/...`, ...: array}.
  """
  return {
    name: np.asarray(leaf)
    for name, leaf in _flat(_load_as_saved(path, step, {})).items()
  }


def best_step(path: pathlib.Path, metric: str) -> int | None:
  """Finds the step of the lowest metric, and leaves the folder as it is.

  Args:
    path: folder of checkpoints.
    metric: that "best" was chosen by.

  Returns:
    The step; None where none was validated.
  """
  from orbax.checkpoint import v1 as ocp

  place: Any = path
  checkpointer = ocp.training.Checkpointer(place)
  try:
    return _best(checkpointer, path, metric)
  finally:
    checkpointer.close()


def _best(checkpointer: Any, folder: pathlib.Path, metric: str) -> int | None:
  kept = set(committed_steps(folder))
  found = [
    (float(c.metrics[metric]), c.step)
    for c in checkpointer.checkpoints
    if c.step in kept and c.metrics
  ]
  return min(found)[1] if found else None


def weight_leaves(state: TrainState) -> dict[str, Any]:
  """Returns {`params/...` or `model_state/...`: leaf}, what predicts."""
  return _flat({"params": state.params, "model_state": state.model_state})


def with_weights(
  state: TrainState, arrays: Mapping[str, ArrayLike]
) -> TrainState:
  """Returns a state with other weights.

  Args:
    state: of the wanted structure.
    arrays: by the names of `weight_leaves`, all of them.
  """
  tree = {"params": state.params, "model_state": state.model_state}
  leaves = [arrays[name] for name in _flat(tree)]
  new = jax.tree.unflatten(jax.tree.structure(tree), leaves)
  return state.replace(**new)


def _load_as_saved(path: pathlib.Path, step: int, kinds: dict[str, str]) -> Any:
  """Reads a whole state whose weights must be of these kinds."""
  from orbax.checkpoint import v1 as ocp

  place: Any = path
  checkpointer = ocp.training.Checkpointer(place)
  try:
    found: Any = checkpointer.checkpointables_metadata(step).metadata[_ITEM]
    saved = _leaf_kinds(found)
    for name, kind in kinds.items():
      if saved.get(name) != kind:
        raise InputError(
          path / str(step),
          f"{name} is {saved.get(name, 'absent')}, this model needs {kind}",
          "start from a run with the same --model and network.* fields",
        )
    abstract = _abstract_from_metadata(found)
    return checkpointer.load_checkpointables(step, {_ITEM: abstract})[_ITEM]
  finally:
    checkpointer.close()


def _load(checkpointer, folder, step: int, template: TrainState):
  # Compared before reading: orbax takes another dtype without a word, and
  # reports another shape from several threads at once.
  saved = _leaf_kinds(
    checkpointer.checkpointables_metadata(step).metadata[_ITEM]
  )
  ours = _leaf_kinds(template)
  for name in sorted(saved.keys() | ours.keys()):
    if saved.get(name) != ours.get(name):
      raise InputError(
        folder / str(step),
        f"{name} is {saved.get(name, 'absent')} in the checkpoint, "
        f"{ours.get(name, 'absent')} in this run",
        "use another --workdir, or the version that wrote it",
      )
  abstract = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
    template,
  )
  return checkpointer.load_checkpointables(step, {_ITEM: abstract})[_ITEM]


def _leaf_kinds(tree: Any) -> dict[str, str]:
  return {
    name: f"{jax.numpy.dtype(leaf.dtype).name}{list(leaf.shape)}"
    for name, leaf in _flat(tree).items()
  }


def _flat(tree: Any) -> dict[str, Any]:
  """Returns {path with slashes: leaf}, a leaf being what has a shape."""
  return {
    "/".join(
      str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k))))
      for k in path
    ): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(
      tree, is_leaf=lambda x: hasattr(x, "shape")
    )
  }


def _abstract_from_metadata(tree: Any) -> Any:
  device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  return jax.tree.map(
    lambda m: jax.ShapeDtypeStruct(m.shape, m.dtype, sharding=device),
    tree,
    is_leaf=lambda x: hasattr(x, "shape"),
  )


def _like(template: Any, loaded: Any) -> Any:
  flat = _flat(loaded)
  leaves = [
    jax.device_put(flat[name], leaf.sharding)
    for name, leaf in _flat(template).items()
  ]
  return jax.tree.unflatten(jax.tree.structure(template), leaves)


def _remove_uncommitted(folder: pathlib.Path) -> None:
  """Deletes what a killed save left behind; orbax would count it as a step."""
  for child in folder.iterdir():
    unfinished = child.is_dir() and not (child / _COMMITTED).is_file()
    if unfinished and (child.name.isdigit() or "tmp" in child.name):
      shutil.rmtree(child)
