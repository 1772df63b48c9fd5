"""`sweep.json`: what a sweep was asked for, one line a run."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.comparison.finished_run import one_line
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.contract.system import System

SWEEP = "sweep.json"
# What a sweep without a table of its system is called.
GRID = "grid"

_WRITE_AGAIN = "write the sweep again"


@dataclasses.dataclass(frozen=True)
class Entry:
  """One line of `sweep.json`: a run, and its place in a table.

  Attributes:
    name: name of the run's folder.
    table: one of the system's, or `GRID`.
    row, column: labels in the table.
    keys: what the system says of it beyond these, see `contract.sweep`; in the
      line they stand beside the others.
    fold, seed: what was trained.
    model: the run's model.
    ablation: the run's ablation; "none" for the whole model.
  """

  name: str
  table: str
  row: str
  column: str
  keys: Mapping[str, str]
  fold: int
  seed: int
  model: str
  ablation: str

  @property
  def place(self) -> str:
    """What figures are averaged over after folds; empty without places."""
    return tuple(self.keys.values())[-1] if self.keys else ""


def tables_of(system: System) -> tuple[str, ...]:
  """Names of the tables that runs of a system may stand in, in order."""
  return (*system.comparison.titles, GRID)


def line_of(entry: Entry) -> dict[str, Any]:
  """An entry as `sweep.json` has it, subclasses' fields too."""
  line = dataclasses.asdict(entry)
  return {**line.pop("keys"), **line}


def read_line(where: object, line: Any, keys: Sequence[str]) -> dict[str, Any]:
  """The fields of an `Entry` from one line of `sweep.json`.

  Args:
    where: names the line in messages.
    line: a line of any origin.
    keys: the system's keys.

  Raises:
    InputError: for a line that is not right.
  """
  if not isinstance(line, dict):
    raise InputError(where, "is no object", _WRITE_AGAIN)
  names = [f.name for f in dataclasses.fields(Entry) if f.name != "keys"]
  values: dict[str, Any] = {}
  for name in (*names, *keys):
    value = line.get(name)
    if name == "ablation" and value is None:
      value = "none"
    wanted = int if name in ("fold", "seed") else str
    if type(value) is not wanted:
      raise InputError(where, f"has {name}={value!r}", _WRITE_AGAIN)
    values[name] = value
  name = values["name"]
  if (
    not name.isprintable() or name in ("", ".", "..") or set(name) & set("/\\")
  ):
    raise InputError(where, f"name {name!r} is no folder's name", _WRITE_AGAIN)
  own = {key: values.pop(key) for key in keys}
  return {**values, "keys": own}


def read_entries(
  path: pathlib.Path, find: Callable[[str], System]
) -> tuple[System, tuple[Entry, ...]]:
  """Reads the lines of `sweep.json`, and whose models they have.

  Args:
    path: the file.
    find: name of a model -> its system.

  Raises:
    InputError: for a file that is not right, runs of several systems, or runs
      that cannot be told apart.
  """
  lines = run_folder.read_json(path).get("runs")
  if not isinstance(lines, list) or not lines:
    raise InputError(path, "lists no runs", "give the folder of a sweep")
  systems, entries = {}, []
  for number, line in enumerate(lines):
    where = f"{path}, run {number}"
    system = find(read_line(where, line, ())["model"])
    entry = _printable(Entry(**read_line(where, line, system.sweep.keys)))
    systems[system.name] = system
    if entry.table not in tables_of(system):
      raise InputError(
        where,
        f"unknown table {entry.table!r}",
        f"choose one of {', '.join(tables_of(system))}",
      )
    entries.append(entry)
  if len(systems) > 1:
    raise InputError(
      path,
      f"has runs of {' and '.join(sorted(systems))}",
      "give each system a sweep of its own",
    )
  _check_told_apart(path, entries)
  return systems.popitem()[1], tuple(entries)


def _printable(entry: Entry) -> Entry:
  """The entry with labels of one line each."""
  return dataclasses.replace(
    entry,
    row=one_line(entry.row),
    column=one_line(entry.column),
    keys={key: one_line(value) for key, value in entry.keys.items()},
  )


def _check_told_apart(path: pathlib.Path, entries: Sequence[Entry]) -> None:
  seen: dict[tuple, str] = {}
  names: dict[str, tuple] = {}
  for e in entries:
    stands = (e.table, e.row, e.column, e.place, e.fold, e.seed)
    if stands in seen:
      raise InputError(
        path,
        f"runs {seen[stands]!r} and {e.name!r} have the same place in table "
        f"{e.table}",
        "give them different rows or columns",
      )
    seen[stands] = e.name
    is_of = (e.keys, e.fold, e.seed, e.model, e.ablation)
    if names.setdefault(e.name, is_of) != is_of:
      raise InputError(
        path,
        f"two different runs have the name {e.name!r}",
        "give each its own name",
      )
