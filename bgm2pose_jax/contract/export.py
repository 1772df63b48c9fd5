"""What a trained network of a system becomes for other runtimes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
  """Programs and facts of an export.

  Attributes:
    programs: trained model -> its programs.
  """

  programs: Callable[[Any], list[Any]]
