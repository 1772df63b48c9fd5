"""Checks checkpoints against the sums in their seals.

    bgm2pose audit --checkpoint=RUN
    bgm2pose audit --checkpoint=RUN --arrays=FILE.npz

Exit code 0: all are as they were saved; 1: some are not; 2: there is nothing to
check.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from absl import flags

from bgm2pose_jax.base import command
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.state import audit

HELP = Help(
  "bgm2pose audit",
  __doc__ or "",
  {REQUIRED: ("checkpoint",), "Arrays": ("arrays",)},
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  flags.DEFINE_string(
    "checkpoint",
    None,
    "work folder of a run, its checkpoints, or one step: all its steps",
    flag_values=values,
  )
  flags.DEFINE_string(
    "arrays",
    None,
    "a .npz of arrays under the checkpoint's names (params/...), to be "
    "compared with the newest step's, or the one given",
    flag_values=values,
  )


def main(argv: Sequence[str]) -> None:
  """Prints a table; one line and exit status 2 on unusable input."""
  values = flags.FLAGS
  with command.ending():
    command.no_arguments(argv)
    command.require(values, "checkpoint")
    lines, status = audit.run(values.checkpoint, values.arrays)
    print("\n".join(lines))
  sys.exit(status)


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
