"""One run of a sweep, as data."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of the main command.

  Attributes:
    name: of its work folder, log and claim.
    table: of the sweep, or `grid`.
    row, column: labels of its cell.
    setting, track, fold, seed, model, ablation: what it is.
    flags: of the main command, besides those all runs share and the folder.
  """

  name: str
  table: str
  row: str
  column: str
  setting: str
  track: str
  fold: int
  seed: int
  model: str
  ablation: str
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
