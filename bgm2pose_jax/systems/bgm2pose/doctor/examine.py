"""Looks a folder over and gathers what was found."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl import inventory
from bgm2pose_jax.systems.bgm2pose.ampl.recording_index import RecordingIndex
from bgm2pose_jax.systems.bgm2pose.doctor import (
  layouts,
  motion,
  raw,
  released,
  splits,
)
from bgm2pose_jax.systems.bgm2pose.doctor.findings import (
  ERROR,
  Finding,
  Findings,
)
from bgm2pose_jax.systems.bgm2pose.doctor.raw_recording import Facts
from bgm2pose_jax.systems.bgm2pose.doctor.splits import SettingRow

# More than this makes no table that anybody reads.
_MOST_TRACKS, _MOST_ROWS = 16, 100


@dataclasses.dataclass(frozen=True)
class Part:
  """What one layout of a folder holds.

  Attributes:
    layout: `raw` or `released`.
    facts: {recording: what was measured}.
    table: windows per subject and track, as text.
    settings: what could be trained.
  """

  layout: str
  facts: dict[str, Facts]
  table: str
  settings: tuple[SettingRow, ...]


@dataclasses.dataclass(frozen=True)
class Diagnosis:
  """What was found in a folder.

  Attributes:
    folder: the folder, as given.
    findings: the findings, at most some hundred of a kind, in the order of the
      checks.
    counts: {(severity, kind): how many there were}.
    parts: the parts of each layout that is there.
    motion: what a folder of motion captures holds; None for recordings.
  """

  folder: Path
  findings: tuple[Finding, ...]
  counts: dict[tuple[str, str], int]
  parts: tuple[Part, ...]
  motion: motion.Motion | None = None

  @property
  def errors(self) -> int:
    """How many errors there were."""
    return sum(n for (own, _), n in self.counts.items() if own == ERROR)


def examine(
  folder: str | os.PathLike[str],
  *,
  align: str = "sample",
  left: str | None = None,
  order: str | None = None,
  gains: str | None = None,
  progress: bool = True,
) -> Diagnosis:
  """Looks over a folder of somebody's own data.

  Args:
    folder: the folder in the raw or the released layout, or in both; or one
      of motion captures.
    align: recordings that are aligned with their music: `none`, `sample` (the
      first of each track) or `all`; 2 to 4 s for a minute of sound.
    left: microphone axis that points left, see `align.alignment.align`;
      None is +Y, for simulated recordings what their scene says.
    order: order of the recordings' channels, one of `ambisonics.ORDERS`; None
      is W X Y Z where nothing speaks against it.
    gains: gains of the recordings' channels, one of `scene.FORMATS`; None for
      not stated.
    progress: show bars on stderr.

  Returns:
    All findings; nothing in the folder is changed.

  Raises:
    InputError: no such folder.
  """
  root = Path(folder)
  if not root.is_dir():
    raise InputError(
      root,
      "is no folder" if root.exists() else "no such folder",
      "give the folder that holds the recordings",
    )
  found = Findings(root)
  held: tuple[str, ...] = ()
  captures = None
  with found.guard(root, "layout"):
    held = layouts.layouts(root)
    # Recordings have position files too: motion alone is a folder of motion.
    if not held and not layouts.explain_near(root, found):
      if motion.holds_motion(root):
        layouts.note_sounds(root, found)
        captures = motion.examine_motion(root, found, progress=progress)
      else:
        layouts.explain_none(root, found)
  parts = []
  for layout in held:
    if layout == layouts.RAW:
      index, facts = raw.examine_raw(
        root,
        found,
        align=align,
        left=left,
        order=order,
        gains=gains,
        progress=progress,
      )
    else:
      index, facts = released.examine_released(root, found, progress=progress)
    parts.append(_part(layout, index, facts, found))
  return Diagnosis(
    root, tuple(found.kept), found.counts, tuple(parts), captures
  )


def _part(
  layout: str,
  index: RecordingIndex[Any] | None,
  facts: dict[str, Facts],
  found: Findings,
) -> Part:
  if index is None:
    return Part(layout, facts, "", ())
  kept = {name: own.kept for name, own in facts.items()}
  rows = splits.check_settings(index, kept, found)
  return Part(layout, facts, _table(index, kept), rows)


def _table(index: RecordingIndex[Any], kept: dict[str, int | None]) -> str:
  """Windows per subject and track; one line where that would be too long."""
  subjects = {recording.subject for recording in index.recordings}
  if len(index.genres) > _MOST_TRACKS or len(subjects) > _MOST_ROWS:
    return (
      f"{len(index.recordings)} recordings of {len(subjects)} subjects and"
      f" {len(index.genres)} tracks,"
      f" {sum(count or 0 for count in kept.values())} windows"
    )
  return inventory.render(index, lambda recording: kept.get(recording.name))
