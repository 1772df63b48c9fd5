"""Tables that a sweep can fill with runs of a system."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
  """What a sweep asks of a system.

  Attributes:
    tables: names that `--table` takes.
  """

  tables: tuple[str, ...]
