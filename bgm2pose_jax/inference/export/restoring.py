"""An export back to a run's folder."""

from __future__ import annotations

import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder, tree
from bgm2pose_jax.files import checksums
from bgm2pose_jax.inference import made_folder
from bgm2pose_jax.inference import weights as weights_lib
from bgm2pose_jax.inference.export.reading import (
  CONFIG,
  KINDS,
  WEIGHTS,
  Export,
)
from bgm2pose_jax.inference.trained_model import Find
from bgm2pose_jax.state import checkpoint as checkpoint_lib


def restore(export: Export, out: str | pathlib.Path, find: Find) -> None:
  """Makes a folder that predicts and that a run may start from.

  Args:
    export: the export from `read`.
    out: folder to make.
    find: name of a model -> its system.

  Raises:
    InputError: the folder exists, or the weights do not fit the network.
  """
  said, where = export.facts, export.folder / WEIGHTS
  with run_folder.inside(export.folder / CONFIG):
    system = find(said["model"])
    config = tree.build(system.config, said["config"])
    facts = system.trained.facts(
      {key: value for key, value in said.items() if key not in KINDS}
    )
    task = system.make_task(config, facts)
  arrays = export.arrays
  statistics = weights_lib.statistics_of(system, arrays, where)
  template = task.state_shapes(statistics)
  for name, leaf in checkpoint_lib.weight_leaves(template).items():
    found = arrays.get(name)
    if found is None or (found.shape, found.dtype) != (leaf.shape, leaf.dtype):
      raise InputError(
        where,
        f"{name} is not {leaf.dtype} {list(leaf.shape)}",
        "read it with the version that wrote it",
      )
  # A fresh optimiser's moments and snapshots are zeros.
  state = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), template)
  state = checkpoint_lib.with_weights(state, arrays).replace(
    statistics=statistics, step=np.int32(said["step"])
  )
  made_folder.make(
    pathlib.Path(out),
    config,
    jax.tree.map(jnp.asarray, state),
    dataset=said["dataset"],
    origin={
      "export": export.folder.resolve().name,
      "origin": said["origin"],
      "parameters": said["parameters"],
      "sha256": checksums.of_file(where),
    },
    best=task.best,
    facts=facts,
  )
