"""What every reader returns: named points over time, in the file's own unit."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class CapturedPoints:
  """Named points of one person over time, before any mapping or cleaning.

  Attributes:
    names: name of each point as in the file.
    positions: float64 [time, point, 3], y up and right-handed, in the file's
      unit; NaN where the capture has no value.
    rate_hz: frames per second by the file's header.
    unit_m: metres per unit by the file's header, None if it does not say.
  """

  names: tuple[str, ...]
  positions: np.ndarray
  rate_hz: float
  unit_m: float | None = None
