r"""AMPL's archives -> the folder that --ampl_dir takes.

    bgm2pose extract --archive=AMPL.zip --out=AMPL
    bgm2pose extract --archive=A.zip --archive=B.tar.gz \
      --out=AMPL

Only files of AMPL's layouts are unpacked, and only when the whole archive is
in order; the folder appears when all files are whole.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence

from absl import flags

from bgm2pose_jax.base import command, given_paths, local_path
from bgm2pose_jax.base.help_text import REQUIRED, Help
from bgm2pose_jax.files.archive_members import Limits
from bgm2pose_jax.systems.bgm2pose.ampl import archive, find

_SHOWN = 3


HELP = Help(
  "bgm2pose extract",
  __doc__ or "",
  {
    REQUIRED: (
      "archive",
      "out",
    ),
    "Limits": ("max_gb",),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  flags.DEFINE_multi_string(
    "archive",
    [],
    "zip, tar or tar.gz file; may be given several times",
    flag_values=values,
  )
  flags.DEFINE_string("out", None, "folder to make", flag_values=values)
  flags.DEFINE_float(
    "max_gb",
    Limits().total_bytes / 2**30,
    "GiB that may come out of the archives",
    lower_bound=0.0,
    flag_values=values,
  )


def run() -> None:
  """The command line; prints one line and exits with 2 on unusable input."""
  define_flags(flags.FLAGS)
  command.start(_main, HELP)


def _main(argv: Sequence[str]) -> None:
  values = flags.FLAGS
  with command.ending():
    command.no_arguments(argv)
    command.require(values, "archive", "out")
    given_paths.files(values, "archive")
    local_path.check("out", values.out)
    limits = dataclasses.replace(
      Limits(), total_bytes=round(values.max_gb * 2**30)
    )
    done = archive.extract(values.archive, values.out, limits=limits)
    holds = find.find_dataset(values.out)
  print(
    f"{done.files} files, {done.total_bytes / 1e9:.2f} GB, in {values.out}: "
    f"{holds}"
  )
  for reason, names in done.skipped.items():
    shown = ", ".join(map(ascii, names[:_SHOWN]))
    more = ", ..." if len(names) > _SHOWN else ""
    print(f"left out, {reason}: {len(names)} ({shown}{more})")
  folder = shlex.quote(values.out)
  print(f"next: python -m bgm2pose_jax.main --ampl_dir={folder}")


if __name__ == "__main__":
  run()
