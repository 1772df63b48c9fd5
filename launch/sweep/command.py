"""Trains many runs and fills the tables of a paper.

    bgm2pose sweep --table=main --out=sweeps/main --workers=2
    bgm2pose sweep --grid network.width=0.125,0.25 --out=sweeps/width
    bgm2pose sweep --out=sweeps/main --status

Any flag of `bgm2pose train` that the sweep does not set itself is handed on to
every run. The same command goes on where the last one stopped.
"""

from __future__ import annotations

import pathlib
import shlex
import sys
from collections.abc import Mapping, Sequence

from absl import flags, logging

from bgm2pose_jax import main as main_command
from bgm2pose_jax.base import command, local_path, log_lines
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.comparison.entries import GRID
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.systems import registry
from launch.sweep import book as book_lib
from launch.sweep import engines, expansion, status, tables
from launch.sweep.book import Book

DEFAULT_SEEDS = ("0", "1", "2")

_TABLE = flags.DEFINE_enum(
  "table",
  None,
  list(dict.fromkeys(t for s in registry.SYSTEMS for t in s.sweep.tables)),
  "the table to fill, of the paper of the models",
)
_OUT = flags.DEFINE_string("out", None, "folder of the sweep")
_GRID = flags.DEFINE_multi_string(
  "grid",
  [],
  "name=v1,v2, repeatable: every combination; a name with a dot is a field of "
  "the configuration, any other a flag of the main command",
)
# What `contract.sweep.Sweep` calls axes and places, of all systems.
_LISTS = {
  name: flags.DEFINE_list(
    f"{name}s", None, f"only the runs with one of these values of --{name}"
  )
  for name in dict.fromkeys(
    name
    for system in registry.SYSTEMS
    for name in (*system.sweep.axes, system.sweep.place_flag)
    if name
  )
}
_GROUP = flags.DEFINE_bool(
  "group",
  False,
  "runs that differ in fold and seed alone share one command, windows and "
  "compiled programs",
)
_DRY_RUN = flags.DEFINE_bool(
  "dry_run", False, "print the commands, write and start nothing"
)
_STATUS = flags.DEFINE_bool(
  "status", False, "say where the sweep in --out stands, start nothing"
)


HELP = Help(
  "bgm2pose sweep",
  __doc__ or "",
  {
    REQUIRED: ("out",),
    "Which runs": (
      *("table", "grid", "seeds", "folds"),
      *(f"{name}s" for name in _LISTS),
      "group",
    ),
    "Look before you start": ("dry_run", "status"),
    **engines.FLAG_GROUPS,
  },
  # The rest is the main command's, and is handed on.
  only=True,
)


def find_system(grid: tables.Grid) -> System:
  """The system of the models that the flags name, or else of the table.

  Args:
    grid: the grid from `tables.parse_grid`.

  Raises:
    InputError: for a model of no system.
  """
  models = _LISTS["model"].value or grid.get("model")
  if models:
    return registry.of_model(models[0])
  found = [s for s in registry.SYSTEMS if _TABLE.value in s.sweep.tables]
  return (*found, *registry.SYSTEMS)[0]


def base_flags(system: System) -> list[str]:
  """Returns the main command's flags as given, for every run alike.

  Args:
    system: the system of the runs.

  Raises:
    InputError: for a flag that the sweep sets itself.
  """
  owned = tables.owned(system.sweep)
  made = []
  for name in main_command.flag_names():
    flag = flags.FLAGS[name]
    if not flag.present or name in ("seeds", "folds"):
      continue
    if name in owned:
      raise InputError(
        f"--{name}={flag.value}", "is the sweep's to set", owned[name]
      )
    # A repeatable flag comes as one line each.
    made += flag.serialize().splitlines()
  return made


