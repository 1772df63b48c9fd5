"""`clips.csv`: how a user describes a motion capture folder.

The table lies in the folder itself. It has one line per file; files that it
does not list are read with automatic values, and so is every cell left empty.

| column | meaning |
|---|---|
| `file` | required: path inside the folder, with `/` |
| `subject` | who moves; default: the file's folder |
| `description` | what they do, free text |
| `action` | which kind of action it is: clips that share it show the same |
| `fps_true` | frames per second, where the file's header is wrong |
| `unit_scale_m` | metres per unit of the file |
| `valid_ranges` | frames to use, `start-stop`, stop exclusive, `;` between |
| `floor_y_m` | height of the floor in metres, after scaling |
| `frames` | frame count of the file, checked against it |
| `up_axis` | axis that points up in the file: `x`, `y`, `z`, `-x`, `-y`, `-z` |

Other columns are the user's own notes, unless one looks like a misspelling.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import math
import os
import pathlib
import re

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files.text_file import clip_text, lines, read_bytes
from bgm2pose_jax.poses.cleaning import UP_AXES

TABLE_NAME = "clips.csv"
COLUMNS = (
  "file",
  "subject",
  "description",
  "action",
  "fps_true",
  "unit_scale_m",
  "valid_ranges",
  "floor_y_m",
  "frames",
  "up_axis",
)
# Columns in use elsewhere whose names come close to ours.
_NOTES = ("fps_header", "valid_s")
_MAX_BYTES = 16 * 2**20
_MAX_ROWS = 100_000
_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})")
_SUBJECT = re.compile(r"\w[\w .-]{0,79}")


@dataclasses.dataclass(frozen=True)
class ClipRow:
  """One line of the table; None stands for "find it yourself".

  Attributes:
    where: table and line, for messages.
    file: path relative to the folder, with `/`.
    subject: person, or None.
    description: free text, may be empty.
    action: the kind of action, may be empty.
    rate_hz: true frames per second, or None.
    unit_m: metres per file unit, or None.
    ranges: frame ranges (start, stop), or None.
    floor_m: floor height in metres, or None.
    frames: frame count the file must have, or None.
    up_axis: one of `cleaning.UP_AXES`, or None.
  """

  where: str
  file: str
  subject: str | None = None
  description: str = ""
  action: str = ""
  rate_hz: float | None = None
  unit_m: float | None = None
  ranges: tuple[tuple[int, int], ...] | None = None
  floor_m: float | None = None
  frames: int | None = None
  up_axis: str | None = None


def read_clip_table(folder: str | pathlib.Path) -> dict[str, ClipRow]:
  """Reads `clips.csv` of a folder, if there is one.

  Args:
    folder: where motion files and table lie.

  Returns:
    file -> ClipRow in the table's order; empty without a table.

  Raises:
    InputError: a column missing or misspelt, a file absent, listed twice or
      outside the folder, or a value that makes no sense. The message names
      the line and the column.
  """
  folder = pathlib.Path(folder)
  path = folder / TABLE_NAME
  if not os.path.lexists(path):
    return {}
  data = read_bytes(path, max_bytes=_MAX_BYTES)
  text = [row.decode("utf-8", "replace") for _, row in lines(data, path)]
  reader = csv.reader(text, strict=True)
  rows: dict[str, ClipRow] = {}
  header: list[str] | None = None
  try:
    for cells in reader:
      where = f"{path} line {reader.line_num}"
      cells = [cell.strip() for cell in cells]
      if not any(cells):
        continue
      if header is None:
        header = _checked_header(where, cells)
        continue
      if len(cells) != len(header):
        raise InputError(
          where,
          f"{len(cells)} cells where the header has {len(header)}",
          "put quotes around text with commas",
        )
      row = _row(where, folder, dict(zip(header, cells)))
      if row.file in rows or len(rows) >= _MAX_ROWS:
        raise InputError(
          where, f"'{clip_text(row.file)}' again", "list each file once"
        )
      rows[row.file] = row
  except csv.Error as error:
    raise InputError(
      f"{path} line {reader.line_num}", f"{error}", "save it as plain CSV"
    ) from error
  return rows


def _checked_header(where: str, cells: list[str]) -> list[str]:
  names = [cell.lower() for cell in cells]
  if "file" not in names:
    if len(cells) == 1 and ";" in cells[0]:
      raise InputError(
        where,
        "cells separated by ';', as beside decimal commas",
        "save it with decimal points and commas between cells",
      )
    found = clip_text(", ".join(cells))
    raise InputError(where, f"no column 'file' in: {found}", "add it")
  for name in names:
    if name and names.count(name) > 1:
      raise InputError(where, f"column '{clip_text(name)}' twice", "drop one")
    if name in COLUMNS or name in _NOTES:
      continue
    if close := difflib.get_close_matches(name[:80], COLUMNS, 1, 0.8):
      raise InputError(
        where,
        f"unknown column '{clip_text(name)}'",
        f"call it '{close[0]}', or rename a column of your own",
      )
  return names


def _row(where: str, folder: pathlib.Path, cells: dict[str, str]) -> ClipRow:
  subject = cells.get("subject") or None
  if subject is not None and not _SUBJECT.fullmatch(subject):
    raise InputError(
      where,
      f"subject '{clip_text(subject)}'",
      "use letters, digits, '_', '-', '.' and blanks",
    )
  frames = _number(where, cells, "frames", 1, 1e9)
  if frames is not None and frames != int(frames):
    raise InputError(where, f"frames {frames:g}", "give a whole number")
  return ClipRow(
    where=where,
    file=_checked_file(where, folder, cells["file"]),
    subject=subject,
    description=clip_text(cells.get("description", ""), 300),
    action=clip_text(cells.get("action", ""), 80),
    rate_hz=_number(where, cells, "fps_true", 1.0, 10_000.0),
    unit_m=_number(where, cells, "unit_scale_m", 1e-6, 100.0),
    ranges=_ranges(where, cells.get("valid_ranges", "")),
    floor_m=_number(where, cells, "floor_y_m", -1000.0, 1000.0),
    frames=None if frames is None else int(frames),
    up_axis=_up_axis(where, cells.get("up_axis", "")),
  )


def _up_axis(where: str, text: str) -> str | None:
  axis = text.lower().replace("+", "").replace("\N{MINUS SIGN}", "-")
  if axis and axis not in UP_AXES:
    raise InputError(
      where,
      f"up_axis '{clip_text(text)}'",
      f"give {', '.join(UP_AXES)}, or leave the cell empty",
    )
  return axis or None


def _number(
  where: str, cells: dict[str, str], column: str, low: float, high: float
) -> float | None:
  text = cells.get(column, "")
  if not text:
    return None
  try:
    value = math.nan if "_" in text else float(text)
  except ValueError:
    value = math.nan
  if not low <= value <= high:
    raise InputError(
      where,
      f"{column} '{clip_text(text)}'",
      f"give a number from {low:g} to {high:g}, or leave the cell empty",
    )
  return value


def _ranges(where: str, text: str) -> tuple[tuple[int, int], ...] | None:
  if not text:
    return None
  ranges: list[tuple[int, int]] = []
  for part in text.split(";"):
    match = _RANGE.fullmatch(part.strip())
    start, stop = map(int, match.groups()) if match else (0, 0)
    if stop - start < 2 or (ranges and start < ranges[-1][1]):
      raise InputError(
        where,
        f"valid_ranges '{clip_text(part)}'",
        "give ascending start-stop pairs of two frames or more, ';' between",
      )
    ranges.append((start, stop))
  return tuple(ranges)


def _checked_file(where: str, folder: pathlib.Path, text: str) -> str:
  """Accepts only a path to a file that really lies in the folder."""
  name = pathlib.PurePosixPath(text)
  inside = (
    text
    and "\\" not in text
    and text.isprintable()
    and not name.is_absolute()
    and not pathlib.PureWindowsPath(text).drive
    and ".." not in name.parts
  )
  target = folder.joinpath(name) if inside else folder
  try:
    # Links may not lead out of the folder either.
    inside = inside and target.resolve().is_relative_to(folder.resolve())
    exists = inside and target.is_file()
  except (OSError, RuntimeError):
    inside = exists = False
  if not inside:
    raise InputError(
      where,
      f"file '{clip_text(text)}' is not a path inside the folder",
      "give it relative to the folder, with '/'",
    )
  if not exists:
    raise InputError(
      where, f"no file '{clip_text(text)}'", "add the file or drop the line"
    )
  return name.as_posix()
