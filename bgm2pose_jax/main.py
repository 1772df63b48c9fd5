"""Trains a network, evaluates it and writes a report.

    python -m bgm2pose_jax train --setting=single
    python -m bgm2pose_jax train --seeds=0,1,2 --set batch.size=32

A flag that is not given keeps the value of the preset. `--set` reaches every
field of the configuration. The same command goes on where it was stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from absl import logging

from bgm2pose_jax.base import command, local_path, log_lines, surroundings
from bgm2pose_jax.base.help_text import PROGRAM, Help
from bgm2pose_jax.config import command_flags, schema
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.runtime import (
  compilation,
  host_memory,
  platforms,
  processes,
  stop_signal,
)
from bgm2pose_jax.systems import config_flags, registry
from bgm2pose_jax.training.options import Options

config_flags.define()
command_flags.define([Options])


def flag_names() -> tuple[str, ...]:
  """Every flag of this command."""
  options = command_flags.names([Options])
  return (*config_flags.names(), *options, command_flags.SET)


def make_help() -> Help:
  """Returns what `--help` says; each system's own flags are a group."""
  groups = {
    "What to train": ("model", "preset", "ablation", command_flags.SET),
    "Which runs": ("seed", "fold", "seeds", "folds", "init_from"),
    "Where and how": (
      *("workdir", "data_dir", "mode", "replicas", "parallel"),
      *("deterministic", "tracker"),
    ),
    "One run over several processes": (
      *("hosts", "coordinator", "processes", "process", "processes_token"),
    ),
  }
  return Help(
    f"{PROGRAM} train",
    __doc__ or "",
    {**groups, **config_flags.groups()},
    # A sweep has these flags too, and its own.
    only=True,
  )


def configs_from_flags(options: Options) -> list[Config]:
  """Returns a configuration for every fold and seed asked for.

  Args:
    options: may name several seeds and folds.

  Raises:
    InputError: as `config_flags.config`; or a list that is none of numbers.
  """
  base = config_flags.config()
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
  log_lines.show_from(logging.INFO)
  with command.ending():
    command.no_arguments(argv)
    options = Options(**command_flags.given(Options))
    local_path.check("workdir", options.workdir)
    if local_path.check("data_dir", options.data_dir) is None:
      surroundings.cache_folder()
    asked = configs_from_flags(options)
    mine = processes.place(
      options.hosts,
      options.coordinator,
      options.processes,
      options.process,
      options.processes_token,
    )
    if mine is not None and mine.index:
      # One log is enough; a progress bar is one too.
      log_lines.show_from(logging.WARNING)
    compilation.set_deterministic(options.deterministic)
    host_memory.keep_freed()
    try:
      with stop_signal.listening(), processes.joined(mine):
        platforms.check()
        # JAX counts the processes when the trainer loads.
        from bgm2pose_jax.training import run

        run.run_all(registry.of_model(asked[0].model), asked, options)
    except stop_signal.Stopped as stopped:
      print(stopped, file=sys.stderr)
      sys.exit(stop_signal.EXIT_CODE)


def run() -> None:
  """Entry point of `python -m bgm2pose_jax.main`."""
  log_lines.show_own()
  command.start(main, make_help())


if __name__ == "__main__":
  run()
