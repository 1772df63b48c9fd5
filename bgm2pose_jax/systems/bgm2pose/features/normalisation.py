"""Feature statistics: fitted on training rows, applied inside the task.

Three modes. `track_channel` is the paper's: one mean and deviation per track
and channel of the stored features, then the differences. `per_band` takes
the differences first and standardises each band and channel over the whole
training set: the variation that follows the pose is a few dB in some bands,
which one deviation per channel (about 20 dB, mostly the music's slope) hides.
`per_recording` does the same by each recording's own mean and deviation, as
speech recognition does with cepstra (Atal, J. Acoust. Soc. Am. 55, 1974): the
level of a person's size and standing is taken out. It reads the test
recording's sound as a whole, never its poses, so it needs a recording, not a
window, to predict.

Statistics are a pytree of float32 arrays whose first axis is the group, track
or recording (`group_field`), with one more row for a group that has no rows of
its own: statistics over all training rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.features.conditioning import (
  audio_channels,
  conditioned,
  music_channels,
)
from bgm2pose_jax.systems.bgm2pose.features.spec import (
  DECIBEL_ROLES,
  FeatureSpec,
)

MODES = ("track_channel", "per_band", "per_recording")
# Smallest deviation divided by. A band that is constant in training (music
# below the -100 dB floor) may move at test time, and must not explode then.
MIN_STD_DB = 0.1
MIN_STD_UNITLESS = 1e-4
# A ratio is bounded by itself (its floor N), and tells the pose by hundredths
# of a decibel where there is little music.
MIN_STD_RATIO_DB = 0.01

# Windows read at a time: 256 x 12 x 128 x 9 float32 is 14 MB.
_BLOCK = 256


def group_field(mode: str) -> str:
  """Column that chooses the row of statistics: `track` or `recording`."""
  return "recording" if mode == "per_recording" else "track"


def _check_mode(mode: str) -> None:
  if mode not in MODES:
    raise InputError(
      "feature_norm", f"unknown mode {mode!r}", f"use one of {', '.join(MODES)}"
    )


def least_deviations(
  spec: FeatureSpec, layout: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Smallest deviations that channels are divided by.

  Args:
    spec: what the channels are.
    layout: one of `conditioning.LAYOUTS`.

  Returns:
    float64 [stored channels], [audio channels] and [music channels].
  """
  of_role = dict.fromkeys(DECIBEL_ROLES, MIN_STD_DB)
  of_role["ratio"] = MIN_STD_RATIO_DB
  floor = {
    ch.name: of_role.get(ch.role, MIN_STD_UNITLESS) for ch in spec.channels
  }
  audio = [floor.get(name, MIN_STD_DB) for name in audio_channels(spec, layout)]
  music = [MIN_STD_DB] * len(music_channels(spec, layout))
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
  features: np.ndarray, group: np.ndarray, rows: np.ndarray
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
    yield block, group[part]


