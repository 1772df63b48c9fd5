"""Rows of numbers from comma-separated text, with missing cells as NaN."""

from __future__ import annotations

import csv
import math

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text

# A kilometre in millimetres: no room is larger.
_LARGEST = 1e6
# Nine hours at 120 frames a second; a row of one cell takes fifty times its
# text in memory.
MAX_ROWS = 4_000_000
_ENGLISH = "export it with decimal points and commas between cells"


def header_cells(where: object, line: int, row: bytes) -> list[str]:
  """Splits one header line, honouring quotes; cells without outer blanks.

  Raises:
    InputError: quotes that do not close or a cell beyond the csv module's
      limit.
  """
  try:
    cells = next(csv.reader([row.decode("utf-8", "replace")], strict=True), [])
  except csv.Error as error:
    raise InputError(
      f"{where} line {line}",
      f"not comma-separated text ({error})",
      "export the CSV file again",
    ) from error
  if row.count(b";") > row.count(b","):
    raise InputError(
      f"{where} line {line}",
      "cells separated by ';', as beside decimal commas",
      _ENGLISH,
    )
  return [cell.strip() for cell in cells]


def read_rows(
  where: object,
  rows,
  num_cells: int,
  columns,
  *,
  free: int = 0,
  words_in_free: bool = False,
) -> np.ndarray:
  """Reads the remaining lines.

  Args:
    where: the file, for messages.
    rows: iterator of (line number, line).
    num_cells: cells that every line must have.
    columns: cell indices to return, in that order.
    free: how many of them, from the last, are no positions: their numbers may
      be of any size.
    words_in_free: whether these may hold words too, which become NaN.

  Returns:
    float64 [row, column]; NaN for an empty or `nan` cell.

  Raises:
    InputError: no rows, a row with another number of cells (a truncated
      file), or a cell that is neither empty nor a number of sensible size.
  """
  values: list[np.ndarray] = []
  lines: list[int] = []
  whole = list(columns) == list(range(num_cells))
  for line, row in rows:
    if not row.strip():
      continue
    cells = row.split(b",")
    if len(values) == MAX_ROWS:
      raise InputError(
        f"{where} line {line}",
        f"more than {MAX_ROWS} rows",
        "split the take into shorter files",
      )
    if len(cells) != num_cells:
      found = f"{len(cells)} cells where the header has {num_cells}"
      fix = "copy or export the file again (it may be truncated)"
      if b'"' in row or b";" in row:
        found, fix = f"{found}: decimal commas", _ENGLISH
      raise InputError(f"{where} line {line}", found, fix)
    if not whole:
      cells = [cells[i] for i in columns]
    try:
      # Python's float() would also take `1_000`.
      numbers = list(map(float, cells)) if b"_" not in row else None
    except ValueError:
      numbers = None
    if numbers is not None:
      values.append(np.array(numbers))
    else:
      strict = len(cells) - free * words_in_free
      values.append(
        np.array(
          [
            _value_or_missing(where, line, cell, is_free=i >= strict)
            for i, cell in enumerate(cells)
          ]
        )
      )
    lines.append(line)
  if not values:
    raise InputError(where, "no rows of data", "export the file again")
  table = np.stack(values)
  bad = np.abs(table[:, : table.shape[1] - free]) > _LARGEST
  if bad.any():
    first = int(np.argmax(bad.any(axis=1)))
    raise InputError(
      f"{where} line {lines[first]}",
      f"a position of {table[first, int(np.argmax(bad[first]))]:g}",
      "export the file again",
    )
  return table


def _value_or_missing(
  where: object, line: int, cell: bytes, *, is_free: bool
) -> float:
  text = cell.decode("utf-8", "replace").strip()
  if not text:
    return math.nan
  try:
    if "_" not in text:
      return float(text)
  except ValueError:
    pass
  if is_free:
    return math.nan
  raise InputError(
    f"{where} line {line}",
    f"'{clip_text(text)}' is not a number",
    "correct the cell or export the file again",
  )
