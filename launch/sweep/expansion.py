"""Cells times tracks, folds and seeds: the runs of a sweep.

Which tracks and folds there are comes from the data, as in a run itself; every
cell's configuration is made once, so that a wrong flag is known before
anything starts.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

from absl import flags
from absl.testing import flagsaver

from bgm2pose_jax import main as main_command
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose import splits as settings_lib
from bgm2pose_jax.systems.bgm2pose import system as system_lib
from bgm2pose_jax.systems.bgm2pose.config import Config
from launch.sweep.run import Run
from launch.sweep.tables import Cell, short

# A file name may have 255 bytes; a job's log and partial files add to it.
_LONGEST_NAME = 180


def expand(
  table: str,
  cells: Sequence[Cell],
  *,
  seeds: Sequence[int],
  folds: Sequence[int] | None = None,
  tracks: Sequence[str] | None = None,
  has_all_flags: bool = True,
) -> list[Run]:
  """Lists the runs of some cells, in the cells' order.

  Args:
    table: name of the table.
    cells: from `tables.make_cells`.
    seeds: each once.
    folds: to keep; None is everybody who has the test track.
    tracks: to keep; None is all that a setting is tested on.
    has_all_flags: refuse a flag that the main command has not.

  Raises:
    InputError: for data that cannot make a setting, a track or fold that is
      not there, or a configuration that is wrong.
  """
  holdings: dict[object, settings_lib.Holdings] = {}
  runs: list[Run] = []
  unused = set(tracks or ())
  for cell in cells:
    config = _config_of(cell, has_all_flags)
    held = _holdings_of(config, holdings)
    options = settings_lib.test_tracks(cell.setting, held.genres)
    unused -= set(options)
    for track in options:
      if tracks is not None and track not in tracks:
        continue
      for fold in _folds_of(config, held, track, folds):
        for seed in seeds:
          runs.append(_run(table, cell, track, fold, seed))
  if unused:
    raise InputError(
      f"--test_tracks={','.join(tracks or ())}",
      f"no setting asked for is tested on {', '.join(sorted(unused))}",
      "see the README of the data for its tracks",
    )
  if not runs:
    raise InputError("the sweep", "has no run", "narrow it less")
  return _told_apart(runs)


def _config_of(cell: Cell, has_all_flags: bool) -> Config:
  """The configuration that the main command would make of a cell's flags."""
  values = flags.FLAGS
  with flagsaver.flagsaver():
    for text in cell.flags:
      name, _, value = text.removeprefix("--").partition("=")
      if name == "set":
        values["set"].value = [*(values["set"].value or ()), value]
      elif name in values:
        _set_flag(name, value)
      elif has_all_flags:
        raise InputError(
          f"--{name}={value}",
          "the main command has no such flag",
          "see python -m bgm2pose_jax.main --help",
        )
    config = main_command.config_from_flags()
  system_lib.check(config)
  return config


def _set_flag(name: str, value: str) -> None:
  try:
    setattr(flags.FLAGS, name, flags.FLAGS[name].parser.parse(value))
  except (ValueError, flags.Error) as error:
    raise InputError(
      f"--grid {name}={value}", str(error), "correct it"
    ) from None


def _holdings_of(
  config: Config, seen: dict[object, settings_lib.Holdings]
) -> settings_lib.Holdings:
  """What the data have; each source is looked at once."""
  data = config.data
  source = (
    data.dataset,
    data.ampl_dir,
    data.simulate,
    data.mocap_dir,
    data.music_dir,
  )
  if source not in seen:
    seen[source] = prepare.open_source(*source).holdings()
  return seen[source]


def _folds_of(
  config: Config,
  held: settings_lib.Holdings,
  track: str,
  wanted: Sequence[int] | None,
) -> Iterator[int]:
  def resolve(fold: int) -> settings_lib.Split:
    return settings_lib.resolve(
      config.setting,
      held,
      test_track=track,
      fold=fold,
      fold_by=config.fold_by,
    )

  if config.setting == "plain_clothes":
    resolve(0)
    yield 0  # everybody recorded without poses is tested in one run
    return
  for fold in wanted or range(len(resolve(0).fold_order)):
    resolve(fold)
    yield fold


def _run(table: str, cell: Cell, track: str, fold: int, seed: int) -> Run:
  parts = [cell.setting, track, cell.model]
  if cell.ablation != "none":
    parts.append(cell.ablation)
  if cell.noise_snr_db is not None:
    parts.append(f"noise{cell.noise_snr_db}")
  parts += [f"{short(name)}{value}" for name, value in cell.named]
  name = re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts))
  own = (f"--test_track={track}", f"--fold={fold}", f"--seed={seed}")
  return Run(
    f"{name}-fold{fold}-seed{seed}",
    table,
    cell.row,
    cell.column,
    cell.setting,
    track,
    fold,
    seed,
    cell.model,
    cell.ablation,
    (*cell.flags, *own),
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
