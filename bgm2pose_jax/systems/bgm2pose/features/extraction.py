"""Features of whole recordings and of streams, computed on the device.

Dataset build, prediction and live use go through here, so that they share the
compiled programs and get the same numbers.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from bgm2pose_jax.audio import spectrogram
from bgm2pose_jax.base.array_typing import ArrayLike
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.features import feature_sets
from bgm2pose_jax.systems.bgm2pose.features.static_response import StillRoom

# 9.6 s: as fast per second as longer blocks on CPU, and sooner there.
BLOCK_FRAMES = 192


def extract_batch(
  recording: ArrayLike,
  music: ArrayLike,
  still: StillRoom | None = None,
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
    still: the static room, sound [..., channel=4, s] and power density
      [..., k], for the sets that need it.
    feature_set: name in `FEATURE_SETS`.
    sample_rate_hz: samples per second of all.

  Returns:
    float32 [..., frames, f, c] on the device; at 48 kHz s // 2400 frames less
    the context that the set asks for.

  Raises:
    InputError: as `extract`, an unknown feature set, or `still` missing or
      not needed.
  """
  needed = feature_sets.get_feature_set(feature_set).needs_still
  if needed != (still is not None):
    raise InputError(
      "still",
      f"is {'missing' if needed else 'given'} for {feature_set}",
      "see `static_response.StillRoom`" if needed else "leave it out",
    )
  extract = feature_sets.compiled(feature_set, float(sample_rate_hz))
  rest = () if still is None else (still,)
  return extract(recording, music, *rest)


def extract_stream(
  blocks: Iterable[Sequence[Any]],
  *,
  block_frames: int = BLOCK_FRAMES,
  ahead: int = 1,
  feature_set: str = feature_sets.DEFAULT,
  sample_rate_hz: float = 48_000,
) -> Iterator[np.ndarray]:
  """Features of samples that come block by block, in one compiled shape.

  The next block is read while the device computes the one before.

  Args:
    blocks: recording [channel=4, s], music [channel=2, s], float, and the
      static room (a `StillRoom`) for the sets that need it; of one to
      `block_frames` frames each and the set's context frames on either side.
      Samples behind the last whole frame are left out. They must stay
      unchanged until their features have come.
    block_frames: frames that every block is padded to with silence.
    ahead: blocks read beyond the one whose features are handed out; 0 hands
      them out at once, for live use.
    feature_set: name in `FEATURE_SETS`.
    sample_rate_hz: samples per second of all.

  Yields:
    float32 [frames, f, c] for each block, in order.

  Raises:
    InputError: as `extract_batch`, or a block longer than `block_frames`.
  """
  size = spectrogram.hop_samples(sample_rate_hz)
  spec = feature_sets.get_feature_set(feature_set).spec
  around = 2 * spec.context_frames
  running: collections.deque[tuple[int, jax.Array]] = collections.deque()
  for recording, music, *rest in blocks:
    samples = recording.shape[-1] - around * size
    if not size <= samples < (block_frames + 1) * size:
      raise InputError(
        "block",
        f"{samples} samples",
        f"pass 1 to {block_frames} frames of {size} samples at once",
      )
    frames = samples // size
    # Frames behind the last one change nothing before it.
    used, wanted = (frames + around) * size, (block_frames + around) * size
    still = [StillRoom(_fit(x.sound, used, wanted), x.density) for x in rest]
    features = extract_batch(
      _fit(recording, used, wanted),
      _fit(music, used, wanted),
      *still,
      feature_set=feature_set,
      sample_rate_hz=sample_rate_hz,
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
  still: StillRoom | None = None,
  *,
  feature_set: str = feature_sets.DEFAULT,
  sample_rate_hz: float = 48_000,
) -> np.ndarray:
  """A whole recording's features, from host to host in bounded memory.

  Args:
    recording: float [channel=4 (W, X, Y, Z), s] samples, full scale 1.
    music: float [channel=2, s] samples.
    still: sound [channel=4, s] and density [k], for the sets that need it.
    feature_set: name in `FEATURE_SETS`.
    sample_rate_hz: samples per second of all.

  Returns:
    float32 [frames, f, c], the same as `extract`; beyond its ends the
    recording is silent.

  Raises:
    InputError: as `extract`.
  """
  sounds = {"recording": np.asarray(recording), "music": np.asarray(music)}
  if still is not None:
    sounds["still"] = np.asarray(still.sound)
  samples = sounds["recording"].shape[-1]
  for name, sound in sounds.items():
    if sound.shape[-1] != samples:
      raise InputError(
        name,
        f"{sound.shape[-1]} samples against {samples} of the recording",
        "cut both to the same length",
      )
  size = spectrogram.hop_samples(sample_rate_hz)
  frames = samples // size
  around = feature_sets.get_feature_set(feature_set).spec.context_frames * size
  block = min(max(frames, 1), BLOCK_FRAMES)
  starts = range(0, max(frames, 1) * size, block * size)
  if around:
    edges = ((0, 0), (around, around))
    sounds = {name: np.pad(sound, edges) for name, sound in sounds.items()}

  def part(start: int) -> Sequence[Any]:
    cut = slice(start, start + block * size + 2 * around)
    block_of: dict[str, Any] = {
      name: sound[..., cut] for name, sound in sounds.items()
    }
    if still is not None:
      block_of["still"] = still._replace(sound=block_of["still"])
    return tuple(block_of.values())

  stream = extract_stream(
    map(part, starts),
    block_frames=block,
    feature_set=feature_set,
    sample_rate_hz=sample_rate_hz,
  )
  return np.concatenate(list(stream))


def _fit(array: ArrayLike, used: int, wanted: int) -> np.ndarray:
  """Cuts [..., s] to `used` samples and pads it with zeros to `wanted`."""
  array = np.asarray(array)[..., :used]
  if used < wanted:
    pad = [(0, 0)] * (array.ndim - 1) + [(0, wanted - used)]
    return np.pad(array, pad)
  return array
