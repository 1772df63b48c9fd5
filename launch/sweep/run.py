"""One run of a sweep, as data."""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.comparison.sweep_folder import Entry


@dataclasses.dataclass(frozen=True)
class Run(Entry):
  """One run of the main command, as `sweep.json` has it.

  Attributes:
    flags: of the main command, besides those all runs share and the folder.
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
