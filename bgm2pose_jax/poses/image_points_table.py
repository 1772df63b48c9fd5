"""Keypoints as tables: CSV with `<Joint>_u,_v,_c`, and NPZ.

A CSV file has one row a frame, the columns of all 15 joints and maybe a first
column `frame` with its name; empty cells and the confidence 0 say that a joint
was not found. An NPZ file has `keypoints` [frame, joint=15, 3] and maybe
`names` [frame].
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file, text_file
from bgm2pose_jax.poses import cell_rows, image_points
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.poses.image_points import ImagePoints

FRAME = "frame"
COLUMNS = tuple(f"{joint}_{part}" for joint in BODY15.joints for part in "uvc")
_FIX = (
  "give columns <Joint>_u,<Joint>_v,<Joint>_c of the 15 joints"
  f" {', '.join(BODY15.joints)}"
)
_NPZ_FIX = "give keypoints [frame, joint=15, 3]: u, v in pixels and confidence"


def read_csv(path: str | os.PathLike[str]) -> ImagePoints:
  """Reads a CSV table, plain or gzip.

  Args:
    path: the file.

  Raises:
    InputError: a column missing, or broken rows.
  """
  path = pathlib.Path(path)
  rows = text_file.lines(text_file.read_bytes(path), path)
  line, head = next(rows)
  cells = cell_rows.header_cells(path, line, head)
  for name in COLUMNS:
    if cells.count(name) != 1:
      found = "no column" if name not in cells else "several columns"
      raise InputError(path, f"{found} '{name}'", _FIX)
  names: list[str] = []
  column = cells.index(FRAME) if FRAME in cells else None
  table = cell_rows.read_rows(
    path,
    rows if column is None else _names_kept(rows, column, names),
    len(cells),
    [cells.index(name) for name in COLUMNS],
  ).reshape(-1, BODY15.num_joints, 3)
  # A joint whose cells are all empty.
  table[np.isnan(table).all(axis=2)] = 0.0
  return ImagePoints(
    tuple(names) if names else image_points.numbered(len(table)),
    bool(names),
    table,
    ("The joints are those of the table.",),
  )


def _names_kept(
  rows: Iterator[tuple[int, bytes]], column: int, names: list[str]
) -> Iterator[tuple[int, bytes]]:
  """The same rows, the cells of one column added to a list on the way."""
  for line, row in rows:
    cells = row.split(b",")
    if row.strip() and column < len(cells):
      text = cells[column].decode("utf-8", "replace").strip()
      names.append(text_file.clip_text(text, 200))
    yield line, row


def read_npz(path: str | os.PathLike[str]) -> ImagePoints:
  """Reads an NPZ file.

  Args:
    path: the file.

  Raises:
    InputError: arrays missing or of another shape.
  """
  found = array_file.read_npz(
    path, ("keypoints",), _NPZ_FIX, optional=("names", "joints")
  )
  keypoints = found["keypoints"]
  if (
    keypoints.dtype.kind not in "iuf"
    or keypoints.shape[1:] != (BODY15.num_joints, 3)
    or keypoints.ndim != 3
  ):
    raise InputError(
      path, f"keypoints are {keypoints.dtype} {keypoints.shape}", _NPZ_FIX
    )
  if "joints" in found and tuple(found["joints"].ravel()) != BODY15.joints:
    raise InputError(
      path, "has joints in another order", f"order: {', '.join(BODY15.joints)}"
    )
  names = found.get("names")
  if names is not None and names.shape != (len(keypoints),):
    raise InputError(
      path, f"has {names.size} names of {len(keypoints)} frames", _NPZ_FIX
    )
  return ImagePoints(
    image_points.numbered(len(keypoints))
    if names is None
    else tuple(map(str, names.tolist())),
    names is not None,
    keypoints.astype(np.float64),
    ("The joints are those of the table.",),
  )
