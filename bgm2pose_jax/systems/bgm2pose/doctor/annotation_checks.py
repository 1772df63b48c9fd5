"""What is wrong with the annotations of a recording, and of all together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bgm2pose_jax.systems.bgm2pose.ampl import annotations
from bgm2pose_jax.systems.bgm2pose.ampl.annotations import (
  SKIPPED_LABELS,
  Annotation,
)
from bgm2pose_jax.systems.bgm2pose.doctor.findings import (
  Findings,
  command,
  quoted,
)
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S

# Ends may be rounded up to the next window.
_BEYOND_S = WINDOW_S
_TOLERANCE_S = 1e-3
# Units that times are written in instead of seconds.
_UNITS = {"milliseconds": 1e3, "samples at 48 kHz": 48e3, "poses at 120/s": 120}
_FEW = 0.1
_LABELS_COMPARED = 500


def read(path: Path, found: Findings) -> tuple[Annotation, ...] | None:
  """Reads a recording's annotations; None where they cannot be read."""
  with found.guard(path, "annotations"):
    return annotations.read_annotations(path)
  return None


def check_times(
  path: Path, lines: Sequence[Annotation], windows: int, found: Findings
) -> list[str]:
  """Compares the times with the recording and with each other.

  Args:
    path: the annotation file.
    lines: what it holds.
    windows: whole windows of sound and poses.
    found: takes the findings.

  Returns:
    The label of each window, '' for one that is not kept.
  """
  labels = annotations.window_labels(lines, windows, WINDOW_S)
  length_s = windows * WINDOW_S
  outside = [
    line
    for line in lines
    if line.start_s < -_TOLERANCE_S or line.end_s > length_s + _BEYOND_S
  ]
  kept = sum(map(bool, labels))
  if not kept:
    found.error(
      "annotations",
      path,
      f"keeps none of {windows} windows; its times go from"
      f" {min(a.start_s for a in lines):g} to {max(a.end_s for a in lines):g}",
      _unit_fix(path, lines, length_s),
    )
  elif outside:
    worst = max(outside, key=lambda line: line.end_s)
    unit = _unit(lines, length_s)
    found.add(
      # A file in another unit keeps a few windows under wrong labels.
      "error" if unit else "warning",
      "annotations",
      path,
      f"{len(outside)} of {len(lines)} lines leave the recording's"
      f" {length_s:.1f} s, such as {worst.start_s:g} to {worst.end_s:g}"
      f" {worst.label}",
      _unit_fix(path, lines, length_s),
    )
  if kept and kept < _FEW * windows:
    found.note(
      "annotations",
      path,
      f"keeps {kept} of {windows} windows",
      "a window is kept when it starts inside a line; annotate more of it",
    )
  overlaps = _overlaps(lines)
  if overlaps:
    one, other = overlaps[0]
    found.warning(
      "annotations",
      path,
      f"{len(overlaps)} lines overlap others, the first {other.start_s:g} to"
      f" {other.end_s:g} {other.label} with {one.start_s:g} to {one.end_s:g}"
      f" {one.label}",
      "the line that stands first in the file gives the label: end one where"
      " the other begins",
    )
  return labels


def _overlaps(
  lines: Sequence[Annotation],
) -> list[tuple[Annotation, Annotation]]:
  """Lines that begin before an earlier one with another label ends."""
  found = []
  last: Annotation | None = None
  for line in sorted(lines, key=lambda line: (line.start_s, line.end_s)):
    if (
      last is not None
      and line.label != last.label
      and line.start_s < last.end_s - _TOLERANCE_S
    ):
      found.append((last, line))
    if last is None or line.end_s > last.end_s:
      last = line
  return found


def _unit(lines: Sequence[Annotation], length_s: float) -> str | None:
  """The unit in which the times would fill the recording; None for seconds."""
  end = max(line.end_s for line in lines)
  for name, per_second in _UNITS.items():
    if 0.5 * length_s <= end / per_second <= length_s + _BEYOND_S:
      return name
  return None


def _unit_fix(path: Path, lines: Sequence[Annotation], length_s: float) -> str:
  unit = _unit(lines, length_s)
  if unit is None:
    return "times are seconds from the start of the recording"
  per_second = _UNITS[unit]
  return (
    f"times look like {unit}: awk '{{$1 /= {per_second:g}; $2 /="
    f" {per_second:g}; print}}' {quoted(path)} > fixed.txt"
  )


def check_labels(files: Mapping[str, Sequence[Path]], found: Findings) -> None:
  """Looks for labels that are spelt in several ways.

  Labels are free text, so nobody can say which ones are right; but one label
  in two spellings is two clips, and people learn to walk where `No people`
  stands for `no_people`.

  Args:
    files: {label: files that hold it}.
    found: takes the findings.
  """
  plain: dict[str, list[str]] = {}
  for label in files:
    plain.setdefault(_plain(label), []).append(label)
  skipped = {_plain(label): label for label in SKIPPED_LABELS}
  for key, labels in plain.items():
    near = difflib.get_close_matches(key, skipped, n=1, cutoff=0.85)
    if near:
      right = skipped[near[0]]
      for label in labels:
        if label != right:
          found.error(
            "labels",
            files[label][0],
            f"label {label!r} is not {right!r}: these windows would train",
            _rename(label, right, files[label]),
          )
    elif len(labels) > 1:
      most = max(labels, key=lambda label: len(files[label]))
      for label in labels:
        if label != most:
          found.warning(
            "labels",
            files[label][0],
            f"label {label!r} in {len(files[label])} files, {most!r} in"
            f" {len(files[most])}",
            _rename(label, most, files[label]),
          )
  _check_rare(
    {k: v for k, v in plain.items() if k not in skipped}, files, found
  )


def _check_rare(
  plain: Mapping[str, Sequence[str]],
  files: Mapping[str, Sequence[Path]],
  found: Findings,
) -> None:
  """A label of one file that is almost one of several files."""
  common = [
    k for k, v in plain.items() if sum(len(files[label]) for label in v) > 2
  ][:_LABELS_COMPARED]
  for key, labels in list(plain.items())[:_LABELS_COMPARED]:
    if sum(len(files[label]) for label in labels) > 1:
      continue
    near = difflib.get_close_matches(key, common, n=1, cutoff=0.85)
    # `step_1` and `step_2` are two labels.
    if near and re.sub(r"\d", "", near[0]) != re.sub(r"\d", "", key):
      right = plain[near[0]][0]
      found.warning(
        "labels",
        files[labels[0]][0],
        f"label {labels[0]!r} stands in this file alone, {right!r} in"
        f" {len(files[right])}",
        _rename(labels[0], right, files[labels[0]]),
      )


def _plain(label: str) -> str:
  return re.sub(r"[\W_]+", "_", label.casefold()).strip("_")


def _rename(label: str, right: str, paths: Sequence[Path]) -> str:
  if not re.fullmatch(r"[\w -]+", label):
    return f"write {right!r} instead"
  shown = list(paths)[:20]
  return command(
    f"sed -i -E 's/^(\\s*\\S+\\s+\\S+\\s+){label}\\s*$/\\1{right}/'", *shown
  )
