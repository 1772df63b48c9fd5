"""One file's points, whichever format it has: joints, axes and frame rate."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file
from bgm2pose_jax.poses import cleaning, frame_times
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.bvh import read_bvh
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.poses.clip_table import TABLE_NAME, ClipRow
from bgm2pose_jax.poses.joint_maps import find_joints
from bgm2pose_jax.poses.optitrack import looks_like_optitrack, read_optitrack
from bgm2pose_jax.poses.position_csv import (
  looks_like_positions,
  read_position_points,
)


def read_points(
  path: pathlib.Path, row: ClipRow | None, given: Mapping[str, str]
) -> CapturedPoints | None:
  """Reads one file to `BODY21`'s joints; None for a CSV of another kind.

  Args:
    path: the file.
    row: what `clips.csv` says of it; None where it says nothing.
    given: {name in the file: joint}, of the folder's joint map.

  Raises:
    InputError: it cannot be read.
  """
  points = _read_joints(path, row, given)
  if points is not None and row is not None and row.up_axis is not None:
    turned = cleaning.turned(points.positions, row.up_axis)
    points = dataclasses.replace(points, positions=turned)
  return points


def _read_joints(
  path: pathlib.Path, row: ClipRow | None, given: Mapping[str, str]
) -> CapturedPoints | None:
  rate_hz = None if row is None else row.rate_hz
  if path.name.lower().endswith((".bvh", ".bvh.gz")):
    motion = read_bvh(path, rate_hz)
    # Only the branches that lead to these joints are computed.
    found = find_joints(
      motion.names,
      path,
      parents=motion.parents,
      positions=motion.first_positions(),
      given=given,
    )
    return CapturedPoints(
      BODY21.joints,
      found.joints(motion.positions(list(found.columns))),
      motion.rate_hz,
      usual_unit=found.usual_unit,
      warnings=(*motion.warnings, *found.warnings),
    )
  data = text_file.read_head(path)
  if looks_like_optitrack(data):
    points = read_optitrack(path, rate_hz)
  elif looks_like_positions(data):
    points = read_position_points(path, rate_hz=rate_hz)
  elif row is not None:
    raise InputError(
      path,
      f"listed in {TABLE_NAME} but neither BVH, OptiTrack nor position CSV",
      "export it in one of these formats",
    )
  else:
    logging.info("%s: not motion capture, left aside", path)
    return None
  found = find_joints(
    points.names, path, positions=points.positions, given=given
  )
  return dataclasses.replace(
    points,
    names=BODY21.joints,
    positions=found.joints(points.positions[:, list(found.columns)]),
    usual_unit=found.usual_unit,
    warnings=(*points.warnings, *found.warnings),
  )


def even_rate(
  path: pathlib.Path, points: CapturedPoints, row: ClipRow
) -> tuple[CapturedPoints, float]:
  """Frames per second, and the points on even times.

  Args:
    path: the file.
    points: what was read of it.
    row: what `clips.csv` says.

  Raises:
    InputError: a rate that cannot be, or two that differ.
  """
  if row.rate_hz is not None:
    return points, row.rate_hz
  rate_hz, by_time_hz = points.rate_hz, points.rate_by_time_hz
  fix = f"give fps_true for the file in {TABLE_NAME}"
  if by_time_hz is not None and abs(by_time_hz - rate_hz) > 0.01 * rate_hz:
    raise InputError(
      path,
      f"{rate_hz:g} frames a second by the file, {by_time_hz:g} by its times",
      fix,
    )
  low, high = frame_times.RATE_RANGE_HZ
  if not low <= rate_hz <= high:
    raise InputError(path, f"{rate_hz:g} frames a second by the file", fix)
  if points.time_s is None:
    return points, rate_hz
  warning = (
    f"frames are unevenly spaced: resampled to {rate_hz:g} a second, by which"
    " frames are counted"
  )
  even = cleaning.evenly_timed(points.positions, points.time_s, rate_hz)
  return dataclasses.replace(
    points, positions=even, warnings=(*points.warnings, warning)
  ), rate_hz
