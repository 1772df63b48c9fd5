"""What a system says of a finished run, on the terminal and on its page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Results = Mapping[str, Any]
Lines = Sequence[Mapping[str, Any]]
Arrays = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
  """Text and page of a run.

  Attributes:
    text: content of results.json -> the table for the terminal.
    page: (content of results.json, lines of metrics.jsonl, arrays of
      predictions.npz) -> HTML of report.html, by `report.page.render`.
  """

  text: Callable[[Results], str]
  page: Callable[[Results, Lines, Arrays], str]
