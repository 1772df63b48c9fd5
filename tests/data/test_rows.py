"""Rows of a split: disjoint, held out by name, last part for validation."""

from __future__ import annotations

import types

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import rows as rows_lib
from bgm2pose_jax.systems.bgm2pose import splits


def _table():
  """Three subjects, two tracks, 20 windows each; labels change every 4."""
  count = 20
  recording = np.repeat(np.arange(6), count)
  window = np.tile(np.arange(count), 6)
  subject, track = recording // 2, recording % 2
  return types.SimpleNamespace(
    subject=subject,
    track=track,
    recording=recording,
    label=window // 4,
    window_index=window,
    valid=window != 7,
    has_pose=np.ones(120, bool),
    subjects=("a", "b", "c"),
    tracks=("haze", "tide"),
    labels=tuple(f"clip{i}" for i in range(5)),
  )


def _split(**changes):
  values = {
    "setting": "single",
    "fold": 0,
    "fold_by": "subject",
    "train_tracks": ("haze",),
    "test_tracks": ("haze",),
    "train_subjects": ("b", "c"),
    "test_subjects": ("a",),
    "fold_order": ("a", "b", "c"),
  }
  return splits.Split(**(values | changes))


def test_subject_split_is_disjoint_and_by_name():
  table = _table()
  rows = rows_lib.split_rows(table, _split(), 0.1)
  assert set(table.subject[rows.test]) == {0}
  assert set(table.subject[rows.train]) == {1, 2}
  for part in (rows.train, rows.validation, rows.test):
    assert (table.track[part] == 0).all()
    assert table.valid[part].all()
  everything = np.concatenate([rows.train, rows.validation, rows.test])
  assert len(set(everything)) == len(everything)


def test_validation_is_the_last_part_of_each_recording():
  table = _table()
  rows = rows_lib.split_rows(table, _split(), 0.1)
  for recording in (2, 4):
    trained = table.window_index[
      rows.train[table.recording[rows.train] == recording]
    ]
    held = table.window_index[
      rows.validation[table.recording[rows.validation] == recording]
    ]
    assert list(held) == [18, 19]
    assert trained.max() < held.min()


def test_clip_folds_leave_clips_out():
  table = _table()
  split = _split(
    fold_by="clip",
    fold=3,
    train_subjects=("a", "b", "c"),
    test_subjects=("a", "b", "c"),
  )
  rows = rows_lib.split_rows(table, split, 0.1)
  assert set(table.label[rows.test]) == {3}
  assert 3 not in set(table.label[rows.train]) | set(
    table.label[rows.validation]
  )


def test_plain_clothes_takes_annotated_windows_without_poses():
  table = _table()
  table.has_pose = table.subject != 0
  # A captured recording whose markers were lost for a while stays out.
  table.has_pose[table.recording == 2] = table.window_index[:20] > 3
  table.valid = table.label != 0
  rows = rows_lib.split_rows(table, _split(setting="plain_clothes"), 0.1)
  assert not table.has_pose[rows.test].any()
  assert (table.label[rows.test] != 0).all()
  assert len(rows.test) == 16


def test_empty_part_is_refused():
  table = _table()
  table.valid[table.subject == 0] = False
  with pytest.raises(InputError, match="no window left to test"):
    rows_lib.split_rows(table, _split(), 0.1)
