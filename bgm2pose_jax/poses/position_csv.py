"""Position tables: one row per frame, columns `<Joint>_x,_y,_z`, 120 fps.

The rate is a convention of these tables and stands nowhere in the file.
"""

from __future__ import annotations

import pathlib

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file, whole_file
from bgm2pose_jax.poses import cell_rows
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.poses.cleaning import resample
from bgm2pose_jax.poses.joint_maps import joint_columns

RATE_HZ = 120.0
# Micrometres, a thousandth of what optical capture resolves.
_CELL = "%.6f"
_ROWS_AT_ONCE = 4096
_FIX = "give one row per frame with columns <Joint>_x,<Joint>_y,<Joint>_z"


def looks_like_positions(data: bytes) -> bool:
  """Tells whether a CSV text has the columns of a pose file."""
  head = data[:65536].split(b"\n", 2)
  if b"_x" in head[0]:
    return True
  axes = head[1].strip().split(b",") if len(head) > 1 else []
  return axes[-3:] == [b"x", b"y", b"z"]


def write_position_csv(
  path: str | pathlib.Path,
  positions_m: np.ndarray,
  rate_hz: float = RATE_HZ,
) -> None:
  """Writes a motion at 120 fps, whole or not at all.

  Args:
    path: the file to write.
    positions_m: [time, 21, 3] metres in the order of `BODY21.joints`.
    rate_hz: frames per second of `positions_m`; another rate than 120 is
      resampled (see `cleaning.resample`).

  Raises:
    InputError: wrong shape, no frames, or values that are not finite.
  """
  path = pathlib.Path(path)
  positions_m = resample(positions_m, rate_hz, RATE_HZ)
  if positions_m.shape[1:] != (len(BODY21.joints), 3):
    raise InputError(
      path, f"positions of shape {positions_m.shape}", "give [time, 21, 3]"
    )
  table = positions_m.reshape(len(positions_m), -1)
  line = ",".join([_CELL] * table.shape[1]) + "\n"
  header = ",".join(
    f"{joint}_{axis}" for joint in BODY21.joints for axis in "xyz"
  )
  with whole_file.writing(path) as file:
    file.write((header + "\n").encode())
    # One %-format for many rows is about ten times np.savetxt.
    for start in range(0, len(table), _ROWS_AT_ONCE):
      rows = table[start : start + _ROWS_AT_ONCE]
      text = (line * len(rows)) % tuple(rows.ravel().tolist())
      file.write(text.encode())


def read_position_csv(
  path: str | pathlib.Path, rate_hz: float = RATE_HZ
) -> np.ndarray:
  """Reads a position table (plain or gzip) of a `BODY21`.

  Args:
    path: the file; its frames are taken to be 120 per second.
    rate_hz: frames per second wanted; another rate than 120 is resampled.

  Returns:
    float32 [time, 21, 3] in the order of `BODY21.joints`, in the file's
    unit (metres if `write_position_csv` wrote it).

  Raises:
    InputError: a column missing, a row cut short, or a cell that is empty or
      not a number. The message names file and line or column.
  """
  points = read_position_points(path)
  columns = joint_columns(points.names, path)
  positions = points.positions[:, columns]
  missing = ~np.isfinite(positions).all(axis=(1, 2))
  if missing.any():
    raise InputError(
      path,
      f"{int(missing.sum())} rows with missing values, first at frame"
      f" {int(np.argmax(missing))}",
      "fill the gaps in the capture software",
    )
  return resample(positions, points.rate_hz, rate_hz)


def read_position_points(path: str | pathlib.Path) -> CapturedPoints:
  """Reads all points of a `<Joint>_x` table, missing cells as NaN.

  The header is one row, or two (joint names above x, y, z) as pandas writes
  column pairs. Columns that end in no axis (index, time) are left aside.

  Args:
    path: the file, plain or gzip.

  Returns:
    The points at 120 fps, unit unknown.

  Raises:
    InputError: no such columns, or broken rows.
  """
  data = text_file.read_bytes(path)
  rows = text_file.lines(data, path)
  line, first = next(rows)
  cells = cell_rows.header_cells(path, line, first)
  if not any(cell.lower().endswith("_x") for cell in cells):
    line, second = next(rows, (line, b""))
    axes = cell_rows.header_cells(path, line, second)
    if len(axes) != len(cells) or not {"x", "y", "z"} <= set(axes):
      raise InputError(path, "no columns named <Joint>_x", _FIX)
    cells = [f"{name}_{axis}" for name, axis in zip(_filled(cells), axes)]
  place: dict[str, dict[str, int]] = {}
  for column, cell in enumerate(cells):
    name, _, axis = cell.rpartition("_")
    if name and axis.lower() in ("x", "y", "z"):
      if axis.lower() in place.setdefault(name, {}):
        raise InputError(
          path, f"column '{text_file.clip_text(cell)}' twice", _FIX
        )
      place[name][axis.lower()] = column
  if not place:
    raise InputError(path, "no columns named <Joint>_x", _FIX)
  for name, axes in place.items():
    for axis in "xyz":
      if axis not in axes:
        raise InputError(
          path, f"no column '{text_file.clip_text(name)}_{axis}'", _FIX
        )
  table = cell_rows.read_rows(
    path,
    rows,
    len(cells),
    [axes[axis] for axes in place.values() for axis in "xyz"],
  )
  return CapturedPoints(
    tuple(place), table.reshape(len(table), len(place), 3), RATE_HZ
  )


def _filled(cells: list[str]) -> list[str]:
  """Repeats each name over the blank cells that follow it."""
  filled, name = [], ""
  for cell in cells:
    name = cell or name
    filled.append(name)
  return filled
