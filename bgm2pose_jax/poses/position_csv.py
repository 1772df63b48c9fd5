"""Position tables: one row per frame, columns `<Joint>_x,_y,_z`, 120 fps.

The rate is a convention of these tables, unless a column says the time or the
rate of its rows.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file, whole_file
from bgm2pose_jax.poses import cell_rows, frame_times
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.poses.cleaning import evenly_timed, resample
from bgm2pose_jax.poses.joint_maps import joint_columns
from bgm2pose_jax.poses.skeleton import Skeleton

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
  write_points_csv(path, BODY21, positions_m)


def write_points_csv(
  path: str | pathlib.Path,
  skeleton: Skeleton,
  positions_m: np.ndarray,
  time_s: np.ndarray | None = None,
  labels: tuple[str, Sequence[str]] | None = None,
) -> None:
  """Writes a motion as it is, whole or not at all.

  Args:
    path: the file to write.
    skeleton: the skeleton of the positions.
    positions_m: [time, joint, 3] metres.
    time_s: [time], a first column of that name; None writes none.
    labels: (name, [time]) of a first column of text without commas or quotes;
      None writes none.
  """
  table = positions_m.reshape(len(positions_m), -1)
  names = [f"{joint}_{axis}" for joint in skeleton.joints for axis in "xyz"]
  if time_s is not None:
    table = np.column_stack([time_s, table])
    names = ["time_s", *names]
  head = ""
  if labels is not None:
    names = [labels[0], *names]
    head = "%s,"
  line = head + ",".join([_CELL] * table.shape[1]) + "\n"
  with whole_file.writing(path) as file:
    file.write((",".join(names) + "\n").encode())
    # One %-format for many rows is about ten times np.savetxt.
    for start in range(0, len(table), _ROWS_AT_ONCE):
      rows = table[start : start + _ROWS_AT_ONCE]
      cells = rows.ravel().tolist()
      if labels is not None:
        texts = labels[1][start : start + len(rows)]
        cells = [c for text, row in zip(texts, rows.tolist())
                 for c in (text, *row)]  # fmt: skip
      file.write(((line * len(rows)) % tuple(cells)).encode())


def read_position_csv(
  path: str | pathlib.Path, rate_hz: float = RATE_HZ
) -> np.ndarray:
  """Reads a position table (plain or gzip) of a `BODY21`.

  Args:
    path: the file; its frames are taken to be 120 per second, unless a column
      says their times.
    rate_hz: frames per second wanted; another rate than the file's is
      resampled.

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
  for warning in points.warnings:
    logging.warning("%s: %s", path, warning)
  if points.time_s is not None:
    positions = evenly_timed(positions, points.time_s, points.rate_hz)
  return resample(positions, points.rate_hz, rate_hz)


def read_position_points(
  path: str | pathlib.Path,
  *,
  renamed: Callable[[list[str]], list[str]] | None = None,
  with_rest: bool = False,
  rate_hz: float | None = None,
) -> CapturedPoints:
  """Reads all points of a `<Joint>_x` table, missing cells as NaN.

  The header is one row, or two (joint names above x, y, z) as pandas writes
  column pairs. Other columns that end in no axis (index) are left aside.

  Args:
    path: the file, plain or gzip.
    renamed: turns the header's cells into names that end in an axis.
    with_rest: whether to read `<Joint>_visibility` too, and a column of time
      as it is: it must then hold the times of the frames.
    rate_hz: the true frame rate, where it is known; columns of time or rate
      then play no part.

  Returns:
    The points, unit unknown. Without `with_rest` at the rate that a column of
    time or rate says, else at 120 fps; `time_s` where times are uneven.

  Raises:
    InputError: no such columns, broken rows, or times that do not ascend.
  """
  data = text_file.read_bytes(path)
  rows = text_file.lines(data, path)
  cells = _header(path, rows, renamed)
  place = _columns(path, cells)
  columns = [axes[axis] for axes in place.values() for axis in "xyz"]
  points = len(columns)
  if not with_rest:
    return _points_at_rate(path, rows, cells, place, columns, rate_hz)
  seen = time = None
  lower = [cell.lower() for cell in cells]
  wanted = [f"{name}_visibility".lower() for name in place]
  if all(name in lower for name in wanted):
    seen = slice(len(columns), len(columns) + len(wanted))
    columns += [lower.index(name) for name in wanted]
  named = [i for i, cell in enumerate(lower) if cell in frame_times.NAMES]
  if named:
    time = len(columns)
    columns.append(named[0])
  table = cell_rows.read_rows(
    path, rows, len(cells), columns, free=len(columns) - points
  )
  return CapturedPoints(
    tuple(place),
    table[:, :points].reshape(len(table), len(place), 3),
    RATE_HZ,
    visibility=None if seen is None else table[:, seen],
    time_s=None
    if time is None
    else frame_times.seconds(table[:, time], cells[columns[time]], path),
  )


def _points_at_rate(
  path, rows, cells, place, columns: list[int], rate_hz: float | None
) -> CapturedPoints:
  """Reads the points and what a table says of its own rate."""
  times = [i for i, cell in enumerate(cells) if frame_times.is_time(cell)][:1]
  rates = [i for i, cell in enumerate(cells) if frame_times.is_rate(cell)][:1]
  rest = [] if rate_hz is not None else [*times, *rates]
  table = cell_rows.read_rows(
    path,
    rows,
    len(cells),
    [*columns, *rest],
    free=len(rest),
    words_in_free=True,
  )
  points = CapturedPoints(
    tuple(place),
    table[:, : len(columns)].reshape(len(table), len(place), 3),
    RATE_HZ if rate_hz is None else rate_hz,
  )
  said = {cells[c]: table[:, len(columns) + k] for k, c in enumerate(rest)}
  warnings = []
  for name, values in said.items():
    if not np.isfinite(values).all():
      warnings.append(f"column '{text_file.clip_text(name)}' holds no numbers")
    elif frame_times.is_rate(name):
      if np.ptp(values) == 0 and values[0] > 0:
        points = dataclasses.replace(points, rate_hz=float(values[0]))
      else:
        warnings.append(f"column '{text_file.clip_text(name)}' is no rate")
    elif len(values) > 1 and np.ptp(values) == 0:
      warnings.append(
        f"column '{text_file.clip_text(name)}' holds one time alone"
      )
    else:
      time_s = frame_times.seconds(values, name, path)
      points = frame_times.timed(points, time_s, has_rate=bool(rates))
  warnings = [
    f"{w}: {points.rate_hz:g} frames a second taken" for w in warnings
  ]
  return dataclasses.replace(points, warnings=tuple(warnings))


def _header(path, rows, renamed) -> list[str]:
  """The first row's cells; of two rows as one, `<name>_<axis>`."""
  line, first = next(rows)
  cells = cell_rows.header_cells(path, line, first)
  if renamed is not None:
    cells = renamed(cells)
  if any(cell.lower().endswith("_x") for cell in cells):
    return cells
  line, second = next(rows, (line, b""))
  axes = cell_rows.header_cells(path, line, second)
  if len(axes) != len(cells) or not {"x", "y", "z"} <= set(axes):
    raise InputError(path, "no columns named <Joint>_x", _FIX)
  return [f"{name}_{axis}" for name, axis in zip(_filled(cells), axes)]


def _columns(path, cells: list[str]) -> dict[str, dict[str, int]]:
  """{point: {axis: column}}, every point with all three axes."""
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
  return place


def _filled(cells: list[str]) -> list[str]:
  """Repeats each name over the blank cells that follow it."""
  filled, name = [], ""
  for cell in cells:
    name = cell or name
    filled.append(name)
  return filled