def make_book(folder: pathlib.Path) -> Book:
  """Makes the book that the flags ask for; writes nothing.

  Flags that say nothing of the runs mean the sweep already in the folder.

  Args:
    folder: OUT.

  Raises:
    InputError: for flags or data that cannot make a sweep.
  """
  grid = tables.parse_grid(_GRID.value)
  system = find_system(grid)
  shared = base_flags(system)
  chosen = (_TABLE, _GRID, *_LISTS.values(), _GROUP)
  values = flags.FLAGS
  is_new = (
    any(holder.value for holder in chosen)
    or shared
    or values["seeds"].present
    or values["folds"].present
  )
  if not is_new:
    if (folder / book_lib.BOOK).exists():
      return book_lib.read(folder)
    raise InputError(
      "the sweep", "has no run", "give --table, or --grid and flags of a run"
    )
  lists = {name: holder.value for name, holder in _LISTS.items()}
  _check_known(system, lists)
  cells = tables.make_cells(system.sweep, _TABLE.value, grid, lists)
  cells = _without_given(cells, shared)
  seeds = values.seeds if values["seeds"].present else DEFAULT_SEEDS
  runs = expansion.expand(
    system,
    _TABLE.value or GRID,
    cells,
    seeds=_numbers("seeds", seeds),
    folds=_numbers("folds", values.folds) if values["folds"].present else None,
    places=lists.get(system.sweep.place_flag),
  )
  return book_lib.make(folder, runs, shared, group=_GROUP.value)


def _check_known(
  system: System, lists: Mapping[str, Sequence[str] | None]
) -> None:
  """Refuses lists that are of other systems' runs."""
  for name, values in lists.items():
    if values and name not in (*system.sweep.axes, system.sweep.place_flag):
      raise InputError(
        f"--{name}s={','.join(values)}", f"{system.name} has none", "drop it"
      )


def _without_given(
  cells: Sequence[tables.Cell], shared: Sequence[str]
) -> list[tables.Cell]:
  """Leaves out cells that set a flag which all runs share; not all of them."""

  def key(flag: str) -> str:
    parts = flag.split("=")
    return "=".join(parts[:2] if parts[0] == "--set" else parts[:1])

  given = {key(flag): flag for flag in shared}
  twice = [[f for f in cell.flags if key(f) in given] for cell in cells]
  if all(twice):
    flag = twice[0][0]
    raise InputError(
      given[key(flag)], f"the sweep sets it too, to {flag}", "drop one"
    )
  return [cell for cell, flags in zip(cells, twice) if not flags]


def _numbers(name: str, given: Sequence[str]) -> list[int]:
  if not given or not all(text.isdecimal() for text in given):
    raise InputError(
      f"--{name}={','.join(given)}",
      "is no list of numbers",
      f"write --{name}=0,1,2",
    )
  numbers = [int(text) for text in given]
  if len(set(numbers)) < len(numbers):
    raise InputError(
      f"--{name}={','.join(given)}", "names one twice", "name each once"
    )
  return numbers


def _print_commands(book: Book) -> None:
  parts = [
    runs
    for job in book.jobs
    for runs in book_lib.products(book.unfinished(job))
  ]
  for runs in parts:
    print(shlex.join(book_lib.command(book, runs)))
  print(
    f"{len(book.runs)} runs in {len(book.jobs)} jobs, {len(parts)} commands to "
    "do; nothing was written or started"
  )


def _open_folder() -> pathlib.Path:
  if not _OUT.value:
    raise InputError("--out", "is missing", "name the folder of the sweep")
  local_path.check("out", _OUT.value)
  for name in ("workdir", "data_dir"):
    local_path.check(name, flags.FLAGS[name].value)
  if "{" in _OUT.value:
    raise InputError(
      f"--out={_OUT.value}", "has a brace, as patterns have", "give another"
    )
  # Workers may start elsewhere.
  return pathlib.Path(_OUT.value).resolve()


def main(argv: Sequence[str]) -> None:
  """Does what the flags say; input errors end in one line and code 2."""
  with command.ending():
    command.no_arguments(argv)
    folder = _open_folder()
    if _STATUS.value:
      book = book_lib.read(folder)
      print(status.render(status.look(book), flags.FLAGS.workers))
      print(status.write_tables(book))
      return
    book = make_book(folder)
    if _DRY_RUN.value:
      _print_commands(book)
      engines.show(book)
      return
    plan = engines.plan(book)
    book_lib.save(book)
    try:
      is_whole = engines.start(book, plan)
    except KeyboardInterrupt:
      print("stopped; the same command goes on", file=sys.stderr)
      sys.exit(command.INTERRUPTED)
  sys.exit(0 if is_whole else 1)


def run() -> None:
  """Entry point of `python -m launch.sweep`."""
  log_lines.show_from(logging.INFO)
  command.start(main, HELP)
