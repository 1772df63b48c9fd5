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
import numpy as np

from bgm2pose_jax.array_typing import ArrayLike
from bgm2pose_jax.errors import InputError
from bgm2pose_jax.features import intensity, mel, spectrogram
from bgm2pose_jax.features.spec import Channel, FeatureSpec

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
  window_frames=12,
)

# Frames are independent, so long recordings go through in blocks: memory
# stays bounded and one compilation serves every length.
_BLOCK_FRAMES = 240


def _check(recording, music) -> None:
  """Raises InputError unless the arrays are [..., 4, s] and [..., 2, s]."""
  for name, array, channels in (
    ("recording", recording, 4),
    ("music", music, 2),
  ):
    shape = tuple(array.shape)
    if len(shape) < 2 or shape[-2] != channels:
      raise InputError(
        name,
        f"shape {shape}",
        f"pass [..., channel={channels}, samples] with samples last",
      )
    if not jnp.issubdtype(array.dtype, jnp.floating):
      raise InputError(
        name,
        f"dtype {array.dtype}",
        "pass floating point samples with full scale at 1",
      )
  if recording.shape[:-2] != music.shape[:-2]:
    raise InputError(
      "music",
      f"leading axes {music.shape[:-2]} against {recording.shape[:-2]} of the "
      "recording",
      "pass one stereo track for each recording",
    )
  if recording.shape[-1] != music.shape[-1]:
    raise InputError(
      "music",
      f"{music.shape[-1]} samples against {recording.shape[-1]} of the "
      "recording",
      "cut both to the same length",
    )


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
  if not isinstance(recording, jax.Array):
    recording = np.asarray(recording)
  if not isinstance(music, jax.Array):
    music = np.asarray(music)
  _check(recording, music)
  size = spectrogram.hop_samples(sample_rate_hz)
  signals = jnp.concatenate(
    [jnp.asarray(recording, jnp.float32), jnp.asarray(music, jnp.float32)],
    axis=-2,
  )
  frames = spectrogram.split_frames(signals, size)
  # Channels first, frames flat behind them: [channel=6, frames of all, size].
  frames = jnp.moveaxis(frames, -3, 0)
  lead = frames.shape[1:-1]
  frames = frames.reshape(frames.shape[0], -1, size)
  features = _in_blocks(frames, sample_rate_hz)
  return features.reshape(*lead, SPEC.bands, len(SPEC.channels))


def _in_blocks(frames: jax.Array, sample_rate_hz: float) -> jax.Array:
  """[channel=6, frames, size] -> [frames, f, c], block by block."""
  channels, count, size = frames.shape
  if count <= _BLOCK_FRAMES:
    return _frame_features(frames, sample_rate_hz)
  whole = count // _BLOCK_FRAMES * _BLOCK_FRAMES
  blocks = frames[:, :whole].reshape(channels, -1, _BLOCK_FRAMES, size)
  done = jax.lax.map(
    lambda block: _frame_features(block, sample_rate_hz),
    jnp.moveaxis(blocks, 1, 0),
  )
  done = done.reshape(whole, *done.shape[2:])
  if whole == count:
    return done
  rest = _frame_features(frames[:, whole:], sample_rate_hz)
  return jnp.concatenate([done, rest])


def _frame_features(frames: jax.Array, sample_rate_hz: float) -> jax.Array:
  """[channel=6, frames, size] -> [frames, f=128, c=9]."""
  size = frames.shape[-1]
  spectra = spectrogram.spectrum(frames)
  bands = mel.to_mel(
    spectrogram.power(spectra), sample_rate_hz, size, SPEC.bands
  )
  flow = intensity.mel_intensity(spectra[:4], sample_rate_hz, size, SPEC.bands)
  both = jnp.concatenate([mel.power_to_db(bands), flow])
  return jnp.moveaxis(both, 0, -1)


@functools.partial(jax.jit, static_argnames="sample_rate_hz")
def _extract_block(recording, music, sample_rate_hz):
  return extract(recording, music, sample_rate_hz=sample_rate_hz)


def extract_long(
  recording: np.ndarray,
  music: np.ndarray,
  *,
  sample_rate_hz: float = 48_000,
) -> np.ndarray:
  """`extract` for whole recordings on the host, in bounded memory.

  Args:
    recording: [channel=4 (W, X, Y, Z), s] samples, full scale 1.
    music: [channel=2, s] samples.
    sample_rate_hz: samples per second of both.

  Returns:
    float32 NumPy array [frames, f=128, c=9], the same as `extract`.

  Raises:
    InputError: as `extract`.
  """
  recording, music = np.asarray(recording), np.asarray(music)
  _check(recording, music)
  size = spectrogram.hop_samples(sample_rate_hz)
  frames = recording.shape[-1] // size
  block = _BLOCK_FRAMES * size
  if frames < _BLOCK_FRAMES:
    return np.asarray(_extract_block(recording, music, sample_rate_hz))
  # The last block is moved back to be whole, so that one shape is compiled.
  starts = [*range(0, frames * size - block, block), frames * size - block]
  out = np.empty((frames, SPEC.bands, len(SPEC.channels)), np.float32)
  for start in starts:
    cut = slice(start, start + block)
    out[start // size :][:_BLOCK_FRAMES] = _extract_block(
      np.ascontiguousarray(recording[:, cut], np.float32),
      np.ascontiguousarray(music[:, cut], np.float32),
      sample_rate_hz,
    )
  return out
