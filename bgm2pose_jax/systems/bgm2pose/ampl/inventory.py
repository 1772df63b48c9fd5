"""What a folder of AMPL holds, beside what was published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bgm2pose_jax.data.split import natural_key
from bgm2pose_jax.report import text_table
from bgm2pose_jax.systems.bgm2pose import splits
from bgm2pose_jax.systems.bgm2pose.ampl.recording_index import RecordingIndex

# Windows per raw subject id, as counted in the authors' notebook.
PUBLISHED_WINDOWS = {
  "0": 2561,
  "1": 4021,
  "2": 2149,
  "3": 2149,
  "4": 2149,
  "5": 2149,
  "6": 2544,
  "7": 2544,
  "8": 2544,
  "9": 2544,
}
PUBLISHED_TOTAL = sum(PUBLISHED_WINDOWS.values())


def render(
  index: RecordingIndex[Any],
  count: Callable[[Any], int | None],
  notes: Sequence[str] = (),
) -> str:
  """Returns a table of windows per subject and track.

  Args:
    index: the index of the folder.
    count: recording -> windows kept by annotations; None when nobody looked.
    notes: sentences to add below.

  Returns:
    Lines of text without a newline at the end. Counts of AMPL's own people
    stand beside the published ones; recordings without motion capture have
    rows of their own and are in no sum.
  """
  tracks = list(index.genres)
  cells: dict[tuple[str, bool], dict[str, list[int | None]]] = {}
  for recording in index.recordings:
    row = cells.setdefault((recording.subject, recording.has_pose), {})
    row.setdefault(recording.track, []).append(count(recording))
  if index.is_ampl:
    for subject in PUBLISHED_WINDOWS:
      cells.setdefault((subject, True), {})
  paper = {
    subject: name.removeprefix("paper:")
    for name, subject in splits.AMPL_PAPER_SUBJECTS.items()
  }
  table = [
    ["subject", "paper", *tracks, "windows", "published", "difference", ""]
  ]
  with_pose: list[int | None] = []
  for subject, has_pose in sorted(
    cells, key=lambda key: (not key[1], natural_key(key[0]))
  ):
    row = cells[subject, has_pose]
    parts = {track: _sum(counts) for track, counts in row.items()}
    windows = _sum([parts[track] for track in tracks if track in parts])
    published = PUBLISHED_WINDOWS.get(subject) if index.is_ampl else None
    if has_pose:
      with_pose.append(windows)
    table.append(
      [
        subject,
        paper.get(subject, "-") if index.is_ampl else "-",
        *(_text(parts[t]) if t in parts else "-" for t in tracks),
        _text(windows),
        *_compared(windows, published if has_pose else None),
        _remark(index, subject, has_pose, bool(row)),
      ]
    )
  published = PUBLISHED_TOTAL if index.is_ampl else None
  total = _sum(with_pose)
  table.append(
    [
      "total",
      *[""] * (1 + len(tracks)),
      _text(total),
      *_compared(total, published),
      "with motion capture",
    ]
  )
  return "\n".join([*text_table.aligned(table, left=(-1,)), *notes])


def _sum(counts: Sequence[int | None]) -> int | None:
  """The sum; None when a part is not known."""
  known = [count for count in counts if count is not None]
  return sum(known) if len(known) == len(counts) else None


def _text(count: int | None) -> str:
  return "?" if count is None else str(count)


def _compared(windows: int | None, published: int | None) -> tuple[str, str]:
  if published is None:
    return "-", "-"
  if windows is None:
    return str(published), "?"
  change = windows - published
  return str(published), f"{change:+d}" if change else "0"


def _remark(
  index: RecordingIndex[Any], subject: str, has_pose: bool, here: bool
) -> str:
  remarks = []
  if not has_pose:
    remarks.append("plain clothes, no motion capture")
  if subject in index.excluded:
    remarks.append("excluded: never used")
  if not here:
    remarks.append("not here")
  return "; ".join(remarks)
