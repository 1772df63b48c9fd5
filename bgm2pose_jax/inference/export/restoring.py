"""An export back to a run's folder."""

from __future__ import annotations

import hashlib
import pathlib

import jax
import jax.numpy as jnp

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder as workdir_lib
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.inference import made_folder
from bgm2pose_jax.inference.export.reading import CONFIG, WEIGHTS, Export
from bgm2pose_jax.inference.trained_model import without_critic
from bgm2pose_jax.state import checkpoint as checkpoint_lib
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.task import PoseFromMusic

_INPUTS = "statistics/inputs/"


def restore(export: Export, out: str | pathlib.Path) -> None:
  """Makes a folder that predicts and that a run may start from.

  Args:
    export: from `read`.
    out: folder to make.

  Raises:
    InputError: the folder exists, or the weights do not fit the network.
  """
  facts, arrays = export.facts, export.arrays
  with workdir_lib.inside(export.folder / CONFIG):
    config = config_lib.from_dict(facts["config"])
    spec = FeatureSpec.from_dict(facts["spec"])
  task = PoseFromMusic(without_critic(config), spec, len(facts["tracks"]))
  if "statistics/pose_mean" not in arrays:
    raise InputError(
      export.folder / WEIGHTS, "holds no statistics", "export again"
    )
  statistics = {
    "inputs": {
      name.removeprefix(_INPUTS): jnp.asarray(table)
      for name, table in arrays.items()
      if name.startswith(_INPUTS)
    },
    "pose_mean": jnp.asarray(arrays["statistics/pose_mean"]),
  }
  template = task.state_shapes(statistics)
  for name, leaf in checkpoint_lib.weight_leaves(template).items():
    found = arrays.get(name)
    if found is None or (found.shape, found.dtype) != (leaf.shape, leaf.dtype):
      raise InputError(
        export.folder / WEIGHTS,
        f"{name} is not {leaf.dtype} {list(leaf.shape)}",
        "read it with the version that wrote it",
      )
  # A fresh optimiser's moments and snapshots are zeros.
  state = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), template)
  on_device = {name: jnp.asarray(x) for name, x in arrays.items()}
  state = checkpoint_lib.with_weights(state, on_device).replace(
    statistics=statistics, step=jnp.int32(facts["step"])
  )
  content = (export.folder / WEIGHTS).read_bytes()
  dataset = facts["dataset"]
  made_folder.make(
    pathlib.Path(out),
    config,
    state,
    dataset={
      "name": dataset.get("name", config.data.dataset),
      "simulated": facts["simulated"],
    },
    origin={
      "export": export.folder.resolve().name,
      "origin": facts["origin"],
      "parameters": facts["parameters"],
      "sha256": hashlib.sha256(content).hexdigest(),
    },
    best=task.best,
    facts={
      key: facts[key]
      for key in (
        "ambisonic_format",
        "simulated",
        "spec",
        "tracks",
        "train_tracks",
      )
    },
  )
