"""What a system says of a finished run, on the terminal and on its page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.data.table import WindowTable

Results = Mapping[str, Any]
Lines = Sequence[Mapping[str, Any]]
Arrays = Mapping[str, np.ndarray]


def _nothing(table: WindowTable, rows: np.ndarray) -> Arrays:
  del table, rows
  return {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
  """Text and page of a run.

  Attributes:
    text: content of results.json -> the table for the terminal.
    page: (content of results.json, lines of metrics.jsonl, arrays of
      predictions.npz and of `beside`) -> HTML of report.html, by
      `report.page.render`.
    beside: (table, test rows) -> arrays that the page shows and predictions.npz
      does not hold, such as what was heard.
  """

  text: Callable[[Results], str]
  page: Callable[[Results, Lines, Arrays], str]
  # `Any` stands for the system's own subclass of WindowTable.
  beside: Callable[[Any, np.ndarray], Arrays] = _nothing
