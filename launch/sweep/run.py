"""One run of a sweep, as data."""

from __future__ import annotations

import dataclasses
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.comparison.entries import Entry, read_line


@dataclasses.dataclass(frozen=True)
class Run(Entry):
  """One run of the main command, as `sweep.json` has it.

  Attributes:
    flags: the flags of the main command, besides those all runs share and the
      folder.
  """

  flags: tuple[str, ...]

  @property
  def group(self) -> str:
    """Name of the runs that differ from it in fold and seed alone."""
    return self.name.removesuffix(f"-fold{self.fold}-seed{self.seed}")

  @property
  def group_flags(self) -> list[str]:
    """The flags without those of its fold and seed."""
    own = ("--fold=", "--seed=")
    return [flag for flag in self.flags if not flag.startswith(own)]


def read(where: object, line: Any) -> Run:
  """A run from its line in `sweep.json`.

  Args:
    where: names the line in messages.
    line: a line of any origin.

  Raises:
    InputError: for a line that is not right.
  """
  names = {field.name for field in dataclasses.fields(Run)}
  known = line if isinstance(line, dict) else {}
  keys = [key for key in known if key not in names]
  values = read_line(where, line, keys)
  flags = known.get("flags")
  if not isinstance(flags, list) or not all(isinstance(f, str) for f in flags):
    raise InputError(where, f"has flags={flags!r}", "give another --out")
  return Run(**values, flags=tuple(flags))
