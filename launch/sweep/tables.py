"""A system's tables and grids over flags, as cells that runs fill.

A cell is one row in one column: a model and what else is changed. Places,
folds and seeds come later (`expansion`): they are averaged over.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.sweep import Sweep

# Flags of the main command that every sweep sets itself, and what to write
# instead.
_OWNED = {
  "ablation": "write --grid ablation=...",
  "seed": "write --seeds=...",
  "fold": "write --folds=...",
  "workdir": "write --out=...",
  "mode": "drop it: every run trains and evaluates",
}
_LISTS = {
  "seeds": "write --seeds=...",
  "folds": "write --folds=...",
  "set": "write --grid key.path=v1,v2",
}

Grid = Mapping[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Cell:
  """One row in one column of a table.

  Attributes:
    sweep: what sweeps ask of the system.
    values: flags of the main command that the system has labels for.
    grid: (name, value) pairs of a grid beyond those.
    named: the part of `grid` that tells cells apart, for names and labels.
  """

  sweep: Sweep
  values: Mapping[str, str]
  grid: tuple[tuple[str, str], ...] = ()
  named: tuple[tuple[str, str], ...] = ()

  @property
  def model(self) -> str:
    """The model of its runs."""
    return self.values["model"]

  @property
  def ablation(self) -> str:
    """The ablation of its runs."""
    return self.values.get("ablation", "none")

  @property
  def row(self) -> str:
    """Label of the row."""
    label, _ = self.sweep.labels(self.values)
    return ", ".join([label, *(f"{short(k)}={v}" for k, v in self.named)])

  @property
  def column(self) -> str:
    """Label of the column."""
    return self.sweep.labels(self.values)[1]

  @property
  def flags(self) -> tuple[str, ...]:
    """Flags of the main command, without place, fold and seed."""
    flags = [f"--{name}={value}" for name, value in self._values()]
    for name, value in self.grid:
      is_field = "." in name
      flags.append(f"--set={name}={value}" if is_field else f"--{name}={value}")
    return tuple(flags)

  def run_name(self, place: str) -> str:
    """What the runs' names begin with."""
    *keys, _ = self.sweep.keys or ("",)
    varied = self.sweep.varied
    parts = [
      *(self.values[key] for key in keys),
      place,
      self.model,
      *(f"{varied[k]}{v}" for k, v in self._values() if k in varied),
      *(f"{short(name)}{value}" for name, value in self.named),
    ]
    return "-".join(part for part in parts if part)

  def keys(self, place: str) -> dict[str, str]:
    """What `sweep.json` says of its runs for the system."""
    if not self.sweep.keys:
      return {}
    *keys, last = self.sweep.keys
    return {**{key: self.values[key] for key in keys}, last: place}

  def _values(self) -> list[tuple[str, str]]:
    whole = ("ablation", "none")
    return [pair for pair in self.values.items() if pair != whole]


def short(name: str) -> str:
  """The last part of a dotted name."""
  return name.rpartition(".")[2]


def owned(sweep: Sweep) -> dict[str, str]:
  """Flags of the main command that a sweep sets, and what to write instead."""
  lists = (*sweep.axes, *filter(None, [sweep.place_flag]))
  return {
    **_OWNED,
    **{name: f"write --{name}s=..." for name in lists},
    **sweep.owned,
  }


def parse_grid(entries: Sequence[str]) -> Grid:
  """Reads `name=v1,v2` entries.

  Args:
    entries: the texts as given; a comma inside brackets separates nothing.

  Returns:
    {name: values}.

  Raises:
    InputError: for an entry of another form, or a name or value given twice.
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
  sweep: Sweep,
  table: str | None,
  grid: Grid,
  chosen: Mapping[str, Sequence[str] | None],
) -> list[Cell]:
  """Lists the cells of a table, of a grid, or of a table times a grid.

  Args:
    sweep: what sweeps ask of the system.
    table: one of the system's, or None for the grid alone.
    grid: the grid from `parse_grid`.
    chosen: {axis: values} to keep of the table's; without a table those to
      take, by default the system's. None is not chosen.

  Raises:
    InputError: for a table that the system has not, a name that the table has
      not, one given both here and in the grid, or a name in the grid that has
      a flag of its own.
  """
  taken = {**owned(sweep), **_LISTS}
  for name in grid:
    if name in taken and name not in (*sweep.axes, "ablation"):
      raise _refused(grid, name, "is no grid's to set", taken[name])
  axes = {name: chosen.get(name) for name in sweep.axes}
  for name, values in axes.items():
    if name in grid:
      if table is not None or values is not None:
        raise _refused(
          grid,
          name,
          f"the {'table' if table else f'flag --{name}s'} chooses already",
          f"narrow it with --{name}s=..., or drop one",
        )
      axes[name] = grid[name]
  rest = {name: values for name, values in grid.items() if name not in axes}
  if table is None:
    options = [axes[name] or default for name, default in sweep.axes.items()]
    base = [dict(zip(axes, values)) for values in itertools.product(*options)]
  else:
    base = _narrowed(_table(sweep, table), axes)
    for name in rest:
      if any(name in cell for cell in base):
        raise _refused(grid, name, f"--table={table} chooses it", "drop one")
  return [
    _with(Cell(sweep, cell), dict(zip(rest, values)), rest)
    for cell in base
    for values in itertools.product(*rest.values())
  ]


def _refused(grid: Grid, name: str, found: str, fix: str) -> InputError:
  return InputError(f"--grid {name}={','.join(grid[name])}", found, fix)


def _table(sweep: Sweep, table: str) -> Sequence[Mapping[str, str]]:
  if table not in sweep.tables:
    raise InputError(
      f"--table={table}",
      "is no table of these models",
      f"choose of {', '.join(sweep.tables) or 'none: write --grid'}",
    )
  return sweep.tables[table]


def _narrowed(
  cells: Sequence[Mapping[str, str]],
  keep: Mapping[str, Sequence[str] | None],
) -> Sequence[Mapping[str, str]]:
  for name, wanted in keep.items():
    if wanted is None:
      continue
    has = list(dict.fromkeys(cell[name] for cell in cells))
    for one in wanted:
      if one not in has:
        raise InputError(
          f"--{name}s={','.join(wanted)}",
          f"the table has no {name} {one!r}",
          f"choose of {', '.join(has)}",
        )
    cells = [cell for cell in cells if cell[name] in wanted]
  return cells


def _with(cell: Cell, values: Mapping[str, str], grid: Grid) -> Cell:
  varied = cell.sweep.varied
  own = {name: values[name] for name in varied if name in values}
  rest = tuple((k, v) for k, v in values.items() if k not in own)
  named = tuple((k, v) for k, v in rest if len(grid[k]) > 1)
  return Cell(cell.sweep, {**cell.values, **own}, rest, named)
