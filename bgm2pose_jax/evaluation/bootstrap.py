"""Bootstrap intervals over stretches of a recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.evaluation.metrics import Metrics

_STREAM = 0x626F6F74  # second Philox key word, so that no other draw shares it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Blocks:
  """Windows that are drawn together, for they resemble each other.

  Attributes:
    column: column of names; no block crosses from one name to another.
    windows: about how many there are in a block.
    stretch: how long a block is, for readers, such as `30 s`.
  """

  column: str = "recording"
  # Of half a second, longer than one action.
  windows: int = 50
  stretch: str = "50 windows"


def bootstrap_interval(
  metrics: Metrics,
  predicted: np.ndarray,
  target: np.ndarray,
  reference: np.ndarray | None,
  recording: np.ndarray,
  window_index: np.ndarray,
  *,
  improved: Sequence[str],
  seed: int,
  block_windows: int = Blocks.windows,
  resamples: int = 1000,
) -> dict[str, Any]:
  """95 % intervals of the model's figures over blocks of windows.

  Windows of one stretch resemble each other, so whole blocks within one
  recording are drawn, not windows. The reference is drawn alike, which makes
  the interval of the improvement a paired one.

  Args:
    metrics: the system's metrics.
    predicted: [n, ...].
    target: [n, ...].
    reference: [n, ...] prediction of the reference, or None.
    recording: [n] name of each window's recording.
    window_index: int [n].
    improved: keys of the figures that an improvement is given for.
    seed: seed of the draws.
    block_windows: about how many windows make a block.
    resamples: number of draws.

  Returns:
    {key of a headline figure: [low, high], "blocks": count, "resamples":
    number, "improvement_pct": {key: [low, high]}}; None in place of an
    interval when there is only one block.
  """
  block, count = _blocks(recording, window_index, block_windows)
  columns = [
    metrics.overall(metrics.sums(prediction, target))
    for prediction in (predicted, reference)
    if prediction is not None
  ]
  # [resample, prediction, figure]
  drawn = metrics.headline(
    _redrawn(
      np.stack(columns, axis=1), block, count, _generator(seed), resamples
    )
  )

  def interval(values: np.ndarray) -> list[float] | None:
    return _percentiles(values) if count > 1 else None

  keys = [figure.key for figure in metrics.figures]
  out: dict[str, Any] = {
    key: interval(drawn[:, 0, place]) for place, key in enumerate(keys)
  }
  out |= {"blocks": count, "resamples": resamples}
  places = [keys.index(key) for key in improved]
  if reference is not None and (drawn[:, 1, places] > 0).all():
    out["improvement_pct"] = {
      keys[i]: interval(100 * (1 - drawn[:, 0, i] / drawn[:, 1, i]))
      for i in places
    }
  return out


@dataclasses.dataclass(frozen=True)
class PairedWindows:
  """Two models on the same windows, trained with the same seeds.

  Attributes:
    reference: [seed, n, m] from `Metrics.overall`.
    other: [seed, n, m] of the model compared with it.
    recording: [n] name of each window's recording.
    window_index: int [n].
    weight: share of these windows' figures in the whole.
  """

  reference: np.ndarray
  other: np.ndarray
  recording: np.ndarray
  window_index: np.ndarray
  weight: float


def paired_differences(
  metrics: Metrics,
  parts: Sequence[PairedWindows],
  *,
  seed: int,
  block_windows: int = Blocks.windows,
  resamples: int = 1000,
) -> dict[str, Any]:
  """Differences of two models' headline figures, with 95 % intervals.

  The difference is taken per part (a fold, say) and seed, averaged over seeds
  and then over parts by weight, as tables of folds and seeds do. A resample
  draws blocks within each part, the same ones for both models and all seeds,
  so that what makes a stretch of a recording hard or easy cancels.

  Args:
    metrics: the system's metrics.
    parts: the windows; recordings of different parts are never mixed.
    seed: seed of the draws.
    block_windows: about how many windows make a block.
    resamples: number of draws.

  Returns:
    {key of a headline figure: {"difference": other - reference, "interval":
    [low, high]}, "blocks": count}; None in place of an interval when a part
    has only one block.
  """
  keys = [figure.key for figure in metrics.figures]
  rng = _generator(seed)
  whole, drawn = np.zeros(len(keys)), np.zeros((resamples, len(keys)))
  counts = []
  for part in parts:
    block, count = _blocks(part.recording, part.window_index, block_windows)
    # [n, model, seed, m]
    sums = np.stack([part.reference, part.other]).transpose(2, 0, 1, 3)
    whole += part.weight * _seed_means(metrics, sums.sum(axis=0))
    total = _redrawn(sums, block, count, rng, resamples)
    drawn += part.weight * _seed_means(metrics, total)
    counts.append(count)
  out: dict[str, Any] = {"blocks": sum(counts)}
  for column, key in enumerate(keys):
    out[key] = {
      "difference": float(whole[column]),
      "interval": _percentiles(drawn[:, column]) if min(counts) > 1 else None,
    }
  return out


def _seed_means(metrics: Metrics, sums: np.ndarray) -> np.ndarray:
  """[..., model, seed, m] sums -> [..., figure] other - reference."""
  figures = metrics.headline(sums)
  return (figures[..., 1, :, :] - figures[..., 0, :, :]).mean(axis=-2)


def _blocks(
  recording: np.ndarray, window_index: np.ndarray, block_windows: int
) -> tuple[np.ndarray, int]:
  """Block number of each window, int [n], and how many blocks there are."""
  order = np.lexsort((window_index, recording))
  block = np.zeros(len(recording), np.int64)
  count = 0
  for name in sorted(set(recording.tolist())):
    rows = order[recording[order] == name]
    parts = max(1, round(len(rows) / block_windows))
    for part in np.array_split(rows, parts):
      block[part] = count
      count += 1
  return block, count


def _generator(seed: int) -> np.random.Generator:
  return np.random.Generator(np.random.Philox(key=[seed, _STREAM]))


def _redrawn(
  columns: np.ndarray,
  block: np.ndarray,
  count: int,
  rng: np.random.Generator,
  resamples: int,
) -> np.ndarray:
  """Sums over blocks drawn with replacement: [n, ...] -> [resamples, ...]."""
  sums = np.zeros((count, *columns.shape[1:]))
  np.add.at(sums, block, columns)
  draws = rng.integers(0, count, size=(resamples, count))
  return sums[draws].sum(axis=1)


def _percentiles(values: np.ndarray) -> list[float]:
  return [float(v) for v in np.percentile(values, [2.5, 97.5])]
