"""True poses of lifted samples, and the error as the evaluation counts it."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import array_file, plain_file, text_file
from bgm2pose_jax.poses import cell_rows, position_csv
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.systems.posekernel.lift import matching
from bgm2pose_jax.systems.posekernel.metrics import METRICS

# The first column of poses.csv.
SAMPLE = "sample"
_FIX = (
  "give an NPZ with pose_m [sample, joint=15, 3], or a CSV with <Joint>_x,_y,_z"
  " of each sample: metres, camera frame"
)
# No room is larger; millimetres are.
_FARTHEST_M = 20.0


def read(
  path: str | os.PathLike[str], wanted: Sequence[str], *, named: bool
) -> tuple[np.ndarray, str]:
  """Reads true poses, one for each sample.

  Args:
    path: NPZ or CSV, as this command writes them.
    wanted: names of the samples.
    named: whether these are the kernels' own.

  Returns:
    float32 [sample, joint=15, 3], metres, camera frame; and how they were
    matched, a sentence.

  Raises:
    InputError: a file that cannot be used, other counts, values that are not
      finite, or no metres.
  """
  path = pathlib.Path(path)
  with plain_file.opened(path, _FIX) as file:
    is_npz = file.read(2) == b"PK"
  pose_m, names = _npz(path) if is_npz else _csv(path)
  order, said = matching.match(
    wanted,
    names or tuple(map(str, range(len(pose_m)))),
    named=named and names is not None,
    what="Truth",
    where=path,
  )
  if not np.isfinite(pose_m).all():
    raise InputError(path, "has positions that are missing", _FIX)
  if np.median(np.abs(pose_m)) > _FARTHEST_M or (pose_m[..., 2] < 0).all():
    raise InputError(
      path,
      f"has {np.abs(pose_m).max():.4g} as largest and"
      f" {pose_m[..., 2].max():.4g} as farthest coordinate: no metres in front"
      " of the camera",
      _FIX,
    )
  return pose_m[order].astype(np.float32), said


def measure(pose_m: np.ndarray, truth_m: np.ndarray) -> dict[str, Any]:
  """Figures of an evaluation, see `metrics.PoseMetrics.finish`.

  Args:
    pose_m: [sample, joint=15, 3], metres.
    truth_m: the same shape.
  """
  sums = METRICS.sums(pose_m, truth_m)
  return METRICS.finish({name: v.sum(axis=0) for name, v in sums.items()})


def _npz(path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...] | None]:
  found = array_file.read_npz(
    path, (), _FIX, optional=("pose_m", "pose", "names", "joints")
  )
  pose = next((found[n] for n in ("pose_m", "pose") if n in found), None)
  if pose is None or pose.dtype.kind not in "iuf":
    raise InputError(path, "holds no pose_m", _FIX)
  if pose.ndim != 3 or pose.shape[1:] != (BODY15.num_joints, 3):
    raise InputError(path, f"pose_m has shape {pose.shape}", _FIX)
  if "joints" in found and tuple(found["joints"].ravel()) != BODY15.joints:
    raise InputError(path, "has joints in another order", _FIX)
  names = found.get("names")
  if names is not None and names.shape != (len(pose),):
    raise InputError(path, f"has {names.size} names of {len(pose)} poses", _FIX)
  told = None if names is None else tuple(map(str, names.tolist()))
  return pose.astype(np.float64), told


def _csv(path: pathlib.Path) -> tuple[np.ndarray, tuple[str, ...] | None]:
  points = position_csv.read_position_points(path)
  for joint in BODY15.joints:
    if joint not in points.names:
      raise InputError(path, f"has no joint {joint!r}", _FIX)
  columns = [points.names.index(joint) for joint in BODY15.joints]
  rows = text_file.lines(text_file.read_bytes(path), path)
  head = cell_rows.header_cells(path, *next(rows))
  names = None
  if SAMPLE in head:
    column = head.index(SAMPLE)
    names = tuple(
      row.split(b",")[column].decode("utf-8", "replace").strip()
      for _, row in rows
      if row.strip()
    )
  return points.positions[:, columns], names
