"""AMPL's annotation files: what the person does from when to when.

Lines are `start_s end_s label`. The official code keeps only the last line of a
repeated label, because it reads them into a dictionary; here every line counts.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from pathlib import Path

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file

# Stretches in which nobody stands in the room.
SKIPPED_LABELS = ("no_people",)
# Start times are decimals in a text file, windows start at multiples of 0.6 s:
# a rounding error must not decide whether a window is kept.
_TOLERANCE_S = 1e-6
_MAX_BYTES = 4 << 20
_MAX_LINES = 100_000
# Eleven days; far larger times would overflow window numbers.
_MAX_TIME_S = 1e6


@dataclasses.dataclass(frozen=True)
class Annotation:
  """One line.

  Attributes:
    start_s, end_s: seconds from the start of the recording.
    label: free text.
  """

  start_s: float
  end_s: float
  label: str


def read_annotations(path: Path) -> tuple[Annotation, ...]:
  """Reads an annotation file.

  Args:
    path: text file of `start_s end_s label` lines; the label may hold spaces.

  Returns:
    All lines in the file's order, `no_people` among them.

  Raises:
    InputError: missing file, a line that cannot be read, a time beyond 1e6 s,
      an end before its start, more than 100,000 lines, or no line at all.
  """
  fix = "write lines of `start_s end_s label`"
  if not os.path.exists(path):
    raise InputError(path, "annotation file is missing", f"add it, and {fix}")
  try:
    text = plain_file.read(path, _MAX_BYTES, fix).decode("utf-8-sig")
  except UnicodeDecodeError as error:
    raise InputError(path, f"is no UTF-8 text ({error.reason})", fix) from None
  lines = []
  for number, line in enumerate(text.splitlines(), 1):
    if number > _MAX_LINES:
      raise InputError(path, f"has more than {_MAX_LINES} lines", fix)
    if not line.strip():
      continue
    where = f"{path}, line {number}"
    parts = line.split(None, 2)
    if len(parts) < 3:
      raise InputError(where, f"has {len(parts)} fields: {line.strip()!r}", fix)
    try:
      start_s, end_s = float(parts[0]), float(parts[1])
    except ValueError:
      found = f"starts with no times: {line!r}"
      if "," in parts[0] + parts[1]:
        found += " (decimal commas)"
      raise InputError(where, found, fix) from None
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
      raise InputError(where, f"has a time that is no number: {line!r}", fix)
    if max(abs(start_s), abs(end_s)) > _MAX_TIME_S:
      raise InputError(
        where, f"has a time beyond {_MAX_TIME_S:.0f} s: {line!r}", fix
      )
    if end_s < start_s:
      raise InputError(where, f"ends ({end_s} s) before {start_s} s", fix)
    lines.append(Annotation(start_s, end_s, parts[2].strip()))
  if not lines:
    raise InputError(path, "holds no annotation", fix)
  return tuple(lines)


def window_labels(
  annotations: Sequence[Annotation], windows: int, window_s: float
) -> list[str]:
  """Gives each window the label it is kept under.

  A window is kept when start <= its start <= end of some line (specification
  2.3); the first such line gives the label.

  Args:
    annotations: lines of one recording.
    windows: number of windows.
    window_s: their length in seconds.

  Returns:
    A label for each window; '' for one that no line keeps.
  """
  labels = [""] * windows
  for line in reversed(annotations):
    if line.label in SKIPPED_LABELS:
      continue
    first = math.ceil((line.start_s - _TOLERANCE_S) / window_s)
    last = math.floor((line.end_s + _TOLERANCE_S) / window_s)
    for i in range(max(first, 0), min(last + 1, windows)):
      labels[i] = line.label
  return labels
