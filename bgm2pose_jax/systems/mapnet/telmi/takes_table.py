"""`takes.csv` beside datapacks: who plays what in each."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file
from bgm2pose_jax.files.text_file import clip_text

TABLE_NAME = "takes.csv"
_COLUMNS = ("datapack", "player", "technique")
_MAX_BYTES = 4 << 20


def read_table(folder: Path) -> dict[str, tuple[str, str]]:
  """Reads `takes.csv` beside the datapacks, if there is one.

  Args:
    folder: the folder that holds the datapacks.

  Returns:
    {datapack: (player, technique)}; an empty cell says nothing.

  Raises:
    InputError: another header, a row of another length, a datapack listed
      twice, or no text.
  """
  path = folder / TABLE_NAME
  if not os.path.lexists(path):
    return {}
  data = text_file.read_bytes(path, max_bytes=_MAX_BYTES)
  fix = f"write the columns {','.join(_COLUMNS)}, one datapack a line, in UTF-8"
  try:
    text = data.decode("utf-8")
    rows = [
      [cell.strip() for cell in row]
      for row in csv.reader(text.splitlines(), strict=True)
    ]
  except (UnicodeDecodeError, csv.Error) as error:
    raise InputError(path, f"cannot be read ({error})", fix) from None
  rows = [row for row in rows if any(row)]
  header = [cell.lower() for cell in rows[0]] if rows else []
  if sorted(header) != sorted(_COLUMNS):
    raise InputError(
      path, f"has the columns {clip_text(', '.join(header))}", fix
    )
  table: dict[str, tuple[str, str]] = {}
  for row in rows[1:]:
    if len(row) != len(header):
      raise InputError(path, f"has a row {clip_text(','.join(row))!r}", fix)
    cells = dict(zip(header, row))
    name = cells["datapack"].removesuffix(".zip")
    if name in table:
      raise InputError(path, f"lists '{clip_text(name)}' twice", fix)
    table[name] = (clip_text(cells["player"]), clip_text(cells["technique"]))
  return table


def warn_of_absent(table: dict[str, tuple[str, str]], names: set[str]) -> None:
  """Says which rows of the table name no datapack that is there."""
  if absent := sorted(set(table) - names):
    shown = ", ".join(clip_text(name) for name in absent[:5])
    logging.warning(
      "%s: %d rows name no datapack (%s)", TABLE_NAME, len(absent), shown
    )
