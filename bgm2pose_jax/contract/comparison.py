"""What tables of many runs need to know of a system."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
  """Tables of many runs.

  Attributes:
    titles: {name of a table: its title}, in the order of the page.
    whole: (model, ablation) of the row that others are compared with.
  """

  titles: Mapping[str, str]
  whole: tuple[str, str]
