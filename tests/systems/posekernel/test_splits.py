"""Environments and stretches of samples are left out whole."""

from __future__ import annotations

import numpy as np
import pytest
from stand_in_samples import StandIn, table

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import schema
from bgm2pose_jax.data.rows import split_rows
from bgm2pose_jax.systems.posekernel import splits
from bgm2pose_jax.systems.posekernel.config import Config

ROOMS = ("room1", "room2", "room10")


def _config(**changes):
  return schema.overlay(Config(), changes)


def test_one_environment_is_left_out_in_natural_order():
  given = ("room10", "room2", "room1")
  found = splits.resolve(_config(fold=1), given)
  assert found.fold_order == found.sections == ROOMS
  assert found.test == {"environment": ("room2",)}
  assert found.train == {"environment": ("room1", "room10")}
  assert splits.resolve(_config(fold=2), given).test == {
    "environment": ("room10",)
  }


def test_the_last_tenth_of_each_recording_validates():
  made = table(StandIn(environments=2, samples=40, moved=10))
  split = splits.resolve(_config(fold=1), made.environments)
  rows = split_rows(made, split)
  assert set(made.named("environment", rows.test)) == {"room2"}
  assert len(rows.test) == 40
  # Three of thirty as built, one of ten behind moved walls.
  assert made.sample[rows.validation].tolist() == [27, 28, 29, 39]
  assert set(made.named("recording", rows.validation)) == {
    "room1",
    "room1, walls moved",
  }
  assert not set(rows.train) & set(rows.validation)


@pytest.mark.parametrize("fold", range(5))
def test_a_block_is_a_fifth_of_neighbours_of_each_environment(fold):
  made = table(StandIn(environments=2, samples=20))
  split = splits.resolve(
    _config(fold=fold, split_by="block"), made.environments
  )
  rows = split_rows(made, split)
  wanted = list(range(4 * fold, 4 * fold + 4))
  assert made.sample[rows.test].tolist() == 2 * wanted
  assert split.fold_order == ("0", "1", "2", "3", "4")
  others = np.concatenate([rows.train, rows.validation])
  assert len(others) == 32
  assert not set(wanted) & set(made.sample[others].tolist())
  last = [i for i in range(20) if i not in wanted][-2:]
  assert made.sample[rows.validation].tolist() == 2 * last


@pytest.mark.parametrize(
  ("changes", "rooms", "message"),
  [
    ({"fold": 3}, ROOMS, "give 0 to 2"),
    ({"fold": 5, "split_by": "block"}, ROOMS, "give 0 to 4"),
    ({}, ("room1",), "take --split_by=block"),
  ],
)
def test_folds_that_are_not_there_are_refused(changes, rooms, message):
  with pytest.raises(InputError, match=message):
    splits.resolve(_config(**changes), rooms)
