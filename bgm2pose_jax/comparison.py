"""Tables and figures of many runs: `python -m bgm2pose_jax.comparison`.

    python -m bgm2pose_jax.comparison --sweep=SWEEP

reads what a sweep's runs left so far and writes SWEEP/tables: for each table
Markdown, CSV and LaTeX, and one page, report.html, for all of them.
"""

from __future__ import annotations

import pathlib
import sys

from absl import app, flags

from bgm2pose_jax.errors import InputError

TABLES = "tables"


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  flags.DEFINE_string(
    "sweep",
    None,
    "folder of a sweep: sweep.json, runs/, failed/ (required)",
    flag_values=values,
  )


def write_comparison(root: pathlib.Path) -> list[pathlib.Path]:
  """Writes the tables and the page of a sweep, finished or not.

  Args:
    root: folder of the sweep.

  Returns:
    The files written, below `root/tables`.

  Raises:
    InputError: no sweep there, a list of runs that is not right, runs of
      different data in one table, or a folder that cannot be written.
  """
  # The readers load only now: --help and a wrong flag are quicker.
  from bgm2pose_jax import pairing, seed_tables, sweep_folder
  from bgm2pose_jax.report import comparison_page, comparison_text, page

  sweep = sweep_folder.read_sweep(root)
  tables = seed_tables.build_tables(sweep)
  texts: dict[str, str] = {}
  found = {}
  for table in tables:
    found[table.name] = pairing.differences(sweep, table)
    for ending, write in (
      ("md", comparison_text.markdown),
      ("csv", comparison_text.csv_text),
      ("tex", comparison_text.latex),
    ):
      texts[f"{table.name}.{ending}"] = write(sweep, table, found[table.name])
  texts["report.html"] = comparison_page.render(sweep, tables, found)
  written = []
  for name, text in texts.items():
    path = root / TABLES / name
    try:
      page.write_text(path, text)
    except OSError as error:
      raise InputError(
        path,
        f"cannot be written ({error.strerror})",
        "make room or give rights",
      ) from error
    written.append(path)
  return written


def main(argv: list[str]) -> None:
  """Runs what the flags say; input errors end in one line and code 2."""
  if len(argv) > 1:
    raise app.UsageError(f"unknown argument {argv[1]!r}; see --help")
  try:
    if not flags.FLAGS.sweep:
      raise InputError("--sweep", "is missing", "give the folder of a sweep")
    for path in write_comparison(pathlib.Path(flags.FLAGS.sweep)):
      print(f"wrote {path}")
  except InputError as error:
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  app.run(main)
