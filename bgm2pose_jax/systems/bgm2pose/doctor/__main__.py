"""Is a folder of recordings, or of motion, fit to learn from?

    bgm2pose doctor FOLDER
    bgm2pose doctor --dir=FOLDER --align=all --json=FILE

Names everything that is missing or wrong in it, raw or released layout, with
the fix. Of a folder of motion captures, as `--mocap_dir` takes it, it says
what each file is taken for, and which lines of clips.csv would mend it.

Exit status: 0 without errors, 1 with errors in the data, 2 for a command that
cannot run. Nothing in the folder is changed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from bgm2pose_jax.base import command, local_path
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import Help
from bgm2pose_jax.files.whole_file import write_text
from bgm2pose_jax.systems.bgm2pose import command_flags
from bgm2pose_jax.systems.bgm2pose.doctor import clock_checks, screen
from bgm2pose_jax.systems.bgm2pose.doctor.examine import examine

HELP = Help(
  "bgm2pose doctor",
  __doc__ or "",
  {
    "What to check": (
      "dir",
      "align",
    ),
    "Channels of the recordings": (
      "left",
      "channel_order",
      "ambisonic_format",
    ),
    "Output": (
      "json",
      "lines",
    ),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  flags.DEFINE_string(
    "dir",
    None,
    "folder to look over; may be given without the flag",
    flag_values=values,
  )
  flags.DEFINE_enum(
    "align",
    "sample",
    clock_checks.MODES,
    "which recordings are aligned with their music, 2 to 4 s a minute of sound:"
    " none, sample (one a track) or all",
    flag_values=values,
  )
  command_flags.left(values)
  command_flags.channel_order(values, None)
  command_flags.ambisonic_format(
    values, "what the simulator's scene says, or not known"
  )
  flags.DEFINE_string(
    "json", None, "file to write all findings to", flag_values=values
  )
  flags.DEFINE_integer(
    "lines",
    5,
    "findings shown of each kind; the rest is counted",
    lower_bound=1,
    flag_values=values,
  )


def run(values: flags.FlagValues, argv: Sequence[str]) -> tuple[str, int]:
  """Does what the flags say.

  Args:
    values: the flags.
    argv: the command and what is no flag.

  Returns:
    The text to print and the exit status, 0 or 1.

  Raises:
    InputError: no folder, or a file that cannot be written.
  """
  given = [*argv[1:], *([values.dir] if values.dir else [])]
  if len(given) != 1:
    raise InputError(
      "doctor",
      f"{len(given)} folders given",
      "give one: python -m bgm2pose_jax.doctor FOLDER",
    )
  local_path.check("json", values.json)
  diagnosis = examine(
    given[0],
    align=values.align,
    left=values.left,
    order=values.channel_order,
    gains=values.ambisonic_format,
  )
  if values.json:
    write_text(Path(values.json), screen.to_json(diagnosis))
  return screen.render(diagnosis, values.lines), int(diagnosis.errors > 0)


def main(argv: Sequence[str]) -> None:
  """Examines; one line and exit status 2 for a command that cannot run."""
  with command.ending():
    text, status = run(flags.FLAGS, argv)
    print(text)
  sys.exit(status)


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
