"""Feature statistics: fitted on training rows, applied inside the task.

Two modes. `track_channel` is the paper's: one mean and deviation per track
and channel of the stored features, then the differences. `per_band` takes
the differences first and standardises each band and channel over the whole
training set: the variation that follows the pose is a few dB in some bands,
which one deviation per channel (about 20 dB, mostly the music's slope) hides.

Statistics are a pytree of float32 arrays whose first axis is the track, with
one more row for a track that has no training rows: statistics over all of
them.
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.errors import InputError
from bgm2pose_jax.features.conditioning import (
  conditioned,
  difference_channels,
)
from bgm2pose_jax.features.spec import FeatureSpec

MODES = ("track_channel", "per_band")
# Smallest deviation divided by. A band that is constant in training (music
# below the -100 dB floor) may move at test time, and must not explode then.
MIN_STD_DB = 0.1
MIN_STD_UNITLESS = 1e-4

# Windows read at a time: 256 x 12 x 128 x 9 float32 is 14 MB.
_BLOCK = 256


def _check_mode(mode: str) -> None:
  if mode not in MODES:
    raise InputError(
      "feature_norm", f"unknown mode {mode!r}", f"use one of {', '.join(MODES)}"
    )


def _min_std(spec: FeatureSpec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Smallest deviations of stored, audio and music channels."""
  decibel = {"recording", "music", "response"}
  floor = {
    ch.name: MIN_STD_DB if ch.role in decibel else MIN_STD_UNITLESS
    for ch in spec.channels
  }
  audio = [floor.get(name, MIN_STD_DB) for name in difference_channels(spec)]
  music = [MIN_STD_DB] * len(spec.indices("music"))
  return np.array(list(floor.values())), np.array(audio), np.array(music)


