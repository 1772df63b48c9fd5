"""Rows of a split: disjoint, held out by name, last part for validation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from toy_system.takes import Takes

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import rows as rows_lib
from bgm2pose_jax.data.split import Dealt, Split, Stretches

WINDOWS = 20


def _table(**changes):
  """Three players, two environments, 20 windows each; takes change every 4."""
  recording = np.repeat(np.arange(6), WINDOWS)
  window = np.tile(np.arange(WINDOWS), 6)
  values = {
    "echo": np.zeros((120, 5), np.float32),
    "place": np.zeros((120, 2), np.float32),
    "player": recording // 2,
    "environment": recording % 2,
    "recording": recording,
    "recordings": tuple(f"day{i}" for i in range(6)),
    "take": window // 4,
    "window_index": window,
    "players": ("ann", "bo", "cy"),
    "environments": ("hall", "lab"),
    "takes": tuple(f"take{i}" for i in range(5)),
    "kept": window != 7,
    "measured": np.ones(120, bool),
    "spec": None,
    "simulated": True,
    "fingerprint": "f",
  }
  return Takes(**(values | changes))


def _split(**changes):
  values = {
    "train": {"environment": ("hall",), "player": ("bo", "cy")},
    "test": {"environment": ("hall",), "player": ("ann",)},
    "fold": 0,
    "fold_by": "player",
    "fold_order": ("ann", "bo", "cy"),
    "sections": ("hall",),
    "label": "--protocol=people",
  }
  return Split(**(values | changes))


def test_split_is_disjoint_and_by_name():
  table = _table()
  rows = rows_lib.split_rows(table, _split())
  assert set(table.named("player", rows.test)) == {"ann"}
  assert set(table.named("player", rows.train)) == {"bo", "cy"}
  for part in (rows.train, rows.validation, rows.test):
    assert set(table.named("environment", part)) == {"hall"}
    assert table.kept[part].all()
  everything = np.concatenate([rows.train, rows.validation, rows.test])
  assert len(set(everything)) == len(everything) == 3 * (WINDOWS - 1)


@pytest.mark.parametrize(
  ("key", "train", "test", "recordings"),
  [
    ("recording", ("day0", "day3"), ("day5",), ({0, 3}, {5})),
    ("player", ("ann", "cy"), ("bo",), ({0, 1, 4, 5}, {2, 3})),
    ("environment", ("lab",), ("hall",), ({1, 3, 5}, {0, 2, 4})),
  ],
)
def test_any_column_of_names_can_part_the_windows(key, train, test, recordings):
  table = _table()
  split = _split(train={key: train}, test={key: test}, fold_by=key)
  rows = rows_lib.split_rows(table, split)
  for part, wanted in (
    (rows.train, recordings[0]),
    (rows.validation, recordings[0]),
    (rows.test, recordings[1]),
  ):
    assert set(table.recording[part]) == wanted
  with pytest.raises(KeyError, match="'kept' holds no names"):
    rows_lib.split_rows(table, _split(test={"kept": ("yes",)}))


def test_no_window_that_overlaps_validation_trains():
  table = _table()
  rows, apart = (
    rows_lib.split_rows(table, _split(overlap=overlap)) for overlap in (0, 2)
  )
  np.testing.assert_array_equal(apart.validation, rows.validation)
  np.testing.assert_array_equal(apart.test, rows.test)
  left_out = sorted(set(rows.train) - set(apart.train))
  # Of each of two recordings, those that end where validation begins.
  assert table.window_index[left_out].tolist() == [16, 17, 16, 17]
  assert set(apart.train) < set(rows.train)


def test_validation_is_the_last_part_of_each_recording():
  table = _table()
  rows = rows_lib.split_rows(table, _split())
  for recording in (2, 4):
    trained = table.window_index[
      rows.train[table.recording[rows.train] == recording]
    ]
    held = table.window_index[
      rows.validation[table.recording[rows.validation] == recording]
    ]
    assert list(held) == [18, 19]
    assert trained.max() < held.min()


def test_dealt_names_are_left_out_whole_and_within_each_other_name():
  table = _table()
  everybody = {"environment": ("hall",)}
  split = _split(
    train=everybody, test=everybody, fold=3, dealt=Dealt("take", "player", 5)
  )
  rows = rows_lib.split_rows(table, split)
  assert set(table.take[rows.test]) == {3}
  assert 3 not in set(table.take[rows.train]) | set(table.take[rows.validation])
  # With names of each player's own, in natural order: every group has all.
  take = table.player * 5 + table.take
  names = tuple(f"c{i}" for i in (20, 3, 100, 1, 11, *range(200, 210)))
  own = dataclasses.replace(table, take=take, takes=names)
  rows = rows_lib.split_rows(own, split)
  assert set(own.named("take", rows.test)) == {"c20", "c203", "c208"}


@pytest.mark.parametrize("fold", range(5))
def test_a_stretch_of_neighbours_is_left_out_of_each_name(fold):
  table = _table()
  hall = {"environment": ("hall",)}
  cut = Stretches(within="player", groups=5)
  split = _split(train=hall, test=hall, fold=fold, dealt=cut)
  rows = rows_lib.split_rows(table, split)
  usable = [index for index in range(WINDOWS) if index != 7]
  # Nineteen windows: one stretch is shorter, and it is the last.
  wanted = usable[4 * fold : 4 * fold + 4]
  for player in range(3):
    own = table.player[rows.test] == player
    assert table.window_index[rows.test][own].tolist() == wanted
  others = np.concatenate([rows.train, rows.validation])
  assert not set(wanted) & set(table.window_index[others].tolist())
  assert len(others) + len(rows.test) == 3 * len(usable)


def test_windows_without_a_target_are_of_recordings_without_any():
  window = _table().window_index
  table = _table(kept=window // 4 != 0)
  measured = table.player != 0
  # A recording that lost its target for a while stays out.
  measured[table.recording == 2] = window[:WINDOWS] > 3
  table = dataclasses.replace(table, measured=measured)
  split = _split(
    test={"environment": ("hall",), "player": ("ann", "bo")},
    test_lacks=("measured",),
  )
  rows = rows_lib.split_rows(table, split)
  assert set(table.named("player", rows.test)) == {"ann"}
  assert not table.measured[rows.test].any()
  assert (table.take[rows.test] != 0).all()
  assert len(rows.test) == 16


def test_empty_part_is_refused():
  kept = _table().player != 0
  with pytest.raises(
    InputError,
    match=r"people: no window left to test on \(environment hall; player ann\)",
  ):
    rows_lib.split_rows(_table(kept=kept), _split())


def test_what_is_left_out_never_trains_and_may_be_tested():
  table = _table()
  split = _split(left_out={"take": ("take1", "take4")})
  rows = rows_lib.split_rows(table, split)
  learnt = np.concatenate([rows.train, rows.validation])
  assert set(table.named("take", learnt)) == {"take0", "take2", "take3"}
  assert set(table.named("take", rows.test)) == set(table.takes)
