"""The `music_kernel` feature set: the person as a change of the room.

What the microphone would hear if nobody moved is the music through the room's
static response (`static_response`). The pose is in what differs from it, so
that is what is measured, per mel band and against the prediction itself: the
music that was played cancels to first order.

Channels, with Y the recording, P the prediction, E = Y - P (subtracted in time,
before any window), sums over the bins of a band with mel weights, and N a tenth
of the band's usual sum |P_W|^2:

  Wr Xr Yr Zr, Wi Xi Yi Zi   sum E_c conj(P_W) / (sum |P_W|^2 + N), real part,
                             imaginary part
  eW eX eY eZ                10 log10((sum |E_c|^2 + N / 1000) / (sum |P_W|^2
                             + N)), how loud the change is
  fX fY fZ                   sum Re(E_c conj(E_W)) / (sum |E_W|^2 + .. + |E_Z|^2
                             + N / 100), where its sound comes from: half the
                             direction's cosines, were it a plane wave
  dW dX dY dZ                10 log10((sum |Y_c|^2 + N) / (sum |P_c|^2 + N))
  sure                       10 log10((sum |P_W|^2 + N) / usual): where there is
                             no music just now, nothing above says anything
  m0 m1                      the music, log-mel decibels

The first is a mean, weighted by the music's power, of the relative change of
the room's response within a band: it is the same for any music only as far as
that change is flat within the band and both loudspeakers' are alike. Level and
direction of the change add up by power, so they need no such flatness and carry
over best to music never heard. The last has no phase either, and stays useful
where the prediction is poor. Without N all are noise through silent bars, and
the loudest part of the features.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from bgm2pose_jax.audio import mel, spectrogram
from bgm2pose_jax.audio.sound_check import check_sound
from bgm2pose_jax.base.array_typing import ArrayLike
from bgm2pose_jax.systems.bgm2pose.features.spec import Channel, FeatureSpec
from bgm2pose_jax.systems.bgm2pose.features.static_response import StillRoom
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_FRAMES

# Four frames: the room's echoes and its answer to the music fall into one.
WINDOW_S = 0.2
BANDS = 64
# N over the band's usual power: 0.03 and 0.3 are as good, 0 is far worse.
_FLOOR = 0.1
# Below this share of the loudest band's usual power a band holds no music but
# what compression left, under any microphone's noise: nothing is said of it. It
# would be said by single moments alone, such as the recording's end.
_LEAST_SHARE = 1e-8
# Of N: what a change's level is told from, 40 dB under the usual power; and a
# thousandth of that power, under which no direction is told.
_LEAST_CHANGE = 1e-3
_LEAST_FLOW = 1e-2
# Decibels beyond which a ratio says no more than "nothing like it".
_MOST_DB = 20.0
# A relative change beyond this is noise, where the music is all but silent.
_MOST_CHANGE = 2.0
# Frames of sound that a window reaches beyond its own on either side.
CONTEXT_FRAMES = 2
_BLOCK_FRAMES = 16


def spec(bands: int = BANDS) -> FeatureSpec:
  """What the channels are.

  Args:
    bands: mel bands.
  """
  return FeatureSpec(
    name="music_kernel",
    channels=(
      *(Channel(f"{name}r", "response") for name in "WXYZ"),
      *(Channel(f"{name}i", "response") for name in "WXYZ"),
      *(Channel(f"e{name}", "ratio") for name in "WXYZ"),
      *(Channel(f"f{name}", "direction") for name in "XYZ"),
      *(Channel(f"d{name}", "ratio") for name in "WXYZ"),
      Channel("sure", "confidence"),
      *(Channel(name, "music") for name in ("m0", "m1")),
    ),
    bands=bands,
    sample_rate_hz=48_000,
    hop_s=spectrogram.HOP_S,
    window_frames=WINDOW_FRAMES,
    context_frames=CONTEXT_FRAMES,
  )


SPEC = spec()


def extract(
  recording: ArrayLike,
  music: ArrayLike,
  still: StillRoom,
  *,
  sample_rate_hz: float = 48_000,
  bands: int = BANDS,
  window_s: float = WINDOW_S,
) -> jax.Array:
  """Music-kernel features of sound with two frames of context on each side.

  `jax.jit`-able (with the keywords static) and `vmap`-able; finite on silence.

  Args:
    recording: [..., channel=4 (W, X, Y, Z), s] samples, full scale 1.
    music: [..., channel=2, s] samples played at the same time.
    still: sound [..., channel=4, s] of the static room, and its power
      density [..., k].
    sample_rate_hz: samples per second; 50 ms must be a whole number.
    bands: mel bands.
    window_s: length of the Hann window, centred on each frame; five frames at
      most, for that is what the context holds.

  Returns:
    float32 [..., frames, f=bands, c=22] with s // 2400 - 4 frames at 48 kHz:
    the first and last two of the sound are context.

  Raises:
    InputError: wrong channel counts, lengths, dtype or sample rate, or no
      frame.
  """
  hop = spectrogram.hop_samples(sample_rate_hz)
  window = round(window_s * sample_rate_hz)
  around = 2 * CONTEXT_FRAMES
  sounds = check_sound(
    recording, music, still.sound, shortest=(around + 1) * hop
  )
  sound = jnp.concatenate(sounds, axis=-2)
  lead, samples = sound.shape[:-2], sound.shape[-1]
  frames = samples // hop - around
  taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
  to_mel = functools.partial(
    mel.to_mel, sample_rate_hz=sample_rate_hz, size=window, bands=bands
  )
  usual = to_mel(_on_bins(jnp.asarray(still.density, jnp.float32), window))
  usual = usual * np.float32(np.sum(taper**2))
  first = CONTEXT_FRAMES * hop + hop // 2 - window // 2

  def one(start: jax.Array) -> jax.Array:
    cut = jax.lax.dynamic_slice_in_dim(sound, first + start, window, axis=-1)
    bins = jnp.fft.rfft(cut * taper.astype(np.float32))
    return _bands(bins, usual[..., None, :], to_mel)

  # One window at a time stays in the cache; on an accelerator a few fill it.
  found = jax.lax.map(one, jnp.arange(frames) * hop, batch_size=_BLOCK_FRAMES)
  found = jnp.moveaxis(found, 0, -3)
  return found.reshape(*lead, frames, bands, len(SPEC.channels))


def _on_bins(density: jax.Array, size: int) -> jax.Array:
  """A density [..., k] at the bins of a DFT of `size` samples."""
  bins = np.arange(size // 2 + 1) * ((density.shape[-1] - 1) / (size / 2))
  low = np.minimum(bins.astype(int), density.shape[-1] - 2)
  share = (bins - low).astype(np.float32)
  return density[..., low] * (1 - share) + density[..., low + 1] * share


def _bands(
  bins: jax.Array, usual: jax.Array, to_mel: Callable[[jax.Array], jax.Array]
) -> jax.Array:
  """Spectra [..., channel=10 (Y, m, P), bin] to [..., band, c=22]."""
  heard, music, static = bins[..., :4, :], bins[..., 4:6, :], bins[..., 6:, :]
  left = heard - static
  change = left * static[..., :1, :].conj()
  flow = left[..., 1:, :] * left[..., :1, :].conj()
  parts = [
    change.real,
    change.imag,
    spectrogram.power(left),
    flow.real,
    spectrogram.power(heard),
    spectrogram.power(static),
    spectrogram.power(music),
  ]
  sums = to_mel(jnp.concatenate(parts, axis=-2))
  change, left, flow, heard, static, music = jnp.split(
    sums, (8, 12, 15, 19, 23), axis=-2
  )
  # No music in this band ever, or a stream that has just begun: no statement.
  least = _LEAST_SHARE * jnp.max(usual, axis=-1, keepdims=True)
  known = usual > jnp.maximum(mel.MIN_POWER, least)
  floor = jnp.where(known, _FLOOR * usual, 1)
  power = static[..., :1, :] + floor
  change = jnp.where(known, change / power, 0)
  level = 10 * jnp.log10((left + _LEAST_CHANGE * floor) / power)
  flow = flow / (left.sum(axis=-2, keepdims=True) + _LEAST_FLOW * floor)
  ratio = 10 * jnp.log10((heard + floor) / (static + floor))
  sure = 10 * jnp.log10(power / jnp.where(known, usual, 1 / _FLOOR))
  columns = [
    jnp.clip(change, -_MOST_CHANGE, _MOST_CHANGE),
    jnp.where(known, jnp.minimum(level, _MOST_DB), 0),
    jnp.where(known, flow, 0),
    jnp.where(known, jnp.clip(ratio, -_MOST_DB, _MOST_DB), 0),
    sure,
    mel.power_to_db(music),
  ]
  return jnp.moveaxis(jnp.concatenate(columns, axis=-2), -2, -1)