class _Moments:
  """Running float64 mean and squared deviations (Chan et al., 1983)."""

  def __init__(self, rows: int, shape: tuple[int, ...]):
    self.count = np.zeros((rows,) + (1,) * len(shape))
    self.mean = np.zeros((rows, *shape))
    self.square = np.zeros((rows, *shape))

  def add(self, row: int, values: np.ndarray, axis: tuple[int, ...]) -> None:
    """Adds a block of values, reduced over `axis`, to one row."""
    count = np.prod([values.shape[i] for i in axis])
    mean = values.mean(axis=axis, dtype=np.float64)
    centred = values - mean.astype(np.float32)
    # The rounding of the centre is taken out again below.
    left = centred.mean(axis=axis, dtype=np.float64)
    centred *= centred
    square = centred.sum(axis=axis, dtype=np.float64) - count * left**2
    self._merge(row, count, mean, square)

  def merge_row(self, row: int, other: int) -> None:
    """Adds row `other` to `row`."""
    count = self.count[other].item()
    if count:
      self._merge(row, count, self.mean[other], self.square[other])

  def _merge(self, row, count, mean, square) -> None:
    old = self.count[row].item()
    total = old + count
    change = mean - self.mean[row]
    self.mean[row] += change * (count / total)
    self.square[row] += square + change**2 * (old * count / total)
    self.count[row] = total

  def result(self, min_std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and floored deviation; rows without values copy the last row."""
    std = np.sqrt(np.maximum(self.square, 0) / np.maximum(self.count, 1))
    std = np.maximum(std, min_std)
    empty = self.count.reshape(-1) == 0
    mean = np.where(self.count == 0, self.mean[-1], self.mean)
    std[empty] = std[-1]
    return mean.astype(np.float32), std.astype(np.float32)


def _blocks(
  features: np.ndarray, track: np.ndarray, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  for start in range(0, len(rows), _BLOCK):
    part = rows[start : start + _BLOCK]
    block = np.asarray(features[part], np.float32)
    if not np.isfinite(block).all():
      bad = part[~np.isfinite(block).all(axis=(1, 2, 3))]
      raise InputError(
        "features",
        f"NaN or infinity in window {bad[0]}",
        "prepare the data again from a clean recording",
      )
    yield block, track[part]


def fit_stats(
  features: np.ndarray,
  track: np.ndarray,
  spec: FeatureSpec,
  mode: str,
  num_tracks: int,
  *,
  rows: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
  """Fits normalisation statistics on training windows.

  Reads block by block with float64 accumulation, so `features` may be a
  memory map larger than memory.

  Args:
    features: [n, t, f, c] float32, as stored.
    track: [n] track index of each window, 0 .. num_tracks - 1.
    spec: what the channels are.
    mode: `track_channel` or `per_band`.
    num_tracks: number of known tracks.
    rows: indices of the windows to use; all when not given.

  Returns:
    Dict of float32 arrays with num_tracks + 1 rows, the last for tracks
    without training rows. `track_channel`: mean, std [tracks + 1, c].
    `per_band`: audio_mean, audio_std [tracks + 1, f, audio channels] and
    music_mean, music_std [tracks + 1, f, music channels], all rows alike.

  Raises:
    InputError: unknown mode, wrong shapes, no rows, a track out of range, or
      features that are not finite.
  """
  _check_mode(mode)
  track = np.asarray(track)
  if features.ndim != 4 or features.shape[-1] != len(spec.channels):
    raise InputError(
      "features",
      f"shape {features.shape}",
      f"pass [n, t, f, c={len(spec.channels)}]",
    )
  if track.shape != (len(features),):
    raise InputError(
      "track",
      f"shape {track.shape}",
      f"pass one index per window [n={len(features)}]",
    )
  rows = np.arange(len(features)) if rows is None else np.asarray(rows)
  if len(rows) == 0:
    raise InputError("training rows", "none", "choose other tracks or subjects")
  used = track[rows]
  if used.min() < 0 or used.max() >= num_tracks:
    raise InputError(
      "track",
      f"indices {used.min()} to {used.max()}",
      f"use 0 to {num_tracks - 1}",
    )
  bands = features.shape[2]
  stored_floor, audio_floor, music_floor = _min_std(spec)
  if mode == "track_channel":
    moments = _Moments(num_tracks + 1, (len(spec.channels),))
    for block, tracks in _blocks(features, track, rows):
      for t in np.unique(tracks):
        moments.add(int(t), block[tracks == t], (0, 1, 2))
    for t in range(num_tracks):
      moments.merge_row(num_tracks, t)
    mean, std = moments.result(stored_floor)
    return {"mean": mean, "std": std}
  audio_moments = _Moments(1, (bands, len(audio_floor)))
  music_moments = _Moments(1, (bands, len(music_floor)))
  for block, _ in _blocks(features, track, rows):
    audio, music = conditioned(block, spec)
    audio_moments.add(0, audio, (0, 1))
    music_moments.add(0, music, (0, 1))
  out = {}
  for name, moments, floor in (
    ("audio", audio_moments, audio_floor),
    ("music", music_moments, music_floor),
  ):
    for part, values in zip(("mean", "std"), moments.result(floor)):
      out[f"{name}_{part}"] = np.repeat(values, num_tracks + 1, axis=0)
  return out


def apply_stats(
  stats: dict[str, jax.Array] | dict[str, np.ndarray],
  features: jax.Array,
  track: jax.Array,
  spec: FeatureSpec,
  mode: str,
) -> tuple[jax.Array, jax.Array]:
  """Normalises features and splits them into audio and music.

  Args:
    stats: from `fit_stats` with the same mode.
    features: [b, t, f, c] as stored.
    track: [b] track index; one outside the fitted tracks takes the fallback.
    spec: what the channels are.
    mode: `track_channel` or `per_band`.

  Returns:
    audio [b, t, f, audio channels] and music [b, t, f, music channels],
    float32, see `conditioning.conditioned`.

  Raises:
    InputError: unknown mode, or statistics of another mode.
  """
  _check_mode(mode)
  needed = "mean" if mode == "track_channel" else "audio_mean"
  if needed not in stats:
    raise InputError(
      "feature statistics",
      f"fields {', '.join(sorted(stats))}",
      f"fit them with feature_norm={mode!r}",
    )
  fallback = stats[needed].shape[0] - 1
  track = jnp.asarray(track)
  row = jnp.where((track >= 0) & (track < fallback), track, fallback)

  def standardised(values, name):
    mean = jnp.asarray(stats[f"{name}mean"])[row]
    std = jnp.asarray(stats[f"{name}std"])[row]
    # [b, c] -> [b, 1, 1, c], [b, f, c] -> [b, 1, f, c]
    while mean.ndim < values.ndim:
      mean, std = mean[:, None], std[:, None]
    return (values - mean) / std

  features = jnp.asarray(features, jnp.float32)
  if mode == "track_channel":
    return conditioned(standardised(features, ""), spec)
  audio, music = conditioned(features, spec)
  return standardised(audio, "audio_"), standardised(music, "music_")