def fit_stats(
  features: np.ndarray,
  group: np.ndarray,
  spec: FeatureSpec,
  mode: str,
  num_groups: int,
  *,
  layout: str = "difference",
  rows: np.ndarray | None = None,
  own_rows: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
  """Fits normalisation statistics on training windows.

  Reads block by block with float64 accumulation, so `features` may be a
  memory map larger than memory.

  Args:
    features: [n, t, f, c] float32, as stored.
    group: [n] index of each window's track or, for `per_recording`, of its
      recording; 0 .. num_groups - 1.
    spec: what the channels are.
    mode: one of `MODES`.
    num_groups: number of known tracks or recordings.
    layout: what the model sees, one of `conditioning.LAYOUTS`.
    rows: indices of the training windows; all when not given.
    own_rows: the windows that count for their own recording in
      `per_recording`, test recordings' too; `rows` when not given.

  Returns:
    Dict of float32 arrays with num_groups + 1 rows, the last for groups
    without rows. `track_channel`: mean, std [groups + 1, c]. `per_band` and
    `per_recording`: audio_mean, audio_std [groups + 1, f, audio channels] and
    music_mean, music_std [groups + 1, f, music channels], left out where the
    layout has no such channels; all rows alike for `per_band`.

  Raises:
    InputError: unknown mode, wrong shapes, no rows, a group out of range, or
      features that are not finite.
  """
  _check_mode(mode)
  group = np.asarray(group)
  if features.ndim != 4 or features.shape[-1] != len(spec.channels):
    raise InputError(
      "features",
      f"shape {features.shape}",
      f"pass [n, t, f, c={len(spec.channels)}]",
    )
  if group.shape != (len(features),):
    raise InputError(
      group_field(mode),
      f"shape {group.shape}",
      f"pass one index per window [n={len(features)}]",
    )
  rows = np.arange(len(features)) if rows is None else np.asarray(rows)
  if len(rows) == 0:
    raise InputError("training rows", "none", "choose other tracks or subjects")
  own_rows = rows if own_rows is None else np.asarray(own_rows)
  for used in (group[rows], group[own_rows]):
    if used.min() < 0 or used.max() >= num_groups:
      raise InputError(
        group_field(mode),
        f"indices {used.min()} to {used.max()}",
        f"use 0 to {num_groups - 1}",
      )
  if mode == "track_channel":
    return _fit_channels(features, group, spec, num_groups, rows)
  return _fit_bands(
    features,
    group,
    spec,
    layout,
    num_groups,
    rows,
    own_rows if mode == "per_recording" else rows[:0],
  )


def _fit_channels(features, group, spec, num_groups, rows):
  """One mean and deviation per group and stored channel."""
  floor, _, _ = least_deviations(spec, "difference")
  moments = _Moments(num_groups + 1, (len(spec.channels),))
  for block, groups in _blocks(features, group, rows):
    for g in np.unique(groups):
      moments.add(int(g), block[groups == g], (0, 1, 2))
  for g in range(num_groups):
    moments.merge_row(num_groups, g)
  mean, std = moments.result(floor)
  return {"mean": mean, "std": std}


def _fit_bands(features, group, spec, layout, num_groups, rows, own_rows):
  """One mean and deviation per band and channel of what the model sees.

  The last row is that of all training rows; groups without `own_rows` copy it.
  """
  _, *floors = least_deviations(spec, layout)
  bands = features.shape[2]
  moments = [_Moments(num_groups + 1, (bands, len(f))) for f in floors]
  for block, _ in _blocks(features, group, rows):
    for part, values in zip(moments, conditioned(block, spec, layout)):
      part.add(num_groups, values, (0, 1))
  for block, groups in _blocks(features, group, own_rows):
    for part, values in zip(moments, conditioned(block, spec, layout)):
      for g in np.unique(groups):
        part.add(int(g), values[groups == g], (0, 1))
  out = {}
  for name, part, floor in zip(("audio", "music"), moments, floors):
    # A checkpoint holds no empty arrays: without channels no statistics.
    if len(floor):
      out[f"{name}_mean"], out[f"{name}_std"] = part.result(floor)
  return out


class OwnStatistics:
  """Statistics of one recording, as its sound comes in.

  What `fit_stats` gives a recording for `per_recording`, without holding its
  features.
  """

  def __init__(
    self,
    spec: FeatureSpec,
    layout: str,
    prior: dict[str, np.ndarray] | None = None,
    prior_frames: int = 0,
  ):
    """Starts with nothing heard.

    Args:
      spec: what the stored channels are.
      layout: one of `conditioning.LAYOUTS`.
      prior: row of statistics to start from, such as that of all training
        recordings.
      prior_frames: how many frames it counts for.
    """
    self._spec, self._layout = spec, layout
    self._parts: dict[str, tuple[_Moments, np.ndarray]] = {}
    _, *floors = least_deviations(spec, layout)
    for name, floor in zip(("audio", "music"), floors):
      if not len(floor):
        continue
      moments = _Moments(1, (spec.bands, len(floor)))
      if prior is not None and prior_frames:
        moments.count[:] = prior_frames
        moments.mean[0] = prior[f"{name}_mean"]
        deviation = np.asarray(prior[f"{name}_std"], np.float64)
        moments.square[0] = prior_frames * deviation**2
      self._parts[name] = moments, floor

  def add(self, features: np.ndarray) -> None:
    """Adds what was heard.

    Args:
      features: [frames, f, c], not normalised.
    """
    made = conditioned(features[None], self._spec, self._layout)
    for name, values in zip(("audio", "music"), made):
      if name in self._parts:
        self._parts[name][0].add(0, values, (0, 1))

  def row(self) -> dict[str, np.ndarray]:
    """Statistics of what was added, one row as of `fit_stats`: [f, c]."""
    out = {}
    for name, (moments, floor) in self._parts.items():
      mean, std = moments.result(floor)
      out[f"{name}_mean"], out[f"{name}_std"] = mean[0], std[0]
    return out


def apply_stats(
  stats: dict[str, jax.Array] | dict[str, np.ndarray],
  features: jax.Array,
  group: jax.Array,
  spec: FeatureSpec,
  mode: str,
  *,
  layout: str = "difference",
) -> tuple[jax.Array, jax.Array]:
  """Normalises features and splits them into audio and music.

  Args:
    stats: the statistics that `fit_stats` returned in the same mode.
    features: [b, t, f, c] as stored.
    group: [b] index of the track or recording, see `group_field`; one outside
      the fitted ones takes the fallback.
    spec: what the channels are.
    mode: one of `MODES`.
    layout: that of the fit.

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
  group = jnp.asarray(group)
  row = jnp.where((group >= 0) & (group < fallback), group, fallback)

  def standardised(values, name):
    if not values.shape[-1]:
      return values
    mean = jnp.asarray(stats[f"{name}mean"])[row]
    std = jnp.asarray(stats[f"{name}std"])[row]
    # [b, c] -> [b, 1, 1, c], [b, f, c] -> [b, 1, f, c]
    while mean.ndim < values.ndim:
      mean, std = mean[:, None], std[:, None]
    return (values - mean) / std

  features = jnp.asarray(features, jnp.float32)
  if mode == "track_channel":
    return conditioned(standardised(features, ""), spec, layout)
  audio, music = conditioned(features, spec, layout)
  return standardised(audio, "audio_"), standardised(music, "music_")
