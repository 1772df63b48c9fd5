"""What the caches hold, and a limit for it.

    bgm2pose cache
    bgm2pose cache --limit_gb=5

The first lists prepared data, simulated recordings and compiled programs, the
longest unused first. The second removes from the top of that list until the
rest fits. All of it is made again when it is needed; what a running process
makes, or has used within the last hour, stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from bgm2pose_jax.base import command, local_path
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.base.help_text import Help
from bgm2pose_jax.data import kept, prepared

_GB = 1e9


HELP = Help(
  "bgm2pose cache",
  __doc__ or "",
  {
    "Flags": (
      "data_dir",
      "limit_gb",
    ),
  },
)


def define_flags(values: flags.FlagValues) -> None:
  """Adds the command line's flags to `values`."""
  flags.DEFINE_string(
    "data_dir",
    None,
    "the cache to look at, as given to other commands (default: bgm2pose_jax "
    "in the user's cache folder)",
    flag_values=values,
  )
  flags.DEFINE_float(
    "limit_gb",
    None,
    "remove the longest unused until this many GB are left; 0 removes all that "
    "is not in use",
    lower_bound=0.0,
    flag_values=values,
  )


def run(values: flags.FlagValues) -> list[str]:
  """Does what the flags say and returns the lines to print.

  Args:
    values: the flags.

  Raises:
    InputError: no such folder.
  """
  given = local_path.check("data_dir", values.data_dir)
  folder = Path(given) if given else prepared.default_data_dir()
  if given and not folder.is_dir():
    raise InputError(f"--data_dir={given}", "is no folder", "name the cache")
  items = kept.look(folder)
  if values.limit_gb is None:
    return [*_listed(folder, items), _sum(folder, items)]
  if not values.limit_gb < 1e9:
    raise InputError(
      f"--limit_gb={values.limit_gb}", "is no size", "give gigabytes, e.g. 5"
    )
  limit = round(values.limit_gb * _GB)
  removed = kept.shrink(items, limit)
  left = [item for item in items if item not in removed]
  lines = [f"removed {_row(folder, item)}" for item in removed]
  lines.append(_sum(folder, left))
  if sum(item.size_bytes for item in left) > limit:
    lines.append("what is left is in use; the limit holds when that has ended")
  return lines


def _listed(folder: Path, items: Sequence[kept.Item]) -> list[str]:
  programs = [item for item in items if item.kind == kept.COMPILED]
  lines = [
    f"{_row(folder, item)}  {'in use' if kept.is_in_use(item) else 'may go'}"
    for item in items
    if item.kind != kept.COMPILED
  ]
  if programs:
    whole = _columns(
      sum(item.size_bytes for item in programs),
      programs[0].unused_s,
      kept.COMPILED,
      f"compiled ({len(programs)} files, each by itself)",
    )
    lines.append(f"{whole}  may go")
  return lines


def _row(folder: Path, item: kept.Item) -> str:
  name = str(item.path.relative_to(folder))
  return _columns(item.size_bytes, item.unused_s, item.kind, name)


def _columns(size_bytes: int, unused_s: float, kind: str, name: str) -> str:
  return f"{_size(size_bytes):>9}  {_age(unused_s):>9}  {kind:<10}  {name}"


def _sum(folder: Path, items: Sequence[kept.Item]) -> str:
  return f"{_size(sum(item.size_bytes for item in items))} in {folder}"


def _size(size_bytes: int) -> str:
  if size_bytes >= 1e7:
    return f"{size_bytes / _GB:.2f} GB"
  return f"{size_bytes / 1e6:.2f} MB"


def _age(seconds: float) -> str:
  if seconds >= 2 * 86400:
    return f"{seconds / 86400:.0f} days"
  return f"{seconds / 3600:.1f} h"


def main(argv: Sequence[str]) -> None:
  """Lists or shrinks; one line and exit status 2 on unusable input."""
  with command.ending():
    command.no_arguments(argv)
    print("\n".join(run(flags.FLAGS)))


if __name__ == "__main__":
  define_flags(flags.FLAGS)
  command.start(main, HELP)
