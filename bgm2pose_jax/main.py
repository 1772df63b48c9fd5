"""The command line: `python -m bgm2pose_jax.main --setting=single`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from absl import flags, logging

from bgm2pose_jax.base import command, local_path, log_lines
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import command_flags, schema, tree
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.runtime import compilation, processes, stop_signal
from bgm2pose_jax.systems import registry
from bgm2pose_jax.training.options import Options

_CLASSES = [system.config for system in registry.SYSTEMS]


_MODEL = flags.DEFINE_string(
  "model", None, f"it implies the system. {registry.described('models')}"
)
_PRESET = flags.DEFINE_enum(
  "preset",
  None,
  registry.names("presets"),
  f"where to start. {registry.described('presets')}",
)
_ABLATION = flags.DEFINE_enum(
  "ablation",
  "none",
  registry.names("ablations"),
  f"what is taken out. {registry.described('ablations')}",
)
command_flags.define([*_CLASSES, Options])
command_flags.define_set()


def config_from_flags() -> Config:
  """Returns the preset with every given flag laid over it.

  Raises:
    InputError: for a value that cannot be right, or flags that exclude each
      other.
  """
  system = registry.of_model(_MODEL.value)
  foreign = command_flags.foreign(system.config, _CLASSES)
  if foreign:
    raise InputError(
      f"--{foreign[0]}", f"is no flag of {system.name}", "drop it"
    )
  config = system.make_config(
    _PRESET.value or next(iter(system.presets)),
    _MODEL.value or next(iter(system.models)),
    _ABLATION.value,
  )
  changes = system.settle(command_flags.given(system.config))
  config = schema.overlay(config, changes)
  assigned = tree.parse_assignments(flags.FLAGS.set)
  return schema.overlay(config, assigned)


def flag_names() -> tuple[str, ...]:
  """Every flag of this command."""
  own = (_PRESET.name, _MODEL.name, _ABLATION.name)
  fields = command_flags.names([*_CLASSES, Options])
  return (*own, *fields, command_flags.SET)


def configs_from_flags(options: Options) -> list[Config]:
  """Returns a configuration for every fold and seed asked for.

  Args:
    options: may name several seeds and folds.

  Raises:
    InputError: as `config_from_flags`; or a list that is none of numbers.
  """
  base = config_from_flags()
  return [
    schema.overlay(base, {"fold": fold, "seed": seed})
    for fold in options.numbers("folds", base)
    for seed in options.numbers("seeds", base)
  ]


def main(argv: Sequence[str]) -> None:
  """Runs what the flags say.

  Input errors end in one line and code 2, a signal to stop in one line and
  code 75: the same command then goes on. Of several processes all end so.
  """
  with command.ending():
    command.no_arguments(argv)
    options = Options(**command_flags.given(Options))
    local_path.check("workdir", options.workdir)
    local_path.check("data_dir", options.data_dir)
    asked = configs_from_flags(options)
    mine = processes.place(
      options.hosts, options.coordinator, options.processes, options.process
    )
    if mine is not None and mine.index:
      # One log is enough; a progress bar is one too.
      logging.set_verbosity(logging.WARNING)
    compilation.set_deterministic(options.deterministic)
    try:
      with stop_signal.listening(), processes.joined(mine):
        # JAX counts the processes when the trainer loads.
        from bgm2pose_jax.training import run

        run.run_all(registry.of_model(asked[0].model), asked, options)
    except stop_signal.Stopped as stopped:
      print(stopped, file=sys.stderr)
      sys.exit(stop_signal.EXIT_CODE)


def run() -> None:
  """Entry point of the `bgm2pose` command."""
  log_lines.show_own()
  command.start(main)


if __name__ == "__main__":
  run()
