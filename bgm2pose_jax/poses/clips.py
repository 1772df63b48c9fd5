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

import numpy as np
from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses import (
  body_check,
  cleaning,
  joint_map_file,
  subject_evidence,
)
from bgm2pose_jax.poses.captured_points import CapturedPoints
from bgm2pose_jax.poses.clip_table import TABLE_NAME, ClipRow, read_clip_table
from bgm2pose_jax.poses.motion_points import even_rate, read_points
from bgm2pose_jax.poses.subject_evidence import Subject
from bgm2pose_jax.poses.takes import Take, check_takes

_SUFFIXES = (".bvh", ".bvh.gz", ".csv", ".csv.gz")
# Wider than for a guess: a toddler or a giant may be described by hand.
_BELIEVABLE_M = (0.5, 3.0)
# More warnings are counted: a folder may hold thousands of files.
_MOST_LOGGED = 10


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
    warnings: what a person should know of the file, a sentence each; all
      clips of a file have the same.
    subject_from: what says who moves, one of `subject_evidence.EVIDENCE`.
    action: the kind of action, which other clips may show too: the table's
      column `action`, else its description up to the first " - ", else the
      clip's name.
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
  subject_from: str = subject_evidence.NOTHING
  action: str = ""

  @property
  def duration_s(self) -> float:
    """Number of frames over the frame rate."""
    return len(self.positions_m) / self.rate_hz


