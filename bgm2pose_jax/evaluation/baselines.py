"""What a baseline gives: predictions that stand beside every model's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Prediction:
  """What one baseline predicts for the test windows.

  Attributes:
    values: float32 [n, ...], as the target.
    facts: JSON-ready entries for results.json, such as ridge's alpha.
    parameters: numbers fitted.
  """

  values: np.ndarray
  facts: Mapping[str, Any]
  parameters: int
