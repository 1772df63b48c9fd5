"""Looks over a folder of motion captures: every file, and all together."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bgm2pose_jax.base import progress as progress_lib
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file
from bgm2pose_jax.poses import (
  clips,
  joint_map_file,
  motion_file,
  position_csv,
  subject_evidence,
)
from bgm2pose_jax.poses.clip_table import TABLE_NAME, ClipRow, read_clip_table
from bgm2pose_jax.poses.motion_file import MotionFile
from bgm2pose_jax.poses.optitrack import looks_like_optitrack
from bgm2pose_jax.poses.subject_evidence import GUESS, NOTHING, Subject
from bgm2pose_jax.poses.takes import check_takes
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings

# A folder that holds no motion may be somebody's whole disk.
_MOST_ENTRIES = 20_000
_MOST_TABLES = 200
# Columns of clips.csv that can mend a file.
_MENDING = ("subject", "fps_true", "unit_scale_m", "up_axis")
# What nobody but the user knows; the reader refuses it until it is replaced.
_TO_FILL_IN = "?"


@dataclasses.dataclass(frozen=True)
class Motion:
  """What a folder of motion captures holds.

  Attributes:
    files: what is known of each, in order.
    mending: lines for `clips.csv` that would mend what can be mended so, with
      a header; empty where nothing can.
  """

  files: tuple[MotionFile, ...]
  mending: str


def holds_motion(folder: Path) -> bool:
  """Whether a motion capture lies in a folder or below it.

  Args:
    folder: only its first 20,000 entries are looked at.
  """
  tables = 0
  walk = (
    Path(base, file)
    for base, folders, files in os.walk(folder)
    for file in _in_order(folders, files)
  )
  for path in itertools.islice(walk, _MOST_ENTRIES):
    lower = path.name.lower()
    if lower.startswith("."):
      continue
    if lower.endswith((".bvh", ".bvh.gz")):
      return True
    if lower.endswith((".csv", ".csv.gz")) and tables < _MOST_TABLES:
      tables += 1
      if _is_motion_table(path):
        return True
  return False


def _in_order(folders: list[str], files: list[str]) -> list[str]:
  folders[:] = sorted(name for name in folders if not name.startswith("."))
  return sorted(files)


def _is_motion_table(path: Path) -> bool:
  try:
    head = text_file.read_head(path)
  except (InputError, OSError):
    return False
  return looks_like_optitrack(head) or position_csv.looks_like_positions(head)


def examine_motion(
  folder: Path, found: Findings, *, progress: bool = True
) -> Motion:
  """Examines a folder of motion captures.

  Args:
    folder: the folder that `--mocap_dir` would be given.
    found: takes the findings.
    progress: show a bar on stderr.

  Returns:
    What is known of each file.
  """
  table: dict[str, ClipRow] = {}
  given: Mapping[str, str] = {}
  with found.guard(folder, "joint map"):
    given = joint_map_file.of_folder(folder, None)
  with found.guard(folder / TABLE_NAME, "clips.csv"):
    table = read_clip_table(folder)
  names = clips.list_files(folder, table)
  people = clips.subjects_of(names, table)
  bar = progress_lib.bar(
    names,
    desc="check",
    unit="file",
    disable=not progress,
  )
  files = {}
  for name in bar:
    seen = _examined(folder, name, table.get(name), people[name], given)
    if seen is not None:
      files[name] = seen
  takes = (seen.take(table.get(name)) for name, seen in files.items())
  for name, said in check_takes([t for t in takes if t is not None]).items():
    warnings = (*files[name].warnings, *said)
    files[name] = dataclasses.replace(files[name], warnings=warnings)
  for seen in files.values():
    _report(folder / seen.file, seen, found)
  _check_people(folder, list(files.values()), found)
  return Motion(tuple(files.values()), _mending(list(files.values())))


def _examined(
  folder: Path,
  name: str,
  row: ClipRow | None,
  who: Subject,
  given: Mapping[str, str],
) -> MotionFile | None:
  own = Findings(folder)
  with own.guard(folder / name, "motion file"):
    return motion_file.examine(folder, name, row, who, given)
  (finding,) = own.kept
  return MotionFile(
    name,
    subject=who.name,
    subject_from=who.evidence,
    refused=InputError(folder / name, finding.what, finding.fix),
  )


def _report(path: Path, seen: MotionFile, found: Findings) -> None:
  if seen.refused is not None:
    # Where it stands in the file, if that is known.
    found.error(
      "motion file", seen.refused.where, seen.refused.found, seen.refused.fix
    )
  for sentence in seen.warnings:
    what, _, fix = sentence.partition("; ")
    found.warning("motion", path, what, fix or "look at the capture")


def _check_people(
  folder: Path, files: list[MotionFile], found: Findings
) -> None:
  evidence = subject_evidence.weakest(
    seen.subject_from for seen in files if seen.subject_from
  )
  names = list(dict.fromkeys(str(seen.subject) for seen in files))
  fix = "name who moves in the column subject of clips.csv"
  if guessed := subject_evidence.explain(evidence, names):
    found.warning("people", folder, guessed, fix)
  elif evidence == NOTHING and len(files) > 1:
    found.note("people", folder, "all files count as one person's", fix)


def _mending(files: list[MotionFile]) -> str:
  """Lines of clips.csv; `?` where only the user knows the value."""
  several = len({seen.subject for seen in files}) > 1
  rows = []
  for seen in files:
    if not seen.file.isprintable():
      continue
    cells = dict.fromkeys(_MENDING, "")
    text = f"{seen.error or ''} {' '.join(seen.warnings)}"
    if "fps_true" in text:
      cells["fps_true"] = _TO_FILL_IN
    if "unit_scale_m" in (seen.error or ""):
      cells["unit_scale_m"] = _TO_FILL_IN
    if seen.up_axis not in (None, "+y"):
      cells["up_axis"] = str(seen.up_axis).removeprefix("+")
    guessed = several and seen.subject_from in (GUESS, NOTHING)
    if guessed or any(cells.values()):
      # As clips.csv takes names; nobody's stays empty.
      name = re.sub(r"[^\w .-]+", "-", str(seen.subject)).strip("-. ")[:80]
      cells["subject"] = name if seen.subject_from != NOTHING else ""
      rows.append([seen.file, *cells.values()])
  if not rows:
    return ""
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerow(["file", *_MENDING])
  writer.writerows(rows)
  return text.getvalue()


def to_json(motion: Motion) -> dict[str, Any]:
  """The entries of a diagnosis' JSON: `files` and `clips_csv`."""
  return {
    "files": [
      {
        "file": seen.file,
        "unit": seen.unit,
        "rate_hz": seen.rate_hz,
        "frames": seen.frames,
        "stature_m": seen.stature_m,
        "mirrored": seen.mirrored,
        "up_axis": seen.up_axis,
        "subject": seen.subject,
        "subject_from": seen.subject_from,
        "warnings": list(seen.warnings),
        "error": seen.error,
      }
      for seen in motion.files
    ],
    "clips_csv": motion.mending,
  }
