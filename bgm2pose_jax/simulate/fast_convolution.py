"""Convolution of several signals with several responses, in fixed memory."""

from __future__ import annotations

import math

import numpy as np
import scipy.fft

_BLOCK = 1 << 16


def convolve(music: np.ndarray, response: np.ndarray) -> np.ndarray:
  """Sum over loudspeakers of music * response, by overlap-save.

  Works block by block in float32: memory beyond input and output stays fixed.

  Args:
    music: [speaker, samples].
    response: [speaker, channel, taps].

  Returns:
    float32 [channel, samples], cut at the music's end.
  """
  samples, taps = music.shape[1], response.shape[-1]
  size = max(_BLOCK, 1 << math.ceil(math.log2(2 * taps)))
  step = size - taps + 1
  spectrum = np.asarray(
    scipy.fft.rfft(response.astype(np.float32), size, axis=-1)
  )
  out = np.empty((response.shape[1], samples), np.float32)
  segment = np.zeros((len(music), size), np.float32)
  for start in range(0, samples, step):
    low, high = start - taps + 1, min(start + step, samples)
    segment[:] = 0
    segment[:, max(0, -low) : high - low] = music[:, max(0, low) : high]
    forward = np.asarray(scipy.fft.rfft(segment, axis=-1))
    mixed = np.einsum("sf,scf->cf", forward, spectrum)
    block = np.asarray(scipy.fft.irfft(mixed, size, axis=-1))
    out[:, start:high] = block[:, taps - 1 : taps - 1 + high - start]
  return out
