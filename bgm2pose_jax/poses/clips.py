"""Clips: usable stretches of captured motion, ready to be performed.

`load_folder` reads every BVH, OptiTrack CSV and position CSV file below
a folder and answers with metres on the floor, one `Clip` per stretch without
glitches. What the files cannot say, a `clips.csv` can (see `clip_table`).
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
from collections.abc import Mapping

import numpy as np
from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file
from bgm2pose_jax.poses import cleaning, frame_times, joint_map_file
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.bvh import read_bvh
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.poses.clip_table import TABLE_NAME, ClipRow, read_clip_table
from bgm2pose_jax.poses.joint_maps import find_joints
from bgm2pose_jax.poses.optitrack import looks_like_optitrack, read_optitrack
from bgm2pose_jax.poses.position_csv import (
  looks_like_positions,
  read_position_points,
)

_SUFFIXES = (".bvh", ".bvh.gz", ".csv", ".csv.gz")
# Wider than for a guess: a toddler or a giant may be described by hand.
_BELIEVABLE_M = (0.5, 3.0)
_LONE_SUBJECT = "subject_00"


@dataclasses.dataclass(frozen=True)
class Clip:
  """One contiguous stretch of usable motion of one person.

  Attributes:
    name: unique in its folder: the file's name without its ending, `-1`,
      `-2`, ... behind it if several stretches of the file are usable.
    subject: who moves.
    rate_hz: true frames per second (see `cleaning.resample`).
    positions_m: float32 [time, 21, 3] metres, y up, right-handed, the floor
      at y = 0, joints in the order of `BODY21.joints`.
    description: what they do, if the folder's table says so.
    source_path: the file, relative to the folder, with `/`.
    height_m: stature estimated from the legs (`cleaning.stature`).
    unit_note: how the unit of length was found, one sentence.
    frame_range: (start, stop) in the file, stop exclusive.
    warnings: what a person should know of how the file was read, a sentence
      each; all clips of a file have the same.
  """

  name: str
  subject: str
  rate_hz: float
  positions_m: np.ndarray
  description: str
  source_path: str
  height_m: float
  unit_note: str
  frame_range: tuple[int, int]
  warnings: tuple[str, ...] = ()

  @property
  def duration_s(self) -> float:
    """Number of frames over the frame rate."""
    return len(self.positions_m) / self.rate_hz


def load_folder(
  folder: str | pathlib.Path, joint_map: str | pathlib.Path | None = None
) -> list[Clip]:
  """Loads all motion capture files below a folder.

  Formats are told apart by content. The subject is the `subject` of
  `clips.csv`, else the file's first folder below `folder`, else (files lying
  flat) the part of the file's name before its first `_`, else
  `subject_00`.

  Args:
    folder: motion capture files, with or without `clips.csv`.
    joint_map: file that says which names are which joints, see
      `joint_map_file`; None takes `joint_map.json` of the folder, if any.

  Returns:
    Clips in the order of `clips.csv`, then of the paths.

  Raises:
    InputError: no such folder, no motion capture files in it, no usable
      motion in them, or a file or table that cannot be read (named in the
      message).
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(folder, "no such folder", "give a motion capture folder")
  table = read_clip_table(folder)
  given = joint_map_file.of_folder(folder, joint_map)
  names = [*table, *(name for name in _files(folder) if name not in table)]
  clips: list[Clip] = []
  for name in names:
    row = table.get(name)
    points = _read_points(folder / name, row, given)
    if points is not None:
      for warning in points.warnings:
        logging.warning("%s: %s", folder / name, warning)
      clips += _clips_of_file(folder, name, points, row)
  if not clips:
    raise InputError(
      folder,
      f"no usable motion in {len(names)} files",
      "give a folder with .bvh, .bvh.gz or OptiTrack .csv files",
    )
  return _with_unique_names(clips)


def _files(folder: pathlib.Path) -> list[str]:
  found = []
  for base, folders, files in os.walk(folder, followlinks=False):
    folders[:] = [name for name in folders if not name.startswith(".")]
    for file in files:
      path = pathlib.Path(base, file)
      name = path.relative_to(folder).as_posix()
      if file.lower().endswith(_SUFFIXES) and name != TABLE_NAME:
        found.append(name)
  return sorted(name for name in found if not name.startswith("."))


def _read_points(
  path: pathlib.Path, row: ClipRow | None, given: Mapping[str, str]
) -> CapturedPoints | None:
  """Reads one file to `BODY21`'s joints; None for a CSV of another kind."""
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


