"""The order in which windows are seen: BGM-grouped batches.

The paper groups a batch by background music: windows of the same music segment
recorded with different people stand side by side, so that the contrastive loss
cannot tell them apart by their music (Shibata et al., BGM2Pose, section 3;
"hard negatives"). The order of an epoch is an int32 table made here from (seed,
epoch) alone; grain and the device cache only follow it.
"""

from __future__ import annotations

import dataclasses

import numpy as np

MODES = ("segment", "track", "random")

# Of the code that makes the order. A run goes on in the order it began with:
# raise it with any change that gives other tables for the same arguments.
VERSION = 1

# Words of the Philox key, so that no two uses of one seed share a stream.
_STREAM_ORDER = 0x62676D
_STREAM_LEFT_OUT = 0x6C6566


def epoch_table(
  segment_key: np.ndarray | None,
  rows: np.ndarray,
  *,
  batch_size: int,
  seed: int,
  epoch: int,
  mode: str = "segment",
  dedup: bool = True,
  steps: int | None = None,
) -> np.ndarray:
  """Makes the index table of one epoch.

  With `dedup` the epoch is a walk over a shuffled deck: groups in random
  order, rows of a group side by side in random order, cut into batches, the
  batches shuffled. No row comes twice in a batch. Rows that do not fill a
  batch are left out; which ones rotates with the epoch, so that over any
  number of epochs two rows' uses differ by one at most per walk.

  Without `dedup` it is the official code's rule: groups are drawn uniformly
  with replacement, shuffled and appended until the batch is full, so a row may
  come twice in a batch and rows of small groups come more often.

  Args:
    segment_key: [table] group of every row *of the whole table* (see
      `group_key`), looked up at `rows`; None or mode `random` groups nothing.
    rows: [n] rows of the table to draw from, each once.
    batch_size: rows in a batch, over all devices.
    seed: of the order.
    epoch: counts from 0.
    mode: `segment`, `track` or `random`; the first two differ in the key the
      caller gives.
    dedup: no row twice in a batch; always so where nothing is grouped.
    steps: batches in the epoch; None is floor(n / batch_size) with `dedup`,
      floor((n - 1) / batch_size) (official) without.

  Returns:
    int32 [steps, batch] of rows of the table.

  Raises:
    ValueError: unknown mode, fewer rows than a batch, repeated rows, or a key
      that does not cover the table.
  """
  rows = np.asarray(rows, np.int64)
  n = len(rows)
  if mode not in MODES:
    raise ValueError(f"mode {mode!r} is not one of {', '.join(MODES)}")
  if batch_size < 1:
    raise ValueError(f"batch_size is {batch_size}; give 1 or more")
  if n < batch_size:
    raise ValueError(
      f"{n} training windows do not fill a batch of {batch_size}; "
      "make the batch smaller or the data larger"
    )
  if mode == "random" or segment_key is None:
    keys = None
  else:
    keys = np.asarray(segment_key)
    if rows.max() >= len(keys):
      raise ValueError(
        f"row {rows.max()} lies outside the key of {len(keys)} rows; "
        "the key covers the whole table, not only `rows`"
      )
    keys = np.unique(keys[rows], return_inverse=True)[1]
  if steps is None:
    # One window short of two batches still makes the one it fills.
    official = max(1, (n - 1) // batch_size)
    steps = n // batch_size if dedup else official
  rng = _generator(seed, _STREAM_ORDER, epoch)
  if not dedup and keys is not None:
    return rows[_draw_groups(rng, keys, batch_size, steps)].astype(np.int32)
  if len(np.unique(rows)) != n:
    raise ValueError("`rows` holds a row twice; give each row once")
  return rows[_walk(rng, keys, n, batch_size, steps, seed, epoch)].astype(
    np.int32
  )


def group_key(
  track: np.ndarray, window_index: np.ndarray, mode: str
) -> np.ndarray | None:
  """Numbers the groups of a table.

  Args:
    track: [n] int track of each row.
    window_index: [n] int position of the window in its track: recordings start
      with the music, so (track, window_index) names the music segment.
    mode: `segment`, `track` or `random`.

  Returns:
    int64 [n], or None for `random`.

  Raises:
    ValueError: unknown mode.
  """
  if mode not in MODES:
    raise ValueError(f"mode {mode!r} is not one of {', '.join(MODES)}")
  if mode == "random":
    return None
  track = np.asarray(track, np.int64)
  if mode == "track":
    return track
  window_index = np.asarray(window_index, np.int64)
  return track * (int(window_index.max(initial=0)) + 1) + window_index


@dataclasses.dataclass(frozen=True, eq=False)
class EpochOrder:
  """`epoch_table` with everything but the epoch filled in; pickles.

  Attributes: as the arguments of `epoch_table`.
  """

  segment_key: np.ndarray | None
  rows: np.ndarray
  batch_size: int
  seed: int
  mode: str = "segment"
  dedup: bool = True
  steps: int | None = None

  def __call__(self, epoch: int) -> np.ndarray:
    """Returns the int32 [steps, batch] table of `epoch`."""
    return epoch_table(
      self.segment_key,
      self.rows,
      batch_size=self.batch_size,
      seed=self.seed,
      epoch=epoch,
      mode=self.mode,
      dedup=self.dedup,
      steps=self.steps,
    )


def pair_share(table_rows: np.ndarray, key: np.ndarray) -> float:
  """Measures how many of the pairs inside batches share a group.

  Args:
    table_rows: [steps, batch] rows of the table.
    key: [table] group of every row of the table.

  Returns:
    Share of the batch (batch - 1) / 2 pairs with equal key, over all batches.
  """
  groups = np.sort(np.asarray(key)[np.asarray(table_rows)], axis=1)
  steps, batch = groups.shape
  pairs = steps * batch * (batch - 1) // 2
  if not pairs:
    return 0.0
  first = np.ones((steps, batch), bool)
  first[:, 1:] = groups[:, 1:] != groups[:, :-1]
  sizes = np.bincount(np.cumsum(first.ravel()) - 1)
  return float((sizes * (sizes - 1) // 2).sum() / pairs)


def random_pair_share(rows: np.ndarray, key: np.ndarray) -> float:
  """Returns the `pair_share` expected of batches drawn at random.

  Args:
    rows: [n] rows drawn from.
    key: [table] group of every row of the table.
  """
  sizes = np.unique(np.asarray(key)[np.asarray(rows)], return_counts=True)[1]
  n = len(rows)
  return float((sizes * (sizes - 1)).sum() / max(1, n * (n - 1)))


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
  """The official rule: int64 [steps, batch] positions."""
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
