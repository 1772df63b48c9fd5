"""Published PyTorch weights to a run's folder, and back.

    bgm2pose convert --from_torch=FILE --model=bgm2pose --out=DIR
    bgm2pose convert --to_torch=FILE --checkpoint=DIR

The folder holds what a run's does: config.json and a checkpoint. The main
command starts from it with `--init_from=DIR`. Its normalisation is AMPL's
published constants, which such weights were trained with. Needs PyTorch, the
extra `torch`.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags, logging

from bgm2pose_jax.base import command, given_paths, log_lines
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import Help
from bgm2pose_jax.config import run_folder as workdir_lib
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.config import tree
from bgm2pose_jax.files import checksums, torch_file
from bgm2pose_jax.inference import made_folder
from bgm2pose_jax.inference.weights import damage_of
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.state import checkpoint as checkpoint_lib
from bgm2pose_jax.systems.bgm2pose import features, music_model, presets
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.features import ampl_statistics
from bgm2pose_jax.systems.bgm2pose.models import torch_keys, torch_weights
from bgm2pose_jax.systems.bgm2pose.system import SYSTEM

_DATASET = {"name": "ampl/released", "simulated": False}


def make_config(preset: str, model: str, settings: Mapping[str, Any]) -> Config:
  """Returns the configuration that published weights are read into.

  Args:
    preset: name of a preset.
    model: network.
    settings: {dotted key: value} laid over it.

  Raises:
    InputError: no such preset, network with published weights, or field.
  """
  torch_keys.rows(model)
  config = presets.get_config(preset, model)
  changes = {"preset": preset, "data.dataset": _DATASET["name"]}
  config = config_lib.overlay(config_lib.overlay(config, changes), settings)
  if "adversary" in config.network:
    # The published weights hold no critic to go on with.
    config = config_lib.overlay(config, {"network.adversary": "off"})
  return config


def make_folder(
  found: Mapping[str, np.ndarray],
  file: str | pathlib.Path,
  out: pathlib.Path,
  config: Config,
) -> dict[str, Any]:
  """Makes a run's folder of published weights.

  Args:
    found: the state_dict, key to array.
    file: the file that holds it.
    out: folder to make.
    config: the configuration from `make_config`.

  Returns:
    What config.json says of their origin.

  Raises:
    InputError: the folder exists, or the file does not fit the network.
  """
  if out.exists():
    raise InputError(out, "exists already", "give another --out")
  facts = _facts(config)
  task = SYSTEM.make_task(config, facts)
  statistics = published_statistics(config)
  # A fresh optimiser's moments and snapshots are zeros.
  state = jax.tree.map(
    lambda x: np.zeros(x.shape, x.dtype), task.state_shapes(statistics)
  )
  wanted = checkpoint_lib.weight_leaves(state)
  arrays, left_out = torch_weights.from_torch(
    config.model, found, {name: x.shape for name, x in wanted.items()}, file
  )
  state = checkpoint_lib.with_weights(state, arrays).replace(
    statistics=statistics,
    step=np.int32(torch_weights.batches_tracked(found)),
  )
  origin = {
    "file": pathlib.Path(file).name,
    "sha256": checksums.of_file(file),
    "left_out": left_out,
    "parameters": sum(x.size for x in jax.tree.leaves(state.params)),
    # Which row of the statistics is whose.
    "tracks": list(ampl_statistics.MEAN),
  }
  made_folder.make(
    out,
    config,
    jax.tree.map(jnp.asarray, state),
    dataset=_DATASET,
    origin=origin,
    best=task.best,
    facts=facts,
  )
  return origin


def published_names(
  folder: str, *, fill_unused: bool = False
) -> dict[str, np.ndarray]:
  """Returns a run's live weights as a state_dict with the published names.

  Args:
    folder: a run's, or a checkpoint in it, see `checkpoint.find_step`.
    fill_unused: see `torch_weights.to_torch`.

  Raises:
    InputError: no checkpoint, or a network that is not the published one.
  """
  found, _ = checkpoint_lib.find_step(folder, "checkpoint")
  config = workdir_lib.read_config(found.parent, Config)
  torch_keys.rows(config.model)
  template = SYSTEM.make_task(config, _facts(config)).state_shapes({})
  with damage_of(found):
    arrays, step = checkpoint_lib.read_weights(folder, template, "checkpoint")
  return torch_weights.to_torch(
    config.model, arrays, batches=step, fill_unused=fill_unused
  )


def published_statistics(config: Config) -> dict[str, Any]:
  """Returns what `PoseFromMusic.fit` would, of AMPL's published constants.

  Args:
    config: the configuration of weights that come without recordings.

  Raises:
    InputError: it standardises otherwise than the published code.
  """
  for key, value, wanted in (
    ("feature_norm", config.data.feature_norm, "track_channel"),
    ("pose_norm", config.data.pose_norm, "none"),
  ):
    if value != wanted:
      raise InputError(
        f"data.{key}",
        f"is {value}, which published weights were not trained with",
        f"take {wanted}, or --preset=official",
      )
  spec = features.get_feature_set(config.data.feature_set).spec
  return {
    "inputs": ampl_statistics.stand_alone(spec),
    "pose_mean": np.zeros((BODY21.num_joints, 3), np.float32),
  }


def _facts(config: Config) -> dict[str, Any]:
  return music_model.facts_of(config, published=True, simulated=False)


HELP = Help(
  "bgm2pose convert",
  __doc__ or "",
  {
    "From PyTorch": (
      "from_torch",
      "model",
      "out",
      "preset",
      "set",
    ),
    "To PyTorch": (
      "to_torch",
      "checkpoint",
      "fill_unused",
    ),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  text = functools.partial(flags.DEFINE_string, flag_values=values)
  text("from_torch", None, "file of torch.save to read: a state_dict")
  text("to_torch", None, "file to write, as the published modules name it")
  text("model", None, f"whose weights to read: {', '.join(torch_keys.MODELS)}")
  text("out", None, "with --from_torch: folder to make")
  text(
    "checkpoint",
    None,
    "with --to_torch: a run's folder, or FOLDER/checkpoints/STEP in it",
  )
  flags.DEFINE_enum(
    "preset",
    "official",
    list(presets.PRESETS),
    "with --from_torch: whose reading of the network",
    flag_values=values,
  )
  flags.DEFINE_multi_string(
    "set",
    [],
    "with --from_torch: key.path=value, e.g. --set network.width=0.5",
    flag_values=values,
  )
  flags.DEFINE_bool(
    "fill_unused",
    False,
    "with --to_torch: add what the published module registers and never runs,"
    " so that it loads strictly",
    flag_values=values,
  )


def main(argv: Sequence[str]) -> None:
  """Converts; one line and exit status 2 on unusable input."""
  # Orbax tells of every step it takes.
  log_lines.show_from(logging.WARNING)
  values = flags.FLAGS
  with command.ending():
    command.no_arguments(argv)
    if (values.from_torch is None) == (values.to_torch is None):
      raise InputError(
        "--from_torch and --to_torch", "give one of them", "see --help"
      )
    if values.from_torch is not None:
      command.require(values, "model", "out")
      given_paths.files(values, "from_torch")
      config = make_config(
        values.preset, values.model, tree.parse_assignments(values.set)
      )
      found = torch_file.read_state_dict(values.from_torch)
      out = pathlib.Path(values.out)
      origin = make_folder(found, values.from_torch, out, config)
      print(
        f"{values.out}: {origin['parameters']:,} parameters of {values.model}"
        f" from {origin['file']}; start from them with"
        f" --init_from={values.out}"
      )
    else:
      command.require(values, "checkpoint")
      if pathlib.Path(values.to_torch).exists():
        raise InputError(values.to_torch, "exists already", "name another")
      written = published_names(
        values.checkpoint, fill_unused=values.fill_unused
      )
      torch_file.write_state_dict(values.to_torch, written)
      print(f"{values.to_torch}: {len(written)} entries")


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
