"""Tables and figures of many runs.

    bgm2pose compare --sweep=SWEEP

reads what a sweep's runs left so far and writes SWEEP/tables: for each table
Markdown, CSV and LaTeX, and one page, report.html, for all of them.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from absl import flags

from bgm2pose_jax.base import command, given_paths
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.comparison import entries, write_comparison
from bgm2pose_jax.systems import registry

HELP = Help(
  "bgm2pose compare",
  __doc__ or "",
  {
    REQUIRED: ("sweep",),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  flags.DEFINE_string(
    "sweep",
    None,
    "folder of a sweep: sweep.json, runs/, failed/",
    flag_values=values,
  )


def main(argv: Sequence[str]) -> None:
  """Runs what the flags say; input errors end in one line and code 2."""
  with command.ending():
    command.no_arguments(argv)
    values = flags.FLAGS
    if not values.sweep:
      raise InputError("--sweep", "is missing", "give the folder of a sweep")
    given_paths.folders(values, "sweep")
    root = pathlib.Path(values.sweep)
    if not (root / entries.SWEEP).is_file():
      raise InputError(
        f"--sweep={root}",
        f"holds no {entries.SWEEP}",
        "give the --out folder of `bgm2pose sweep`",
      )
    for path in write_comparison(root, registry.of_model):
      print(f"wrote {path}")


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
