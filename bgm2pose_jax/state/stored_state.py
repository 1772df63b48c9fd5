"""A training state in a folder: orbax writes and reads it, the seal vouches.

Names of arrays are paths in the state with slashes, `params/...`.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.runtime import stop_signal
from bgm2pose_jax.state import seal
from bgm2pose_jax.state.train_state import TrainState

_ITEM = "state"


def start_saving(folder: pathlib.Path, state: TrainState) -> Callable[[], Any]:
  """Starts to write a state in the background.

  Args:
    folder: the folder to make.
    state: whose arrays nobody donates until it is written.

  Returns:
    f() that returns when it is written, or raises what went wrong: OSError, or
    ValueError where arrays are written.
  """
  from orbax.checkpoint import v1 as ocp

  place: Any = folder
  return ocp.save_checkpointables_async(place, {_ITEM: state}).result


def sums(state: TrainState) -> dict[str, dict[str, Any]]:
  """Returns `seal.leaf_sums` of a state's arrays."""
  return seal.leaf_sums({k: np.asarray(v) for k, v in flat(state).items()})


def load(step_folder: pathlib.Path, template: TrainState) -> TrainState:
  """Reads a state whose structure is known.

  Args:
    step_folder: folder of one step.
    template: a state of the same shapes; its placement is taken over.

  Raises:
    DamagedError: a file or an array is not as it was saved.
    InputError: an array has another type or shape than the template's.
  """
  sealed = seal.check(step_folder)
  # Compared before reading: orbax takes another dtype without a word, and
  # reports another shape from several threads at once.
  saved, ours = leaf_kinds(_metadata(step_folder)), leaf_kinds(template)
  for name in sorted(saved.keys() | ours.keys()):
    if saved.get(name) != ours.get(name):
      raise InputError(
        step_folder,
        f"{name} is {saved.get(name, 'absent')} in the checkpoint, "
        f"{ours.get(name, 'absent')} in this run",
        "use another --workdir, or the version that wrote it",
      )
  abstract = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
    template,
  )
  return _read(step_folder, sealed, abstract)


def load_as_saved(step_folder: pathlib.Path, kinds: dict[str, str]) -> Any:
  """Reads a whole state, on one device.

  Args:
    step_folder: folder of one step.
    kinds: {name: type and shape} of the arrays that must be as they are here;
      the others may be anything.

  Raises:
    DamagedError: a file or an array is not as it was saved.
    InputError: naming an array that is of another kind.
  """
  sealed = seal.check(step_folder)
  found = _metadata(step_folder)
  saved = leaf_kinds(found)
  for name, kind in kinds.items():
    if saved.get(name) != kind:
      raise InputError(
        step_folder,
        f"{name} is {saved.get(name, 'absent')}, this model needs {kind}",
        "start from a run with the same --model and network.* fields",
      )
  device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  abstract = jax.tree.map(
    lambda m: jax.ShapeDtypeStruct(m.shape, m.dtype, sharding=device),
    found,
    is_leaf=lambda x: hasattr(x, "shape"),
  )
  return _read(step_folder, sealed, abstract)


def leaf_kinds(tree: Any) -> dict[str, str]:
  """Returns {name: type and shape}, e.g. `float32[3, 4]`."""
  return {
    name: f"{jax.numpy.dtype(leaf.dtype).name}{list(leaf.shape)}"
    for name, leaf in flat(tree).items()
  }


def flat(tree: Any) -> dict[str, Any]:
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


def _metadata(step_folder: pathlib.Path) -> Any:
  from orbax.checkpoint import v1 as ocp

  place: Any = step_folder
  # A stop raised inside would be taken for a file that cannot be read.
  with stop_signal.held():
    found: Any = ocp.checkpointables_metadata(place).metadata
  return found[_ITEM]


def _read(
  step_folder: pathlib.Path, sealed: dict[str, Any], abstract: Any
) -> Any:
  from orbax.checkpoint import v1 as ocp

  place: Any = step_folder
  with stop_signal.held():
    found: Any = ocp.load_checkpointables(place, {_ITEM: abstract})[_ITEM]
  leaves = {name: np.asarray(leaf) for name, leaf in flat(found).items()}
  seal.check_leaves(step_folder, sealed["leaves"], leaves)
  return found
