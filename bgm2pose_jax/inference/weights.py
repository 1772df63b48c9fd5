"""Weights and statistics of a checkpoint, by name."""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.contract.task import Task
from bgm2pose_jax.state import checkpoint as checkpoint_lib
from bgm2pose_jax.state import stored_state
from bgm2pose_jax.state.train_state import TrainState

_SNAPSHOTS = {"params": "snapshots/0", "model_state": "snapshots/1"}
_STATISTICS = "statistics/"


@contextlib.contextmanager
def damage_of(path: pathlib.Path) -> Iterator[None]:
  """Makes one line of whatever reading a damaged checkpoint fails with.

  Args:
    path: the checkpoint file.

  Raises:
    InputError: the block failed.
  """
  try:
    yield
  except (InputError, MemoryError):
    raise
  except Exception as error:
    first = (str(error).strip() or type(error).__name__).split("\n")[0]
    raise InputError(
      path,
      f"cannot be read ({first})",
      "copy the run's folder again, or take another step of it",
    ) from error


def check_plain(path: pathlib.Path) -> None:
  """Refuses links and pipes: a checkpoint of a stranger reads nothing else.

  Args:
    path: folder of checkpoints.

  Raises:
    InputError: naming the first.
  """
  for base, folders, files in os.walk(path):
    for name in (*folders, *files):
      found = pathlib.Path(base, name)
      mode = os.lstat(found).st_mode
      if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(
          found,
          "is no plain file",
          "copy the run's folder with its files, not with links",
        )


def statistics_of(
  system: System, arrays: Mapping[str, np.ndarray], where: pathlib.Path
) -> Any:
  """Returns the tree of statistics that predict.

  Args:
    system: the network's.
    arrays: the arrays under the names that checkpoints have.
    where: they lie, for messages.

  Raises:
    InputError: they are not what the system's networks have.
  """
  tree: dict[str, Any] = {}
  for name, array in arrays.items():
    if name.startswith(_STATISTICS):
      *branches, leaf = name.removeprefix(_STATISTICS).split("/")
      node: Any = tree
      for branch in branches:
        node = node.setdefault(branch, {})
        if not isinstance(node, dict):
          raise InputError(where, f"{name} lies in an array", "copy it again")
      node[leaf] = array
  with run_folder.inside(where):
    return system.trained.statistics(tree)


def leaves(state: TrainState) -> dict[str, Any]:
  """Returns {name in checkpoints: array} of everything that predicts.

  Args:
    state: a trained model's.
  """
  statistics = stored_state.flat({"statistics": state.statistics})
  return checkpoint_lib.weight_leaves(state) | statistics


def averaged(arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
  """Returns the mean of the snapshots in place of the live weights.

  Args:
    arrays: a checkpoint's, by name.
  """
  count = int(arrays["snapshot_count"])
  if not count:
    return arrays
  out = dict(arrays)
  for part, kept in _SNAPSHOTS.items():
    for name, live in arrays.items():
      tail = name.removeprefix(f"{part}/")
      if tail != name:
        mean = arrays[f"{kept}/{tail}"][:count].sum(0) / count
        out[name] = mean.astype(live.dtype)
  return out


def state_of(
  system: System,
  task: Task,
  arrays: Mapping[str, np.ndarray],
  where: pathlib.Path,
) -> TrainState:
  """Returns what predicts, on the device, after a look at every array.

  Args:
    system: the network's.
    task: brings the network's structure.
    arrays: a checkpoint's, by name.
    where: the checkpoint lies, for messages.

  Raises:
    InputError: an array is missing, of another shape or not finite.
  """
  statistics = statistics_of(system, arrays, where)
  template = task.state_shapes(statistics)
  for name, leaf in checkpoint_lib.weight_leaves(template).items():
    found = arrays.get(name)
    if found is None or found.shape != leaf.shape:
      raise InputError(
        where,
        f"{name} is {'absent' if found is None else list(found.shape)}, this "
        f"network needs {list(leaf.shape)}",
        "restore config.json of the run that saved it",
      )
  # One copy on the device; what training alone needs is let go.
  state = checkpoint_lib.with_weights(template, arrays).replace(
    step=arrays["step"],
    skipped=arrays["skipped"],
    statistics=statistics,
    opt_state=(),
    snapshots=(),
    snapshot_count=np.int32(0),
    critic=(),
  )
  for name, array in leaves(state).items():
    if not np.isfinite(array).all():
      raise InputError(
        where, f"{name} is not finite", "take an earlier step, or train again"
      )
  return jax.device_put(state)
