"""Which windows of a table train, validate and test."""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.systems.bgm2pose.splits import CLIP_FOLDS, Split, natural_key


@dataclasses.dataclass(frozen=True)
class Rows:
  """Row numbers of a window table, each int64 and rising.

  Attributes:
    train: trained on.
    validation: the last part of every training recording.
    test: looked at once, at the end.
  """

  train: np.ndarray
  validation: np.ndarray
  test: np.ndarray


def split_rows(
  table: WindowTable, split: Split, validation_fraction: float
) -> Rows:
  """Applies a split to a window table.

  Args:
    table: windows in sequence per recording.
    split: from `settings.resolve`.
    validation_fraction: share of each training recording, its last part.

  Returns:
    Disjoint rows; with clip folds, groups of clips (annotation labels) are
    left out instead of subjects.

  Raises:
    InputError: when one of the parts is empty.
  """

  def among(column: np.ndarray, names: tuple[str, ...], wanted) -> np.ndarray:
    codes = [i for i, name in enumerate(names) if name in set(wanted)]
    return np.isin(column, codes)

  usable = table.valid & table.has_pose
  in_train = (
    usable
    & among(table.track, table.tracks, split.train_tracks)
    & among(table.subject, table.subjects, split.train_subjects)
  )
  of_test = among(table.track, table.tracks, split.test_tracks) & among(
    table.subject, table.subjects, split.test_subjects
  )
  if split.setting == "plain_clothes":
    # Recordings without motion capture, not captured ones that lost track.
    captured = np.isin(
      table.recording, np.unique(table.recording[table.has_pose])
    )
    in_test = of_test & table.valid & ~captured
  else:
    in_test = of_test & usable
  if split.fold_by == "clip":
    group = clip_groups(table)
    in_test &= group == split.fold
    in_train &= group != split.fold
  train_rows, validation_rows = [], []
  for recording in np.unique(table.recording[in_train]):
    rows = np.flatnonzero(in_train & (table.recording == recording))
    # At least one window each; the last in time.
    held = max(1, round(validation_fraction * len(rows)))
    train_rows.append(rows[:-held])
    validation_rows.append(rows[-held:])
  rows = Rows(
    train=_joined(train_rows),
    validation=_joined(validation_rows),
    test=np.flatnonzero(in_test),
  )
  for part in ("train", "validation", "test"):
    if not len(getattr(rows, part)):
      raise InputError(
        f"--setting={split.setting}",
        f"no window left to {part} on (tracks {split.train_tracks}, "
        f"test subjects {split.test_subjects})",
        "check the annotations, or choose another track or fold",
      )
  return rows


def clip_groups(table: WindowTable) -> np.ndarray:
  """Returns int64 [n]: the clip fold of each window.

  Clips are annotation labels; each subject's labels are dealt in natural
  order, so that every fold holds some of everybody.
  """
  group = np.full(len(table.label), -1, np.int64)
  for subject in np.unique(table.subject):
    of_subject = table.subject == subject
    codes = np.unique(table.label[of_subject])
    ordered = sorted(codes, key=lambda code: natural_key(table.labels[code]))
    for place, code in enumerate(ordered):
      group[of_subject & (table.label == code)] = place % CLIP_FOLDS
  return group


def _joined(parts: list[np.ndarray]) -> np.ndarray:
  return np.concatenate(parts) if parts else np.zeros(0, np.int64)
