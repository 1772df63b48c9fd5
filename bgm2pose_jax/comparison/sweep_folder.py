"""The folder of a sweep: what was asked for, and what each run left.

`sweep.json` lists the runs; each has a folder `runs/<name>`, and a job that
broke leaves `failed/<job>.json`. Predictions are read run by run and reduced
to sums at once, so that a hundred runs need the memory of one.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.comparison.finished_run import Run, one_line, read_run
from bgm2pose_jax.config import run_folder

SWEEP = "sweep.json"
RUNS = "runs"
FAILED = "failed"
TABLES = ("main", "cross_genre", "ablation", "noise", "grid")


@dataclasses.dataclass(frozen=True)
class Entry:
  """One line of `sweep.json`: a run, and its place in a table.

  Attributes:
    name: of the run's folder.
    table: one of `TABLES`.
    row, column: labels in the table.
    setting, track, fold, seed: what was trained; track is the test track.
    model: of the run.
    ablation: of the run; "none" for the whole model.
  """

  name: str
  table: str
  row: str
  column: str
  setting: str
  track: str
  fold: int
  seed: int
  model: str
  ablation: str


@dataclasses.dataclass(frozen=True)
class Absent:
  """A run without figures.

  Attributes:
    kind: "failed", "cannot be used" or "not there".
    reason: one line; empty when there is nothing to say.
  """

  kind: str
  reason: str


@dataclasses.dataclass(frozen=True)
class Sweep:
  """Everything a sweep's folder holds.

  Attributes:
    root: the folder.
    entries: lines of `sweep.json`.
    runs: name -> what a finished run left.
    absent: name -> why there is nothing, for all other runs.
    remarks: what else could not be read, one line each.
  """

  root: pathlib.Path
  entries: tuple[Entry, ...]
  runs: Mapping[str, Run]
  absent: Mapping[str, Absent]
  remarks: tuple[str, ...]


def read_sweep(root: pathlib.Path) -> Sweep:
  """Reads a sweep's folder.

  Args:
    root: holds `sweep.json`.

  Raises:
    InputError: no `sweep.json`, or one that is not right; runs of different
      data in one table.
  """
  entries = _read_entries(root / SWEEP)
  failures, remarks = _read_failures(root)
  runs: dict[str, Run] = {}
  absent: dict[str, Absent] = {}
  for entry in entries:
    if entry.name in runs or entry.name in absent:
      continue
    folder = root / RUNS / entry.name
    if (folder / run_folder.RESULTS).exists():
      try:
        runs[entry.name] = read_run(folder, _expected(entry))
      except InputError as error:
        found = _told(error, root)
        absent[entry.name] = Absent("cannot be used", found)
    elif entry.name in failures:
      absent[entry.name] = Absent("failed", failures[entry.name])
    else:
      absent[entry.name] = Absent("not there", "")
  _check_one_dataset(entries, runs)
  return Sweep(root, entries, runs, absent, remarks)


def _read_entries(path: pathlib.Path) -> tuple[Entry, ...]:
  content = run_folder.read_json(path)
  lines = content.get("runs")
  if not isinstance(lines, list) or not lines:
    raise InputError(path, "lists no runs", "give the folder of a sweep")
  entries = tuple(_entry(path, i, line) for i, line in enumerate(lines))
  seen: dict[tuple, str] = {}
  names: dict[str, tuple] = {}
  for e in entries:
    place = (e.table, e.row, e.column, e.track, e.fold, e.seed)
    if place in seen:
      raise InputError(
        path,
        f"runs {seen[place]!r} and {e.name!r} have the same place in table "
        f"{e.table}",
        "give them different rows or columns",
      )
    seen[place] = e.name
    is_of = (e.setting, e.track, e.fold, e.seed, e.model, e.ablation)
    if names.setdefault(e.name, is_of) != is_of:
      raise InputError(
        path,
        f"two different runs have the name {e.name!r}",
        "give each its own name",
      )
  return entries


def _entry(path: pathlib.Path, number: int, line: Any) -> Entry:
  where = f"{path}, run {number}"
  if not isinstance(line, dict):
    raise InputError(where, "is no object", "write the sweep again")
  values: dict[str, Any] = {}
  for field in dataclasses.fields(Entry):
    value = line.get(field.name)
    if field.name == "ablation" and value is None:
      value = "none"
    wanted = int if field.name in ("fold", "seed") else str
    if type(value) is not wanted:
      raise InputError(
        where, f"has {field.name}={value!r}", "write the sweep again"
      )
    values[field.name] = value
  name = values["name"]
  if (
    not name.isprintable() or name in ("", ".", "..") or set(name) & set("/\\")
  ):
    raise InputError(
      where, f"name {name!r} is no folder's name", "write the sweep again"
    )
  if values["table"] not in TABLES:
    raise InputError(
      where,
      f"unknown table {values['table']!r}",
      f"choose one of {', '.join(TABLES)}",
    )
  for key in ("row", "column", "track"):
    values[key] = one_line(values[key])
  return Entry(**values)


def _read_failures(
  root: pathlib.Path,
) -> tuple[dict[str, str], tuple[str, ...]]:
  """Run name -> why its job ended; and files that cannot be read."""
  reasons: dict[str, str] = {}
  remarks = []
  for path in sorted((root / FAILED).glob("*.json")):
    try:
      content = run_folder.read_json(path)
    except InputError as error:
      remarks.append(_told(error, root))
      continue
    last = content.get("last_line") or "nothing was said"
    code = content.get("exit_code")
    said = one_line(last if code is None else f"exit code {code}: {last}")
    names = content.get("runs")
    for name in names if isinstance(names, list) else []:
      reasons[str(name)] = said
  return reasons, tuple(remarks)


def _told(error: InputError, root: pathlib.Path) -> str:
  """What is wrong, with paths as the sweep's folder has them."""
  text = f"{error.where}: {error.found}"
  return one_line(text.replace(f"{root}/", ""))


def _expected(entry: Entry) -> dict[str, Any]:
  """What results.json must say of a run."""
  out: dict[str, Any] = {"test_tracks": [entry.track]}
  for key in ("setting", "fold", "seed", "model", "ablation"):
    out[key] = getattr(entry, key)
  return out


def _check_one_dataset(
  entries: Sequence[Entry], runs: Mapping[str, Run]
) -> None:
  """Figures of different recordings do not stand in one table.

  Of one recording they do, whatever features were made of it.
  """
  first: dict[str, Run] = {}
  for entry in entries:
    run = runs.get(entry.name)
    if run is None:
      continue
    other = first.setdefault(entry.table, run)
    for key in ("dataset", "recordings_digest", "simulated"):
      ours, theirs = getattr(run, key), getattr(other, key)
      if ours != theirs:
        raise InputError(
          run.path / run_folder.RESULTS,
          f"has {key}={ours!r} in table {entry.table}, "
          f"{other.path / run_folder.RESULTS} has {theirs!r}",
          "compare runs of the same data",
        )
