"""Features of whole recordings and of streams, computed on the device.

Dataset build, prediction and live use go through here, so that they share the
compiled programs and get the same numbers.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Iterable, Iterator

import jax
import numpy as np

from bgm2pose_jax.array_typing import ArrayLike
from bgm2pose_jax.errors import InputError
from bgm2pose_jax.features import feature_sets, spectrogram

# 9.6 s: as fast per second as longer blocks on CPU, and sooner there.
BLOCK_FRAMES = 192


@functools.cache
def _compiled(
  feature_set: str, sample_rate_hz: float
) -> Callable[..., jax.Array]:
  extract = feature_sets.get_feature_set(feature_set).extract
  return jax.jit(functools.partial(extract, sample_rate_hz=sample_rate_hz))


def extract_batch(
  recording: ArrayLike,
  music: ArrayLike,
  *,
  feature_set: str = feature_sets.DEFAULT,
  sample_rate_hz: float = 48_000,
) -> jax.Array:
  """A feature set's `extract`, compiled once for each shape.

  Returns before the device is done. On CPU the device may read NumPy arrays
  where they lie: leave them unchanged until the result is there.

  Args:
    recording: float [..., channel=4 (W, X, Y, Z), s] samples, full scale 1.
    music: float [..., channel=2, s] samples played at the same time.
    feature_set: name in `FEATURE_SETS`.
    sample_rate_hz: samples per second of both.

  Returns:
    float32 [..., frames, f, c] on the device, frames = s // 2400 at 48 kHz.

  Raises:
    InputError: as `extract`, or an unknown feature set.
  """
  return _compiled(feature_set, float(sample_rate_hz))(recording, music)


def extract_stream(
  blocks: Iterable[tuple[np.ndarray, np.ndarray]],
  *,
  block_frames: int = BLOCK_FRAMES,
  ahead: int = 1,
  feature_set: str = feature_sets.DEFAULT,
  sample_rate_hz: float = 48_000,
) -> Iterator[np.ndarray]:
  """Features of samples that come block by block, in one compiled shape.

  The next block is read while the device computes the one before.

  Args:
    blocks: pairs of recording [channel=4, s] and music [channel=2, s], float,
      of one to `block_frames` frames each; samples behind the last whole frame
      are left out. A pair must stay unchanged until its features have come.
    block_frames: frames that every block is padded to with silence.
    ahead: blocks read beyond the one whose features are handed out; 0 hands
      them out at once, for live use.
    feature_set: name in `FEATURE_SETS`.
    sample_rate_hz: samples per second of both.

  Yields:
    float32 [frames, f, c] for each block, in order.

  Raises:
    InputError: as `extract_batch`, or a block longer than `block_frames`.
  """
  size = spectrogram.hop_samples(sample_rate_hz)
  running: collections.deque[tuple[int, jax.Array]] = collections.deque()
  for recording, music in blocks:
    samples = recording.shape[-1]
    if not size <= samples < (block_frames + 1) * size:
      raise InputError(
        "block",
        f"{samples} samples",
        f"pass 1 to {block_frames} frames of {size} samples at once",
      )
    frames = samples // size
    # Frames do not overlap: silence behind the last one changes nothing.
    recording, music = (
      _fit(array, frames * size, block_frames * size)
      for array in (recording, music)
    )
    features = extract_batch(
      recording, music, feature_set=feature_set, sample_rate_hz=sample_rate_hz
    )
    running.append((frames, features))
    while len(running) > ahead:
      frames, features = running.popleft()
      yield np.asarray(features)[:frames]
  for frames, features in running:
    yield np.asarray(features)[:frames]


def extract_long(
  recording: np.ndarray,
  music: np.ndarray,
  *,
  feature_set: str = feature_sets.DEFAULT,
  sample_rate_hz: float = 48_000,
) -> np.ndarray:
  """A whole recording's features, from host to host in bounded memory.

  Args:
    recording: float [channel=4 (W, X, Y, Z), s] samples, full scale 1.
    music: float [channel=2, s] samples.
    feature_set: name in `FEATURE_SETS`.
    sample_rate_hz: samples per second of both.

  Returns:
    float32 [frames, f, c], the same as `extract`.

  Raises:
    InputError: as `extract`.
  """
  recording, music = np.asarray(recording), np.asarray(music)
  if recording.shape[-1] != music.shape[-1]:
    raise InputError(
      "music",
      f"{music.shape[-1]} samples against {recording.shape[-1]} of the "
      "recording",
      "cut both to the same length",
    )
  size = spectrogram.hop_samples(sample_rate_hz)
  frames = recording.shape[-1] // size
  block = min(max(frames, 1), BLOCK_FRAMES)
  starts = range(0, max(frames, 1) * size, block * size)
  cuts = [slice(start, start + block * size) for start in starts]
  stream = extract_stream(
    ((recording[..., cut], music[..., cut]) for cut in cuts),
    block_frames=block,
    feature_set=feature_set,
    sample_rate_hz=sample_rate_hz,
  )
  return np.concatenate(list(stream))


def _fit(array: np.ndarray, used: int, wanted: int) -> np.ndarray:
  """Cuts [..., s] to `used` samples and pads it with zeros to `wanted`."""
  array = array[..., :used]
  if used < wanted:
    pad = [(0, 0)] * (array.ndim - 1) + [(0, wanted - used)]
    return np.pad(array, pad)
  return array
