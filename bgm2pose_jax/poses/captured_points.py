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
    rate_hz: frames per second by the file's header; NaN if it does not say.
    unit_m: metres per unit by the file's header, None if it does not say.
    visibility: float64 [time, point], 0 to 1, how sure the capture is that it
      sees a point, NaN where it does not say; None where it never does.
    time_s: float64 [time], ascending, seconds of each frame by a clock of the
      capture's own; None where frames are evenly spaced.
    rate_by_time_hz: frames per second by a column of times, where the file has
      one beside its rate; they may differ.
    usual_unit: the unit that such files are usually written in, a key of
      `cleaning.KNOWN_UNITS_M`; it decides where two units fit. None for no
      usual one.
    warnings: what a person should know of how the file was read, a sentence
      each.
  """

  names: tuple[str, ...]
  positions: np.ndarray
  rate_hz: float
  unit_m: float | None = None
  visibility: np.ndarray | None = None
  time_s: np.ndarray | None = None
  rate_by_time_hz: float | None = None
  usual_unit: str | None = None
  warnings: tuple[str, ...] = ()
