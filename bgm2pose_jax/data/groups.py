"""The order in which windows are seen: batches of groups.

Windows that share a group stand side by side in a batch, so that a contrastive
loss cannot tell them apart by what they share ("hard negatives"). The order of
an epoch is an int32 table made here from (seed, epoch) alone; grain and the
device cache only follow it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

# Of the code that makes the order. A run goes on in the order it began with:
# raise it with any change that gives other tables for the same arguments.
VERSION = 1

# Words of the Philox key, so that no two uses of one seed share a stream.
_STREAM_ORDER = 0x62676D
_STREAM_LEFT_OUT = 0x6C6566


def epoch_table(
  key: np.ndarray | None,
  rows: np.ndarray,
  *,
  batch_size: int,
  seed: int,
  epoch: int,
  dedup: bool = True,
  steps: int | None = None,
) -> np.ndarray:
  """Makes the index table of one epoch.

  With `dedup` the epoch is a walk over a shuffled deck: groups in random
  order, rows of a group side by side in random order, cut into batches, the
  batches shuffled. No row comes twice in a batch. Rows that do not fill a
  batch are left out; which ones rotates with the epoch, so that over any
  number of epochs two rows' uses differ by one at most per walk.

  Without `dedup` groups are drawn uniformly with replacement, shuffled and
  appended until the batch is full, so a row may come twice in a batch and rows
  of small groups come more often.

  Args:
    key: [table] group of every row *of the whole table* (see `group_key`),
      looked up at `rows`; None groups nothing.
    rows: [n] rows of the table to draw from, each once.
    batch_size: rows in a batch, over all devices.
    seed: the order's seed.
    epoch: counts from 0.
    dedup: no row twice in a batch; always so where nothing is grouped.
    steps: batches in the epoch; None is floor(n / batch_size) with `dedup`,
      floor((n - 1) / batch_size), at least 1, without.

  Returns:
    int32 [steps, batch] of rows of the table.

  Raises:
    ValueError: fewer rows than a batch, repeated rows, or a key that does not
      cover the table.
  """
  rows = np.asarray(rows, np.int64)
  n = len(rows)
  if batch_size < 1:
    raise ValueError(f"batch_size is {batch_size}; give 1 or more")
  if n < batch_size:
    raise ValueError(
      f"{n} training windows do not fill a batch of {batch_size}; "
      "make the batch smaller or the data larger"
    )
  keys = None
  if key is not None:
    keys = np.asarray(key)
    if rows.max() >= len(keys):
      raise ValueError(
        f"row {rows.max()} lies outside the key of {len(keys)} rows; "
        "the key covers the whole table, not only `rows`"
      )
    keys = np.unique(keys[rows], return_inverse=True)[1]
  if steps is None:
    # One window short of two batches still makes the one it fills.
    steps = n // batch_size if dedup else max(1, (n - 1) // batch_size)
  rng = _generator(seed, _STREAM_ORDER, epoch)
  if not dedup and keys is not None:
    return rows[_draw_groups(rng, keys, batch_size, steps)].astype(np.int32)
  if len(np.unique(rows)) != n:
    raise ValueError("`rows` holds a row twice; give each row once")
  return rows[_walk(rng, keys, n, batch_size, steps, seed, epoch)].astype(
    np.int32
  )


def group_key(columns: Sequence[np.ndarray]) -> np.ndarray | None:
  """Numbers the groups of a table.

  Args:
    columns: each [n], int from 0; rows that are equal in all share a group.

  Returns:
    int64 [n]; None without columns, which groups nothing.
  """
  key = None
  for column in columns:
    column = np.asarray(column, np.int64)
    if key is None:
      key = column
    else:
      key = key * (int(column.max(initial=0)) + 1) + column
  return key


@dataclasses.dataclass(frozen=True, eq=False)
class EpochOrder:
  """`epoch_table` with everything but the epoch filled in; pickles.

  Attributes: the arguments of `epoch_table`.
  """

  key: np.ndarray | None
  rows: np.ndarray
  batch_size: int
  seed: int
  dedup: bool = True
  steps: int | None = None

  def __call__(self, epoch: int) -> np.ndarray:
    """Returns the int32 [steps, batch] table of `epoch`."""
    return epoch_table(
      self.key,
      self.rows,
      batch_size=self.batch_size,
      seed=self.seed,
      epoch=epoch,
      dedup=self.dedup,
      steps=self.steps,
    )


def _generator(seed: int, stream: int, epoch: int) -> np.random.Generator:
  words = np.array([seed % 2**64, stream << 32 | epoch], np.uint64)
  return np.random.Generator(np.random.Philox(key=words))


def _walk(
  rng: np.random.Generator,
  keys: np.ndarray | None,
  n: int,
  batch_size: int,
  steps: int,
  seed: int,
  epoch: int,
) -> np.ndarray:
  """One or more walks over the deck: int64 [steps, batch] positions."""
  per_walk = n // batch_size
  sizes = [
    min(per_walk, steps - start) * batch_size
    for start in range(0, steps, per_walk)
  ]
  # One fixed circle of all rows; each walk leaves out the next arc of it.
  circle = _generator(seed, _STREAM_LEFT_OUT, 0).permutation(n)
  arc = epoch * sum(n - size for size in sizes)
  batches = []
  for size in sizes:
    left_out = circle[(arc + np.arange(n - size)) % n]
    arc += n - size
    deck = rng.permutation(np.setdiff1d(np.arange(n), left_out))
    if keys is not None:
      place = rng.permutation(int(keys.max()) + 1)
      deck = deck[np.argsort(place[keys[deck]], kind="stable")]
    batches.append(rng.permutation(deck.reshape(-1, batch_size)))
  return np.concatenate(batches) if batches else np.zeros((0, batch_size), int)


def _draw_groups(
  rng: np.random.Generator, keys: np.ndarray, batch_size: int, steps: int
) -> np.ndarray:
  """Groups with replacement: int64 [steps, batch] positions."""
  members = np.argsort(keys, kind="stable")
  sizes = np.bincount(keys)
  starts = np.cumsum(sizes) - sizes
  # As many draws as a batch of the smallest groups could need.
  draws = rng.integers(len(sizes), size=(steps, -(-batch_size // sizes.min())))
  batches = np.empty((steps, batch_size), np.int64)
  for step, drawn in enumerate(draws):
    needed = int(np.searchsorted(np.cumsum(sizes[drawn]), batch_size)) + 1
    drawn = drawn[:needed]
    ends = np.cumsum(sizes[drawn])
    owner = np.repeat(np.arange(needed), sizes[drawn])
    inside = np.arange(ends[-1]) - (ends - sizes[drawn])[owner]
    pool = members[starts[drawn][owner] + inside]
    shuffled = np.lexsort((rng.random(len(pool)), owner))
    batches[step] = pool[shuffled[:batch_size]]
  return batches
