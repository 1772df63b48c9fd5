"""Writes a sweep's tables and its page."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from bgm2pose_jax.comparison import page, pairing, seed_tables, sweep_folder
from bgm2pose_jax.comparison import text as text_lib
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.files import whole_file

TABLES = "tables"


def write_comparison(
  root: pathlib.Path, find: Callable[[str], System]
) -> list[pathlib.Path]:
  """Writes the tables and the page of a sweep, finished or not.

  Args:
    root: folder of the sweep.
    find: name of a model -> its system.

  Returns:
    The files written, below `root/tables`.

  Raises:
    InputError: no sweep there, a list of runs that is not right, runs of
      different data in one table, or a folder that cannot be written.
  """
  sweep = sweep_folder.read_sweep(root, find)
  tables = seed_tables.build_tables(sweep)
  texts: dict[str, str] = {}
  found = {}
  for table in tables:
    found[table.name] = pairing.differences(sweep, table)
    for ending, write in (
      ("md", text_lib.markdown),
      ("csv", text_lib.csv_text),
      ("tex", text_lib.latex),
    ):
      texts[f"{table.name}.{ending}"] = write(sweep, table, found[table.name])
  texts["report.html"] = page.render(sweep, tables, found)
  written = []
  for name, text in texts.items():
    path = root / TABLES / name
    whole_file.write_text(path, text)
    written.append(path)
  return written
