"""The folder of a sweep: what was asked for, and what each run left.

Each run of `sweep.json` has a folder `runs/<name>`, and a job that
broke leaves `failed/<job>.json`. Predictions are read run by run and reduced
to sums at once, so that a hundred runs need the memory of one.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.comparison.entries import SWEEP, Entry, read_entries
from bgm2pose_jax.comparison.finished_run import Run, one_line, read_run
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.contract.system import System

RUNS = "runs"
FAILED = "failed"


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
    system: the system of all its runs.
    entries: lines of `sweep.json`.
    runs: name -> what a finished run left.
    absent: name -> why there is nothing, for all other runs.
    remarks: what else could not be read, one line each.
  """

  root: pathlib.Path
  system: System
  entries: tuple[Entry, ...]
  runs: Mapping[str, Run]
  absent: Mapping[str, Absent]
  remarks: tuple[str, ...]

  @property
  def place_name(self) -> str:
    """What the system calls a place, in the singular."""
    keys = self.system.sweep.keys
    return keys[-1] if keys else "place"


def read_sweep(root: pathlib.Path, find: Callable[[str], System]) -> Sweep:
  """Reads a sweep's folder.

  Args:
    root: holds `sweep.json`.
    find: name of a model -> its system.

  Raises:
    InputError: no `sweep.json`, or one that is not right; runs of different
      data in one table.
  """
  system, entries = read_entries(root / SWEEP, find)
  failures, remarks = _read_failures(root)
  runs: dict[str, Run] = {}
  absent: dict[str, Absent] = {}
  for entry in entries:
    if entry.name in runs or entry.name in absent:
      continue
    folder = root / RUNS / entry.name
    if (folder / run_folder.RESULTS).exists():
      try:
        runs[entry.name] = read_run(folder, _expected(system, entry), system)
      except InputError as error:
        found = _told(error, root)
        absent[entry.name] = Absent("cannot be used", found)
    elif entry.name in failures:
      absent[entry.name] = Absent("failed", failures[entry.name])
    else:
      absent[entry.name] = Absent("not there", "")
  _check_one_dataset(entries, runs)
  return Sweep(root, system, entries, runs, absent, remarks)


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


def _expected(system: System, entry: Entry) -> dict[str, Any]:
  """What results.json must say of a run."""
  common = ("fold", "seed", "model", "ablation")
  return {
    **system.comparison.expected(entry.keys),
    **{key: getattr(entry, key) for key in common},
  }


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
