"""grain and the device cache follow one table and give the same batches."""

from __future__ import annotations

import dataclasses
import itertools

import jax
import numpy as np
import pytest

from bgm2pose_jax.data import device_cache, groups, pipeline
from bgm2pose_jax.data.table import context

FIELDS = ("features", "pose", "track", "valid")


def epoch_order(table, batch=8):
  key = groups.group_key([table.track, table.window_index])
  rows = np.flatnonzero(table.valid)
  return groups.EpochOrder(key, rows, batch, seed=5)


def batches(table, count, start=0, **kwargs):
  order = epoch_order(table)
  steps = len(order(0))
  stream = pipeline.grain_batches(
    table, order, steps, start, fields=FIELDS, **kwargs
  )
  taken = list(itertools.islice(stream, count))
  stream.close()
  return taken


def assert_same(left, right):
  assert len(left) == len(right) > 0
  for a, b in zip(left, right, strict=True):
    assert a.keys() == b.keys()
    for name in a:
      np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_follows_the_table_over_epochs(corpus):
  table = corpus.table
  order = epoch_order(table)
  steps = len(order(0))
  taken = batches(table, 2 * steps + 1)
  wanted = np.concatenate([order(0), order(1), order(2)[:1]])
  np.testing.assert_array_equal([b["row"] for b in taken], wanted)
  for batch in taken:
    np.testing.assert_array_equal(batch["pose"], table.pose[batch["row"]])
    assert batch["valid"].all()


@pytest.mark.parametrize("workers", [1, 2])
def test_any_worker_count_gives_the_same_batches(corpus, workers):
  wanted = batches(corpus.table, 9, frames=(3, 2))
  got = batches(corpus.table, 9, workers=workers, frames=(3, 2))
  assert_same(got, wanted)


def test_starts_at_any_step(corpus):
  wanted = batches(corpus.table, 12)
  assert_same(batches(corpus.table, 5, start=7), wanted[7:])
  assert len(batches(corpus.table, 1, start=10**7)) == 1


def test_hosts_take_parts_that_make_up_the_batch(corpus):
  wanted = batches(corpus.table, 4)
  parts = [batches(corpus.table, 4, shard=(i, 2)) for i in range(2)]
  joined = [
    {name: np.concatenate([a[name], b[name]]) for name in a}
    for a, b in zip(*parts, strict=True)
  ]
  assert_same(joined, wanted)
  with pytest.raises(ValueError, match="split over 3 hosts"):
    pipeline.BatchSource(
      corpus.table,
      epoch_order(corpus.table),
      4,
      fields=FIELDS,
      shard=(0, 3),
    ).rows(0)


def test_a_table_of_another_length_is_refused(corpus):
  source = pipeline.BatchSource(
    corpus.table, epoch_order(corpus.table), 100, fields=FIELDS
  )
  with pytest.raises(ValueError, match="steps_per_epoch"):
    source.rows(0)


@pytest.mark.parametrize("frames", [(0, 0), (2, 2), (15, 0), (0, 40)])
def test_device_cache_gives_the_batches_of_grain(corpus, frames):
  cache = device_cache.put(corpus.table, FIELDS, context=True)
  gather = jax.jit(lambda c, rows: device_cache.take(c, rows, frames))
  wanted = batches(corpus.table, 6, frames=frames)
  got = [jax.device_get(gather(cache, b["row"])) for b in wanted]
  assert_same(got, wanted)
  assert gather._cache_size() == 1


def test_budget_counts_what_is_placed(corpus):
  table = corpus.table
  size = table.features.nbytes + table.pose.nbytes
  assert device_cache.fits(table, size, ("features", "pose"))
  assert not device_cache.fits(table, size - 1, ("features", "pose"))
  placed = device_cache.put(table, ("features", "pose"))
  assert sum(value.nbytes for value in placed.values()) == size


def test_context_reads_neighbours_and_repeats_the_ends(corpus):
  table = corpus.table
  second = np.flatnonzero(table.recording == 1)
  whole = table.features[second].reshape(-1, *table.features.shape[2:])
  first, last = second[0], second[-1]
  got = context(table, np.array([first, first + 1, last]), 5, 14)
  assert got.shape[1] == 5 + 12 + 14
  np.testing.assert_array_equal(got[0, :5], np.repeat(whole[:1], 5, 0))
  np.testing.assert_array_equal(got[0, 5:], whole[:26])
  np.testing.assert_array_equal(got[1], whole[7:38])
  np.testing.assert_array_equal(got[2, :17], whole[-17:])
  np.testing.assert_array_equal(got[2, 17:], np.repeat(whole[-1:], 14, 0))


def test_context_stops_where_windows_are_missing(corpus):
  table = corpus.table
  # The second recording without its windows 3 and 4.
  rows = np.flatnonzero(table.recording == 1)
  rows = np.delete(rows, [3, 4])
  columns = {
    name: table.column(name)[rows]
    for name in ("features", "pose", "recording", "window_index", "track")
  }
  holed = dataclasses.replace(table, **columns)
  assert holed.first_row.tolist() == [0, 0, 0, 3, 3, 3]
  assert holed.last_row.tolist() == [2, 2, 2, 5, 5, 5]
  got = context(holed, np.array([2, 3]), 2, 2)
  np.testing.assert_array_equal(got[0, -2:], got[0, [-3, -3]])
  np.testing.assert_array_equal(got[1, :2], got[1, [2, 2]])
  # As grain's workers and the device see it, too.
  assert holed.only(("features",)).last_row.tolist() == [2, 2, 2, 5, 5, 5]
  cache = device_cache.put(holed, ("features",), context=True)
  on_device = device_cache.take(cache, np.array([2, 3]), (2, 2))
  np.testing.assert_array_equal(on_device["features"], got)


def test_unknown_column_is_named(corpus):
  with pytest.raises(KeyError, match="no column 'poses'"):
    corpus.table.column("poses")
