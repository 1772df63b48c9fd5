"""Cells times places, folds and seeds: the runs of a sweep.

Which places and folds there are comes from the data, as in a run itself; every
cell's configuration is made once, so that a wrong flag is known before
anything starts.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import re
from collections.abc import Mapping, Sequence

from absl import flags
from absl.testing import flagsaver

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.contract.sweep import Places
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.systems import config_flags
from launch.sweep.run import Run
from launch.sweep.tables import Cell

# A file name may have 255 bytes; a job's log and partial files add to it.
_LONGEST_NAME = 180


def expand(
  system: System,
  table: str,
  cells: Sequence[Cell],
  *,
  seeds: Sequence[int],
  folds: Sequence[int] | None = None,
  places: Sequence[str] | None = None,
) -> list[Run]:
  """Lists the runs of some cells, in the cells' order.

  Args:
    system: the system of the cells' models.
    table: name of the table.
    cells: the cells from `tables.make_cells`.
    seeds: each once.
    folds: the folds to keep; None is all of a place.
    places: the places to keep; None is all of a cell.

  Raises:
    InputError: for data that cannot make a cell, a place or fold that is not
      there, or a configuration that is wrong.
  """
  configs = [_config_of(system, cell) for cell in cells]
  if system.sweep.places is None:
    found = [_one_place(system, config, folds) for config in configs]
  else:
    found = system.sweep.places(configs, places, folds)
  runs = [
    _run(table, cell, place, fold, seed)
    for cell, own in zip(cells, found)
    for place, numbers in own.items()
    for fold in numbers
    for seed in seeds
  ]
  if not runs:
    raise InputError("the sweep", "has no run", "narrow it less")
  return _told_apart(runs)


def _one_place(
  system: System, config: Config, wanted: Sequence[int] | None
) -> Places:
  """The folds of the split; one that is not there is refused."""
  source = system.open_source(config)
  _, split = system.resolve(config, source)
  for fold in wanted or ():
    system.resolve(schema.overlay(config, {"fold": fold}), source)
  return {"": wanted or range(len(split.fold_order))}


def _config_of(system: System, cell: Cell) -> Config:
  """The configuration that the main command would make of a cell's flags."""
  values = flags.FLAGS
  with flagsaver.flagsaver():
    for text in cell.flags:
      name, _, value = text.removeprefix("--").partition("=")
      if name == "set":
        values["set"].value = [*(values["set"].value or ()), value]
      elif name in values:
        _set_flag(cell, name, value)
      else:
        raise InputError(
          f"--{name}={value}",
          "the main command has no such flag",
          "see python -m bgm2pose_jax.main --help",
        )
    config = config_flags.config()
  system.check(config)
  return config


def _set_flag(cell: Cell, name: str, value: str) -> None:
  try:
    setattr(flags.FLAGS, name, flags.FLAGS[name].parser.parse(value))
  except (ValueError, flags.Error) as error:
    given = f"--{name}s" if name in cell.sweep.axes else f"--grid {name}"
    raise InputError(f"{given}={value}", str(error), "correct it") from None


def _run(table: str, cell: Cell, place: str, fold: int, seed: int) -> Run:
  name = re.sub(r"[^A-Za-z0-9._-]+", "_", cell.run_name(place))
  own = [f"--fold={fold}", f"--seed={seed}"]
  if place:
    own.insert(0, f"--{cell.sweep.place_flag}={place}")
  return Run(
    name=f"{name}-fold{fold}-seed{seed}",
    table=table,
    row=cell.row,
    column=cell.column,
    keys=cell.keys(place),
    fold=fold,
    seed=seed,
    model=cell.model,
    ablation=cell.ablation,
    flags=(*cell.flags, *own),
  )


def _told_apart(runs: Sequence[Run]) -> list[Run]:
  """Gives runs whose names are equal or too long a digest of their flags."""
  counts: Mapping[str, int] = collections.Counter(run.name for run in runs)
  made = []
  for run in runs:
    name = run.name
    if counts[name] > 1 or len(name) > _LONGEST_NAME:
      digest = hashlib.sha256("\n".join(run.group_flags).encode())
      start = f"{run.group[: _LONGEST_NAME - 40]}-{digest.hexdigest()[:8]}"
      name = f"{start}-fold{run.fold}-seed{run.seed}"
    made.append(dataclasses.replace(run, name=name))
  if len({run.name for run in made}) < len(made):
    raise InputError("the sweep", "holds a run twice", "name each value once")
  return made
