"""What each setting could train and test on with the windows at hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import splits as settings
from bgm2pose_jax.systems.bgm2pose.ampl.recording_index import RecordingIndex
from bgm2pose_jax.systems.bgm2pose.config import SETTINGS
from bgm2pose_jax.systems.bgm2pose.doctor.findings import ERROR, Findings


@dataclasses.dataclass(frozen=True)
class SettingRow:
  """Whether a setting can be run.

  Attributes:
    setting: its name.
    reason: why it cannot; empty where it can.
    test_tracks: the tracks that it can be tested on.
    folds: the number of folds of the first of them.
    train_windows, test_windows: how many there are in the first fold of the
      first of them.
  """

  setting: str
  reason: str = ""
  test_tracks: tuple[str, ...] = ()
  folds: int = 0
  train_windows: int = 0
  test_windows: int = 0


def usable(
  index: RecordingIndex[Any], kept: Mapping[str, int | None]
) -> settings.Holdings:
  """Holdings of the recordings that have windows to learn from.

  Args:
    index: the index of the folder.
    kept: {recording: windows}; none or None for one that cannot be used.
  """
  good = tuple(r for r in index.recordings if kept.get(r.name))
  return dataclasses.replace(index, recordings=good).holdings()


def check_settings(
  index: RecordingIndex[Any],
  kept: Mapping[str, int | None],
  found: Findings,
) -> tuple[SettingRow, ...]:
  """Tries every setting.

  Args:
    index: the index of the folder.
    kept: {recording: windows that would be used}.
    found: takes a note for each setting that cannot be run, an error where
      none can.

  Returns:
    A row for each.
  """
  holdings = usable(index, kept)
  rows = tuple(_row(setting, holdings, index, kept) for setting in SETTINGS)
  for row in rows:
    if row.reason:
      found.note("settings", f"--setting={row.setting}", row.reason, _fix(row))
  if all(row.reason for row in rows):
    found.error(
      "settings",
      found.root,
      "no setting can be trained with the recordings that are in order",
      _fix_all(index, found),
    )
  return rows


def _fix_all(index: RecordingIndex[Any], found: Findings) -> str:
  """What lets a setting be trained: mended recordings, or more of them."""
  more = "add recordings of two or more people with the same track"
  return f"correct the errors above, or {more}" if found.number(ERROR) else more


def _row(
  setting: str,
  holdings: settings.Holdings,
  index: RecordingIndex[Any],
  kept: Mapping[str, int | None],
) -> SettingRow:
  if not holdings.genres:
    return SettingRow(setting, "no recording is in order")
  splits, reason = [], ""
  try:
    for track in settings.test_tracks(setting, holdings.genres):
      try:
        splits.append(settings.resolve(setting, holdings, test_track=track))
      except InputError as error:
        reason = reason or error.found
  except InputError as error:
    reason = error.found
  if not splits:
    return SettingRow(setting, reason)
  first = splits[0]

  def windows(tracks, subjects, has_pose: bool) -> int:
    return sum(
      kept.get(r.name) or 0
      for r in index.recordings
      if r.track in tracks and r.subject in subjects and r.has_pose == has_pose
    )

  return SettingRow(
    setting=setting,
    test_tracks=tuple(split.test_tracks[0] for split in splits),
    folds=len(first.fold_order) if setting != "plain_clothes" else 1,
    train_windows=windows(first.train_tracks, first.train_subjects, True),
    test_windows=windows(
      first.test_tracks, first.test_subjects, setting != "plain_clothes"
    ),
  )


def _fix(row: SettingRow) -> str:
  if row.setting == "single":
    return "record two or more people with one track"
  if row.setting == "plain_clothes":
    return (
      "record somebody without motion capture: subject_<s>_wo_mocap_<track>"
    )
  if row.setting == "cross_music":
    return "record a second track of one genre, with two people or more"
  return "record a track of another genre, with two people or more"
