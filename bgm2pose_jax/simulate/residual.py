"""What no fixed linear response of the music gives, as real rooms have it.

Two mechanisms make up the stated level in each octave. The room's response
changes slowly, with the air: a few seeded draws under the response's own decay
come and go over some ten seconds. The rest is noise that follows the music's
energy in each octave, as a chain's signal-dependent noise does; its cause is
not known. (The loudspeaker's distortion is a part of its own, `loudspeaker`.)
"""

from __future__ import annotations

import functools
import math

import numpy as np
import scipy.fft

from bgm2pose_jax.simulate import diffuse_tail, octaves, room
from bgm2pose_jax.simulate.fast_convolution import convolve
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.simulate.scene_parts import BAND_EDGES_HZ, Residual

_SLOW_DRAWS = 3
# Frames of the noise's envelope.
_FRAME_S = 0.04
_BLOCK_FRAMES = 256


def _band_gains(residual: Residual, share: float) -> np.ndarray:
  """Gains of a share of the residual, for each octave between the edges."""
  level = octaves.per_octave(residual.level_db, len(BAND_EDGES_HZ) - 1)
  return math.sqrt(share) * 10 ** (level / 20)


@functools.lru_cache(maxsize=2)
def slow_responses(scene: Scene) -> np.ndarray:
  """Draws of what the empty room's response changes by.

  Args:
    scene: the room; it names the residual's seed and levels.

  Returns:
    float64 [draw, speaker, 4, taps]. In each octave a draw has the slow
    share of the residual's energy.
  """
  residual = scene.residual
  assert residual is not None
  response = room.static_response(scene)
  key = np.array([residual.seed, 0x510], np.uint64)
  rng = np.random.Generator(np.random.Philox(key=key))
  size = 2 * response.shape[-1]
  freqs = np.fft.rfftfreq(size, 1 / scene.sample_rate_hz)
  band = octaves.band_of(freqs)
  count = len(BAND_EDGES_HZ) - 1
  gains = _band_gains(residual, residual.slow_share)

  def energies(spectrum: np.ndarray) -> np.ndarray:
    power = np.mean(np.abs(spectrum) ** 2, axis=(0, 1))
    return np.maximum(np.bincount(band, power, count), 1e-300)

  there = energies(np.fft.rfft(response, size))
  out = []
  for _ in range(_SLOW_DRAWS):
    drawn = np.fft.rfft(response * rng.standard_normal(response.shape), size)
    scale = gains * np.sqrt(there / energies(drawn))
    out.append(np.fft.irfft(drawn * scale[band], size)[..., : size // 2])
  return np.stack(out)


def slow_change(scene: Scene, music: np.ndarray, seed: int) -> np.ndarray:
  """What the slow change of the response adds, float32 [4, samples].

  Args:
    scene: the room with its residual.
    music: [speaker, samples].
    seed: of the take: periods and phases.
  """
  residual = scene.residual
  assert residual is not None
  rng = np.random.default_rng([residual.seed, seed, 0x510])
  time = np.arange(music.shape[1], dtype=np.float32) / scene.sample_rate_hz
  out = np.zeros((4, music.shape[1]), np.float32)
  for draw in slow_responses(scene):
    period = residual.slow_s * rng.uniform(1, 2)
    phase = rng.uniform(0, 2 * np.pi)
    weight = np.cos(2 * np.pi * time / np.float32(period) + phase)
    weight *= math.sqrt(2 / _SLOW_DRAWS)
    out += np.asarray(weight, np.float32) * convolve(music, draw)
  return out


def following_noise(scene: Scene, still: np.ndarray, seed: int) -> np.ndarray:
  """Noise that follows the recording's energy in each octave.

  Args:
    scene: the room with its residual.
    still: recording of the empty room, [4, samples].
    seed: of the take.

  Returns:
    float32 [4, samples], independent in the channels, diffuse gains.
  """
  residual = scene.residual
  assert residual is not None
  rate = scene.sample_rate_hz
  hop = max(8, round(_FRAME_S * rate / 2))
  size, samples = 2 * hop, still.shape[1]
  window = np.sqrt(0.5 - 0.5 * np.cos(np.pi * (np.arange(size) + 0.5) / hop))
  window = window.astype(np.float32)
  band = octaves.band_of(np.fft.rfftfreq(size, 1 / rate))
  count = len(BAND_EDGES_HZ) - 1
  bins = np.maximum(np.bincount(band, minlength=count), 1)
  gains = _band_gains(residual, 1 - residual.slow_share)
  shares = diffuse_tail.channel_gains(scene)
  shares = (shares / shares[0]).astype(np.float32)
  rng = np.random.default_rng([residual.seed, seed, 0xF0])
  frames = math.ceil(samples / hop) + 1
  heard = np.zeros((frames + 1) * hop, np.float32)
  heard[hop : hop + samples] = still[0]
  out = np.zeros((4, len(heard)), np.float32)
  for first in range(0, frames, _BLOCK_FRAMES):
    last = min(frames, first + _BLOCK_FRAMES)
    cut = np.lib.stride_tricks.sliding_window_view(heard, size)
    spectrum = np.asarray(
      scipy.fft.rfft(cut[first * hop : (last - 1) * hop + 1 : hop] * window)
    )
    power = np.stack(
      [
        np.sum(np.abs(spectrum[:, band == b]) ** 2, -1) / bins[b]
        for b in range(count)
      ],
      axis=-1,
    )
    level = (np.sqrt(power) * gains)[:, band].astype(np.float32)
    shape = (4, *level.shape)
    noise = np.empty(shape, np.complex64)
    noise.real = rng.standard_normal(shape, np.float32)
    noise.imag = rng.standard_normal(shape, np.float32)
    # Two parts of variance 1, for a window that keeps half of the energy.
    noise *= level
    pieces = np.asarray(scipy.fft.irfft(noise, size)) * window
    for i, piece in enumerate(np.moveaxis(pieces, 1, 0)):
      at = (first + i) * hop
      out[:, at : at + size] += piece
  return out[:, hop : hop + samples] * shares[:, None]
