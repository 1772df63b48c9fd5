"""Reader of OptiTrack Motive CSV exports.

The first line holds key, value pairs (Format Version, Export Frame Rate,
Length Units, ...). Then header rows follow: Type, Name, ID (and Parent in
newer versions) of each column, whether it is a Rotation or a Position, and
`Frame, Time (Seconds), X, Y, Z, ...`. Only positions of bones are read;
markers, rigid bodies and rotations are left aside.
"""

from __future__ import annotations

import math
import pathlib

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file
from bgm2pose_jax.poses import cell_rows, frame_times
from bgm2pose_jax.poses.captured_points import CapturedPoints

UNITS_M = {
  "meters": 1.0,
  "metres": 1.0,
  "decimeters": 0.1,
  "centimeters": 0.01,
  "millimeters": 0.001,
  "inches": 0.0254,
  "feet": 0.3048,
}
# Motive 3 writes ten; anything longer is no header.
_MAX_HEADER_LINES = 20
_FIX = "export the take from Motive as CSV with bones and global positions"


def looks_like_optitrack(data: bytes) -> bool:
  """Tells whether text starts as Motive's CSV exports do."""
  return data[:64].lstrip(b'" ').lower().startswith(b"format version")


def read_optitrack(
  path: str | pathlib.Path, rate_hz: float | None = None
) -> CapturedPoints:
  """Reads the bones of a Motive CSV export (plain or gzip).

  Args:
    path: the file.
    rate_hz: the true frame rate, where it is known; header and times of the
      file then play no part.

  Returns:
    Points named as in the file (`Skeleton:Hips`), positions in the unit of
    `Length Units`, NaN where a cell is empty, `rate_hz` from `Export Frame
    Rate` (else `Capture Frame Rate`), `rate_by_time_hz` from the column
    `Time (Seconds)`.

  Raises:
    InputError: not a Motive export, no bones, local coordinates, an unknown
      unit, no frame rate, a truncated or non-numeric row. The message names
      file and line.
  """
  data = text_file.read_bytes(path)
  if not looks_like_optitrack(data):
    raise InputError(path, "does not start with 'Format Version'", _FIX)
  rows = text_file.lines(data, path)
  line, first = next(rows)
  info = _pairs(cell_rows.header_cells(path, line, first))
  unit_m = _unit(path, info)
  known = rate_hz is not None
  rate_hz = _rate(path, info) if rate_hz is None else rate_hz
  if info.get("coordinate space", "global").lower() != "global":
    raise InputError(path, "coordinates relative to the parent bone", _FIX)
  types, names, kinds, axes = _header_rows(path, rows)
  columns: dict[str, dict[str, int]] = {}
  for column, axis in enumerate(axes):
    cell = [row[column] if column < len(row) else "" for row in (types, kinds)]
    if cell[0].lower() in ("bone", "skeleton") and cell[1] == "Position":
      place = columns.setdefault(names[column], {})
      if axis in place:
        raise InputError(
          path,
          f"bone '{text_file.clip_text(names[column])}' twice",
          "export one take with one skeleton",
        )
      place[axis] = column
  points = {
    name: [place[axis] for axis in "XYZ"]
    for name, place in columns.items()
    if set(place) == set("XYZ")
  }
  if not points:
    raise InputError(path, "no bone with X, Y, Z positions", _FIX)
  wanted = [c for place in points.values() for c in place]
  times = [i for i, axis in enumerate(axes) if frame_times.is_time(axis)][:1]
  table = cell_rows.read_rows(
    path,
    rows,
    len(axes),
    [*wanted, *times],
    free=len(times),
    words_in_free=True,
  )
  positions = table[:, : len(wanted)].reshape(len(table), len(points), 3)
  found = CapturedPoints(tuple(points), positions, rate_hz, unit_m)
  if known or not times or not np.isfinite(table[:, -1]).all():
    return found
  time_s = frame_times.seconds(table[:, -1], axes[times[0]], path)
  return frame_times.timed(found, time_s, has_rate=True)


def _pairs(cells: list[str]) -> dict[str, str]:
  return {
    key.lower(): value for key, value in zip(cells[::2], cells[1::2]) if key
  }


def _unit(path, info: dict[str, str]) -> float:
  text = info.get("length units", "")
  unit_m = UNITS_M.get(text.lower())
  if unit_m is None:
    raise InputError(
      path,
      f"Length Units '{text_file.clip_text(text)}'",
      f"export with one of {', '.join(UNITS_M)}",
    )
  return unit_m


def _rate(path, info: dict[str, str]) -> float:
  text = info.get("export frame rate") or info.get("capture frame rate") or ""
  try:
    rate_hz = float(text)
  except ValueError:
    rate_hz = math.nan
  if not 1.0 <= rate_hz <= 10_000.0:
    raise InputError(
      path, f"frame rate '{text_file.clip_text(text)}' in the header", _FIX
    )
  return rate_hz


def _header_rows(path, rows):
  """Returns the cells of the Type, Name, Rotation|Position and axis rows."""
  types: list[str] = []
  names: list[str] = []
  kinds: list[str] = []
  for line, row in rows:
    if line > _MAX_HEADER_LINES:
      break
    cells = cell_rows.header_cells(path, line, row)
    label = cells[1] if len(cells) > 1 else ""
    if label == "Type":
      types = cells
    elif label == "Name":
      names = cells
    elif "Position" in cells:
      kinds = cells
    elif cells and cells[0] == "Frame":
      if not types or not kinds or len(names) < len(cells):
        break
      return types, names, kinds, cells
  raise InputError(path, "no complete Type, Name, Position, Frame rows", _FIX)