def load_folder(
  folder: str | pathlib.Path, joint_map: str | pathlib.Path | None = None
) -> list[Clip]:
  """Loads all motion capture files below a folder.

  Formats are told apart by content. Who moves is found as
  `subject_evidence.subjects` says: the `subject` of `clips.csv`, else the
  file's first folder below `folder`, else (files lying flat) the file's name.

  Args:
    folder: motion capture files, with or without `clips.csv`.
    joint_map: file that says which names are which joints, see
      `joint_map_file`; None takes `joint_map.json` of the folder, if any.

  Returns:
    Clips in the order of `clips.csv`, then of the paths. What a person should
    know of them is logged once.

  Raises:
    InputError: no such folder, no motion capture files in it, no usable
      motion in them, a file or table that cannot be read, or a body that is
      mirrored or not upright (named in the message).
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise InputError(folder, "no such folder", "give a motion capture folder")
  table = read_clip_table(folder)
  given = joint_map_file.of_folder(folder, joint_map)
  names = list_files(folder, table)
  people = subjects_of(names, table)
  clips: list[Clip] = []
  warnings: dict[str, list[str]] = {}
  for name in names:
    row = table.get(name)
    points = read_points(folder / name, row, given)
    if points is not None:
      found, said = clips_of_file(folder, name, points, row, people[name])
      clips += found
      warnings[name] = said
  for name, said in check_takes(takes_of(clips, table)).items():
    warnings[name] += said
  _log(folder, warnings)
  if not clips:
    first = next((f"; {n}: {said[0]}" for n, said in warnings.items() if said),
                 "")  # fmt: skip
    raise InputError(
      folder,
      f"no usable motion in {len(names)} files{first}",
      "give a folder with .bvh, .bvh.gz or OptiTrack .csv files",
    )
  return _with_unique_names(
    [
      dataclasses.replace(clip, warnings=tuple(warnings[clip.source_path]))
      for clip in clips
    ]
  )


def _log(folder: pathlib.Path, warnings: dict[str, list[str]]) -> None:
  """Logs each sentence once, with the files that it is about."""
  files: dict[str, list[str]] = {}
  for name, said in warnings.items():
    for sentence in said:
      files.setdefault(sentence, []).append(name)
  for sentence, names in list(files.items())[:_MOST_LOGGED]:
    more = f" and {len(names) - 1} more files" if len(names) > 1 else ""
    logging.warning("%s%s: %s", folder / names[0], more, sentence)
  if len(files) > _MOST_LOGGED:
    logging.warning(
      "%s: %d more warnings; python -m bgm2pose_jax.doctor lists them all",
      folder,
      len(files) - _MOST_LOGGED,
    )


def takes_of(clips: list[Clip], table: dict[str, ClipRow]) -> list[Take]:
  """One take for each file that clips come from.

  Args:
    clips: the clips as they were read.
    table: the lines of the folder's `clips.csv`.
  """
  first = {clip.source_path: clip for clip in reversed(clips)}
  return [
    Take(
      file=name,
      subject=Subject(clip.subject, clip.subject_from),
      rate_hz=clip.rate_hz,
      stature_m=clip.height_m,
      is_rate_given=name in table and table[name].rate_hz is not None,
    )
    for name, clip in first.items()
  ]


def subjects_of(
  names: list[str], table: dict[str, ClipRow]
) -> dict[str, Subject]:
  """Returns {file: who moves}, see `subject_evidence.subjects`.

  Args:
    names: the files of a folder.
    table: the lines of the folder's `clips.csv`.
  """
  listed = {name: row.subject for name, row in table.items()}
  return subject_evidence.subjects(names, listed)


def list_files(folder: pathlib.Path, table: dict[str, ClipRow]) -> list[str]:
  """Files that may be motion capture: the table's, then the others by name.

  Args:
    folder: where to look, with all folders below.
    table: the lines of the folder's `clips.csv`.
  """
  return [*table, *(name for name in _files(folder) if name not in table)]


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


def clips_of_file(
  folder: pathlib.Path,
  name: str,
  points: CapturedPoints,
  row: ClipRow | None,
  who: Subject,
) -> tuple[list[Clip], list[str]]:
  """Makes clips of what was read of a file.

  Args:
    folder: the motion capture folder.
    name: the file in it.
    points: its joints, in the order of `BODY21.joints`.
    row: what the folder's table says.
    who: who moves.

  Returns:
    The clips, which have no warnings yet, and the warnings.

  Raises:
    InputError: a table that does not fit, a unit that cannot be told, or a
      body that is mirrored or not upright.
  """
  row = row or ClipRow(where=str(folder / name), file=name)
  frames = len(points.positions)
  if row.frames is not None and row.frames != frames:
    raise InputError(
      row.where,
      f"frames {row.frames}, but {name} has {frames}",
      "correct the line, or copy the file again",
    )
  points, rate_hz = even_rate(folder / name, points, row)
  unit_m, note = metres_per_unit(folder / name, points, row)
  positions_m = cleaning.fill_gaps(points.positions, rate_hz) * unit_m
  height_m = cleaning.stature(positions_m)
  note = f"{note}; stature {height_m:.2f} m by the legs"
  cleaning.check_upright(positions_m, folder / name)
  faults = body_check.check(positions_m, rate_hz)
  for fault in faults:
    if fault.is_error:
      raise InputError(folder / name, fault.found, fault.fix)
  warnings = [*points.warnings, *map(str, faults)]
  ranges = _ranges(name, positions_m, rate_hz, row)
  if not ranges:
    return [], [*warnings, "no usable second of motion, left aside"]
  used = np.concatenate([positions_m[start:stop] for start, stop in ranges])
  floor_m = row.floor_m
  if floor_m is None:
    floor_m = cleaning.floor_height(used)
  placed_m = used - np.array([0.0, floor_m, 0.0])
  warnings += map(str, body_check.check_floor(placed_m))
  stem = pathlib.PurePosixPath(name).name
  stem = stem[: -len(_suffix(stem))]
  clips = []
  for number, (start, stop) in enumerate(ranges, start=1):
    placed = positions_m[start:stop] - np.array([0.0, floor_m, 0.0])
    clips.append(
      Clip(
        name=stem if len(ranges) == 1 else f"{stem}-{number}",
        subject=who.name,
        rate_hz=rate_hz,
        positions_m=placed.astype(np.float32),
        description=row.description,
        source_path=name,
        height_m=height_m,
        unit_note=note,
        frame_range=(start, stop),
        subject_from=who.evidence,
        action=row.action or _kind_of(row.description) or stem,
      )
    )
  return clips, warnings


def _kind_of(description: str) -> str:
  """Returns `dance` of `dance - jump and turn`."""
  return description.split(" - ")[0].strip()


def metres_per_unit(
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
