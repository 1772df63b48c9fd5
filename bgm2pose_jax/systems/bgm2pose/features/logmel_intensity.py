"""The `logmel_intensity` feature set of BGM2Pose.

Channels W X Y Z m0 m1 are log-mel decibels of the four ambisonics channels
and the two channels of the music being played; Ix Iy Iz is the intensity
vector of the recording (BGM2Pose, arXiv 2503.00389, section 3; specification
2.4).
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from bgm2pose_jax.audio import mel, spectrogram
from bgm2pose_jax.audio.sound_check import check_sound
from bgm2pose_jax.base.array_typing import ArrayLike
from bgm2pose_jax.systems.bgm2pose.features import intensity
from bgm2pose_jax.systems.bgm2pose.features.spec import Channel, FeatureSpec
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_FRAMES

SPEC = FeatureSpec(
  name="logmel_intensity",
  channels=(
    *(Channel(name, "recording") for name in "WXYZ"),
    *(Channel(name, "music") for name in ("m0", "m1")),
    *(Channel(name, "intensity") for name in ("Ix", "Iy", "Iz")),
  ),
  bands=128,
  sample_rate_hz=48_000,
  hop_s=spectrogram.HOP_S,
  window_frames=WINDOW_FRAMES,
)

# Memory stays bounded when frames go through in blocks. On CPU a block of one
# window stays in the cache, in memory that the loop uses again; larger ones
# spend most of their time on fresh pages. On an accelerator 2048 frames take
# about 1 GB.
_CPU_BLOCK_FRAMES = WINDOW_FRAMES
_BLOCK_FRAMES = 2048


def extract(
  recording: ArrayLike,
  music: ArrayLike,
  *,
  sample_rate_hz: float = 48_000,
) -> jax.Array:
  """Log-mel and intensity features of a recording and its music.

  `jax.jit`-able (with `sample_rate_hz` static) and `vmap`-able. Agrees with
  librosa in float64 to 1e-3 dB within 80 dB of a frame's strongest band and
  to 0.1 dB below that; finite on silence.

  Args:
    recording: [..., channel=4 (W, X, Y, Z), s] samples, full scale 1.
    music: [..., channel=2, s] samples played at the same time.
    sample_rate_hz: samples per second of both; 50 ms must be a whole number
      of samples.

  Returns:
    float32 [..., frames, f=128, c=9], frames = s // 2400 at 48 kHz: W X Y Z
    m0 m1 in dB (floor -100), then Ix Iy Iz.

  Raises:
    InputError: wrong channel counts, lengths, dtype or sample rate, or less
      than one frame.
  """
  size = spectrogram.hop_samples(sample_rate_hz)
  signals = [
    spectrogram.split_frames(signal, size)
    for signal in check_sound(recording, music)
  ]
  lead, count = signals[0].shape[:-3], signals[0].shape[-2]
  features = jax.lax.platform_dependent(
    *(signal.reshape(-1, *signal.shape[-3:]) for signal in signals),
    cpu=functools.partial(_in_blocks, sample_rate_hz, _CPU_BLOCK_FRAMES),
    default=functools.partial(_in_blocks, sample_rate_hz, _BLOCK_FRAMES),
  )
  return features.reshape(*lead, count, SPEC.bands, len(SPEC.channels))


def _in_blocks(
  sample_rate_hz: float, limit: int, recording: jax.Array, music: jax.Array
) -> jax.Array:
  """Features of [n, channel, frames, size] in blocks of `limit` frames.

  Frames do not depend on each other. A block is a part of one example, or
  several whole ones where they are short.

  Returns:
    float32 [n, frames, f, c].
  """
  count, _, frames, size = recording.shape
  frame_blocks, each_frames = _share(frames, limit)
  blocks, each = _share(count, max(1, limit // each_frames))
  pad = (
    (0, blocks * each - count),
    (0, 0),
    (0, frame_blocks * each_frames - frames),
    (0, 0),
  )
  recording, music = jnp.pad(recording, pad), jnp.pad(music, pad)

  def one(block: jax.Array | int) -> jax.Array:
    # Cut inside the loop: a copy of all samples in another order would cost
    # a tenth to a quarter of the whole on CPU.
    first = block // frame_blocks * each
    frame = block % frame_blocks * each_frames
    cuts = [
      jax.lax.dynamic_slice(
        signal, (first, 0, frame, 0), (each, signal.shape[1], each_frames, size)
      )
      for signal in (recording, music)
    ]
    both = jnp.concatenate(cuts, axis=1)
    return _frame_features(jnp.moveaxis(both, 1, 0), sample_rate_hz)

  if blocks * frame_blocks == 1:
    return one(0)
  done = jax.lax.map(one, jnp.arange(blocks * frame_blocks))
  done = done.reshape(blocks, frame_blocks, *done.shape[1:]).swapaxes(1, 2)
  done = done.reshape(blocks * each, -1, *done.shape[4:])
  return done[:count, :frames]


def _share(count: int, limit: int) -> tuple[int, int]:
  """Fewest blocks of at most `limit`, as even as can be: (blocks, size)."""
  blocks = -(-count // limit)
  return blocks, -(-count // blocks)


def _frame_features(frames: jax.Array, sample_rate_hz: float) -> jax.Array:
  """[channel=6, ..., size] -> [..., f=128, c=9]."""
  size = frames.shape[-1]
  spectra = spectrogram.spectrum(frames)
  bands = mel.to_mel(
    spectrogram.power(spectra), sample_rate_hz, size, SPEC.bands
  )
  flow = intensity.mel_intensity(spectra[:4], sample_rate_hz, size, SPEC.bands)
  both = jnp.concatenate([mel.power_to_db(bands), flow])
  return jnp.moveaxis(both, 0, -1)
