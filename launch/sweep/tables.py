"""The paper's tables and grids over flags, as cells that runs fill.

A cell is one row in one column: a model, a setting and what else is changed.
Tracks, folds and seeds come later (`expansion`): they are averaged over.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.config import SETTINGS
from bgm2pose_jax.systems.bgm2pose.presets import ablations

TABLES = ("main", "cross_genre", "ablation", "noise")
# What a sweep without a table is called in its folder.
GRID = "grid"
# The paper's order of rows: oldest first.
MODELS = ("wipose", "speech2gesture", "acousticpose", "bgm2pose")
NOISE_SNR_DB = "10"

_MODEL_LABELS = {
  "wipose": "WiPose",
  "speech2gesture": "Speech2Gesture",
  "acousticpose": "AcousticPose",
  "bgm2pose": "BGM2Pose",
  "mean_pose": "mean pose",
  "ridge": "ridge",
}
_ABLATION_LABELS = {
  "no_cpe": "w/o CPE",
  "no_hard_negatives": "w/o hard negatives",
  "no_fa": "w/o FA",
  "no_bgm": "w/o BGM conditioning",
  "music_only": "music only",
}
_SETTING_LABELS = {
  "single": "single",
  "cross_music": "cross-music",
  "cross_genre": "cross-genre",
  "plain_clothes": "plain clothes",
}
# Flags of the main command that a sweep sets itself, and what to write instead.
OWNED = {
  "setting": "write --settings=...",
  "model": "write --models=...",
  "ablation": "write --grid ablation=...",
  "seed": "write --seeds=...",
  "fold": "write --folds=...",
  "test_track": "write --test_tracks=...",
  "test_subject": "write --folds=...",
  "workdir": "write --out=...",
  "mode": "drop it: every run trains and evaluates",
}
_IN_GRID = ("setting", "model", "ablation")
_NO_GRID = {
  **{name: fix for name, fix in OWNED.items() if name not in _IN_GRID},
  "seeds": "write --seeds=...",
  "folds": "write --folds=...",
  "set": "write --grid key.path=v1,v2",
}


@dataclasses.dataclass(frozen=True)
class Cell:
  """One row in one column of a table.

  Attributes:
    setting, model, ablation: flags of the main command.
    noise_snr_db: white noise added to recording and music; None is none.
    grid: (name, value) pairs of a grid beyond those.
    named: the part of `grid` that tells cells apart, for names and labels.
  """

  setting: str
  model: str
  ablation: str = "none"
  noise_snr_db: str | None = None
  grid: tuple[tuple[str, str], ...] = ()
  named: tuple[tuple[str, str], ...] = ()

  @property
  def row(self) -> str:
    """Label of the row."""
    label = _MODEL_LABELS.get(self.model, self.model)
    if self.ablation != "none":
      ablation = _ABLATION_LABELS.get(self.ablation, self.ablation)
      label = ablation if self.model == "bgm2pose" else f"{label}, {ablation}"
    return ", ".join([label, *(f"{short(k)}={v}" for k, v in self.named)])

  @property
  def column(self) -> str:
    """Label of the column."""
    label = _SETTING_LABELS[self.setting]
    return f"{label}, {self.noise_snr_db} dB" if self.noise_snr_db else label

  @property
  def flags(self) -> tuple[str, ...]:
    """Flags of the main command, without track, fold and seed."""
    made = [f"--setting={self.setting}", f"--model={self.model}"]
    if self.ablation != "none":
      made.append(f"--ablation={self.ablation}")
    if self.noise_snr_db is not None:
      made.append(f"--noise_snr_db={self.noise_snr_db}")
    for name, value in self.grid:
      made.append(
        f"--set={name}={value}" if "." in name else f"--{name}={value}"
      )
    return tuple(made)


def short(name: str) -> str:
  """The last part of a dotted name."""
  return name.rpartition(".")[2]


def parse_grid(entries: Sequence[str]) -> dict[str, tuple[str, ...]]:
  """Reads `name=v1,v2` entries.

  Args:
    entries: as given; a comma inside brackets separates nothing.

  Returns:
    {name: values}.

  Raises:
    InputError: for an entry of another form, a name or value given twice, or
      a name that has a flag of its own.
  """
  grid: dict[str, tuple[str, ...]] = {}
  for entry in entries:
    name, equals, text = entry.partition("=")
    name, values = name.strip(), _split(text)
    where = f"--grid {entry}"
    if not equals or not name or not all(values):
      raise InputError(
        where, "is no name=v1,v2", "write e.g. --grid network.width=0.125,0.25"
      )
    if name in _NO_GRID:
      raise InputError(where, "is no grid's to set", _NO_GRID[name])
    if name in grid or len(set(values)) < len(values):
      raise InputError(where, "names something twice", "name each once")
    grid[name] = tuple(values)
  return grid


def _split(text: str) -> list[str]:
  values, depth = [""], 0
  for letter in text:
    depth += (letter in "[{(") - (letter in ")}]")
    if letter == "," and not depth:
      values.append("")
    else:
      values[-1] += letter
  return [value.strip() for value in values]


def make_cells(
  table: str | None,
  grid: dict[str, tuple[str, ...]],
  models: Sequence[str] | None = None,
  settings: Sequence[str] | None = None,
) -> list[Cell]:
  """Lists the cells of a table, of a grid, or of a table times a grid.

  Args:
    table: one of `TABLES`, or None for the grid alone.
    grid: from `parse_grid`.
    models: of the table's to keep; without a table those to take, by default
      bgm2pose.
    settings: of the table's to keep; without a table those to take, by
      default single.

  Raises:
    InputError: for a name that the table has not, or one given both here and
      in the grid.
  """
  grid = dict(grid)
  rows = {"model": models, "setting": settings}
  for name, chosen in rows.items():
    if name in grid:
      if table is not None or chosen is not None:
        raise InputError(
          f"--grid {name}={','.join(grid[name])}",
          f"the {'table' if table else f'flag --{name}s'} chooses already",
          f"narrow it with --{name}s=..., or drop one",
        )
      rows[name] = grid.pop(name)
  if table is None:
    base = [
      Cell(setting, model)
      for setting in _known("setting", rows["setting"] or ("single",))
      for model in rows["model"] or ("bgm2pose",)
    ]
  else:
    base = _narrowed(_table(table), rows)
  taken = {"ablation": table == "ablation", "noise_snr_db": table == "noise"}
  for name, is_taken in taken.items():
    if is_taken and name in grid:
      raise InputError(
        f"--grid {name}={','.join(grid[name])}",
        f"--table={table} chooses it",
        "drop one",
      )
  return [
    _with(cell, dict(zip(grid, values)), grid)
    for cell in base
    for values in itertools.product(*grid.values())
  ]


def _table(table: str) -> list[Cell]:
  if table == "main":
    return [Cell(s, m) for s in ("single", "cross_music") for m in MODELS]
  if table == "cross_genre":
    return [Cell("cross_genre", model) for model in MODELS]
  if table == "noise":
    return [Cell("single", m, noise_snr_db=NOISE_SNR_DB) for m in MODELS]
  return [
    Cell(setting, "bgm2pose", ablation)
    for setting in ("single", "cross_music")
    for ablation in ablations.ABLATIONS
  ]


def _narrowed(
  cells: list[Cell], keep: dict[str, Sequence[str] | None]
) -> list[Cell]:
  for name, wanted in keep.items():
    if wanted is None:
      continue
    has = list(dict.fromkeys(getattr(cell, name) for cell in cells))
    for one in wanted:
      if one not in has:
        raise InputError(
          f"--{name}s={','.join(wanted)}",
          f"the table has no {name} {one!r}",
          f"choose of {', '.join(has)}",
        )
    cells = [cell for cell in cells if getattr(cell, name) in wanted]
  return cells


def _known(name: str, given: Sequence[str]) -> Sequence[str]:
  for one in given:
    if one not in SETTINGS:
      raise InputError(
        f"--{name}s={','.join(given)}",
        f"unknown {name} {one!r}",
        f"choose of {', '.join(SETTINGS)}",
      )
  return given


def _with(
  cell: Cell, values: dict[str, str], grid: dict[str, tuple[str, ...]]
) -> Cell:
  own = {
    name: values[name]
    for name in ("ablation", "noise_snr_db")
    if name in values
  }
  rest = tuple((k, v) for k, v in values.items() if k not in own)
  named = tuple((k, v) for k, v in rest if len(grid[k]) > 1)
  return dataclasses.replace(cell, **own, grid=rest, named=named)