def _rate(
  path: pathlib.Path, points: CapturedPoints, row: ClipRow
) -> tuple[CapturedPoints, float]:
  """Frames per second, and the points on even times.

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
  logging.warning("%s: %s", path, warning)
  even = cleaning.evenly_timed(points.positions, points.time_s, rate_hz)
  return dataclasses.replace(
    points, positions=even, warnings=(*points.warnings, warning)
  ), rate_hz


def _clips_of_file(
  folder: pathlib.Path, name: str, points: CapturedPoints, row: ClipRow | None
) -> list[Clip]:
  row = row or ClipRow(where=str(folder / name), file=name)
  frames = len(points.positions)
  if row.frames is not None and row.frames != frames:
    raise InputError(
      row.where,
      f"frames {row.frames}, but {name} has {frames}",
      "correct the line, or copy the file again",
    )
  points, rate_hz = _rate(folder / name, points, row)
  unit_m, note = _unit(folder / name, points, row)
  positions_m = cleaning.fill_gaps(points.positions, rate_hz) * unit_m
  height_m = cleaning.stature(positions_m)
  note = f"{note}; stature {height_m:.2f} m by the legs"
  cleaning.check_upright(positions_m, folder / name)
  ranges = _ranges(name, positions_m, rate_hz, row)
  if not ranges:
    logging.warning("%s: no usable second of motion, left aside", name)
    return []
  used = np.concatenate([positions_m[start:stop] for start, stop in ranges])
  floor_m = row.floor_m
  if floor_m is None:
    floor_m = cleaning.floor_height(used)
  stem = pathlib.PurePosixPath(name).name
  stem = stem[: -len(_suffix(stem))]
  clips = []
  for number, (start, stop) in enumerate(ranges, start=1):
    placed = positions_m[start:stop] - np.array([0.0, floor_m, 0.0])
    clips.append(
      Clip(
        name=stem if len(ranges) == 1 else f"{stem}-{number}",
        subject=row.subject or _subject(name),
        rate_hz=rate_hz,
        positions_m=placed.astype(np.float32),
        description=row.description,
        source_path=name,
        height_m=height_m,
        unit_note=note,
        frame_range=(start, stop),
        warnings=points.warnings,
      )
    )
  return clips


def _unit(
  path: pathlib.Path, points: CapturedPoints, row: ClipRow
) -> tuple[float, str]:
  """Returns metres per unit and one sentence on where that comes from."""
  cleaning.check_bones(points.positions, path)
  if row.unit_m is not None:
    height_m = cleaning.stature(points.positions) * row.unit_m
    low, high = _BELIEVABLE_M
    if not low <= height_m <= high:
      raise InputError(
        row.where,
        f"unit_scale_m {row.unit_m:g} makes a person {height_m:.3g} m tall",
        "correct it, or leave the cell empty",
      )
    return row.unit_m, f"1 unit = {row.unit_m:g} m ({TABLE_NAME})"
  if points.unit_m is None:
    unit_m, unit = cleaning.unit_from_stature(
      points.positions, path, points.usual_unit
    )
    return unit_m, f"1 unit = {unit_m:.6g} m ({unit}, by the body height)"
  height_m = cleaning.stature(points.positions) * points.unit_m
  low, high = cleaning.STATURE_RANGE_M
  if not low <= height_m <= high:
    raise InputError(
      path,
      f"a person {height_m:.3g} m tall by the header's unit",
      f"give unit_scale_m for the file in {TABLE_NAME}",
    )
  return points.unit_m, f"1 unit = {points.unit_m:g} m (the file's header)"


def _ranges(
  name: str, positions_m: np.ndarray, rate_hz: float, row: ClipRow
) -> list[tuple[int, int]]:
  if row.ranges is None:
    return cleaning.usable_ranges(positions_m, rate_hz)
  for start, stop in row.ranges:
    if stop > len(positions_m):
      found = f"valid_ranges {start}-{stop}, but {name} has {len(positions_m)}"
      raise InputError(row.where, f"{found} frames", "correct the range")
    if not np.isfinite(positions_m[start:stop]).all():
      raise InputError(
        row.where,
        f"valid_ranges {start}-{stop} holds missing joints",
        "leave those frames out",
      )
  return list(row.ranges)


def _suffix(file: str) -> str:
  return next(s for s in (*_SUFFIXES[1::2], *_SUFFIXES) if _ends(file, s))


def _ends(file: str, suffix: str) -> bool:
  return file.lower().endswith(suffix)


def _subject(name: str) -> str:
  path = pathlib.PurePosixPath(name)
  if len(path.parts) > 1:
    return path.parts[0]
  head, underscore, _ = path.name.partition("_")
  return head if underscore and head else _LONE_SUBJECT


def _with_unique_names(clips: list[Clip]) -> list[Clip]:
  """Puts the subject, then a number, before names that occur twice."""
  counts = collections.Counter(clip.name for clip in clips)
  seen: collections.Counter[str] = collections.Counter()
  out = []
  for clip in clips:
    name = clip.name
    if counts[name] > 1:
      name = f"{clip.subject}-{name}"
    seen[name] += 1
    if seen[name] > 1:
      name = f"{name}-again{seen[name] - 1}"
    out.append(dataclasses.replace(clip, name=name))
  return out
