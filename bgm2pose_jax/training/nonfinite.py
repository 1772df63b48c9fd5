"""Which windows a loss or a gradient that is not finite came from.

Such updates are left out, and a run stops when there were too many. What to
look at then is in `nonfinite.jsonl` of its folder: every call of the train
step that had one, with its terms, norms and the windows of each step.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.files.json_lines import JsonLines

NAME = "nonfinite.jsonl"


def is_finite(figures: Mapping[str, Any]) -> bool:
  """Whether every figure of a call of the train step is finite."""
  return all(np.isfinite(value).all() for value in figures.values())


def note(
  path: pathlib.Path,
  table: WindowTable,
  first_step: int,
  rows: np.ndarray,
  figures: Mapping[str, Any],
) -> None:
  """Writes down one call of the train step.

  A run that goes on from before it writes the same line again, not a second.

  Args:
    path: the file.
    table: windows.
    first_step: number of the call's first step, from 1.
    rows: int [step, batch] of the table, what each step saw.
    figures: means over the call's steps.

  Raises:
    InputError: the file cannot be written.
  """
  last_step = first_step + len(rows) - 1
  with JsonLines(path) as file:
    file.truncate_after_step(first_step - 1)
    file.write(
      {
        "step": last_step,
        "first_step": first_step,
        "figures": figures,
        "batches": [_windows(table, batch) for batch in rows],
      }
    )
  logging.warning(
    "steps %d to %d: a loss or gradient was not finite; their windows are in "
    "%s",
    first_step,
    last_step,
    path,
  )


def _windows(table: WindowTable, batch: Sequence[int]) -> list[str]:
  """`<recording>:<window>` of each row of a batch."""
  return [
    f"{table.recordings[table.recording[row]]}:{table.window_index[row]}"
    for row in batch
  ]
