"""Spectra of a recording's blocks beside the music that should be in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import scipy.fft

from bgm2pose_jax.audio.warp import warp

RATE_HZ = 24000
# 1.4 s: several times a living room's reverberation.
BLOCK = 1 << 15
HOP = BLOCK // 2
# Neighbouring Hann windows share half of their samples; a mean over all of
# them has so much more variance than one over independent blocks.
OVERLAP = 19 / 18
FREQS_HZ = np.fft.rfftfreq(BLOCK, 1 / RATE_HZ)


@dataclasses.dataclass(frozen=True)
class Clocks:
  """How the music lies in the recording.

  Attributes:
    offset_s: time in the recording at which the music begins.
    drift_ppm: the drift of the player over the recorder.
  """

  offset_s: float
  drift_ppm: float

  def later_by(self, delay_s: float, slope: float) -> Clocks:
    """These clocks after the music moved.

    Args:
      delay_s: how much later it comes than thought, at the recording's start.
      slope: how much more, per second of recording.
    """
    ratio = 1 + self.drift_ppm * 1e-6
    return Clocks(
      (self.offset_s + delay_s) / (1 - slope), (ratio * (1 - slope) - 1) * 1e6
    )


@dataclasses.dataclass(frozen=True)
class BlockSpectra:
  """One block.

  Attributes:
    number: the number of the block.
    middle_s: its middle in the recording.
    sound: complex128 [channel, bins].
    music: complex128 [2, bins]: half the sum and half the difference of the
      music's channels.
  """

  number: int
  middle_s: float
  sound: np.ndarray
  music: np.ndarray


def place_music(music: np.ndarray, clocks: Clocks, samples: int) -> np.ndarray:
  """The music's half sum and half difference on the recording's clock.

  Args:
    music: [2, samples] at `RATE_HZ`.
    clocks: where it lies.
    samples: the length of the recording at `RATE_HZ`.

  Returns:
    float32 [2, samples].
  """
  out = np.empty((2, samples), np.float32)
  pieces = 1 << 20
  for low in range(0, samples, pieces):
    count = min(pieces, samples - low)
    left, right = warp(
      music, clocks.offset_s * RATE_HZ, clocks.drift_ppm, count, low
    )
    out[0, low : low + count] = (left + right) / 2
    out[1, low : low + count] = (left - right) / 2
  return out


def block_middles_s(samples: int) -> np.ndarray:
  """Times of the blocks' middles in a recording of so many samples."""
  starts = np.arange(0, samples - BLOCK + 1, HOP)
  return (starts + BLOCK / 2) / RATE_HZ


def blocks(sound: np.ndarray, placed: np.ndarray) -> Iterator[BlockSpectra]:
  """Cuts recording and placed music into windowed blocks.

  Args:
    sound: float32 [channel, samples] at `RATE_HZ`.
    placed: float32 [2, samples] from `place_music`.
  """
  window = np.hanning(BLOCK + 1)[:-1]
  for number, middle in enumerate(block_middles_s(sound.shape[1])):
    here = slice(number * HOP, number * HOP + BLOCK)
    yield BlockSpectra(
      number,
      float(middle),
      np.asarray(scipy.fft.rfft(sound[:, here] * window)),
      np.asarray(scipy.fft.rfft(placed[:, here] * window)),
    )
