"""Recordings of a sweep in a room that is known, made by plain formulas."""

from __future__ import annotations

import numpy as np
from scipy import signal

from bgm2pose_jax.audio.sweep import Excitation

RATE_HZ = 96_000
TAPS = 1024
# Short, and well within the band: what comes back is the kernel itself.
SWEEP = Excitation(duration_s=0.05).samples()
PAIRS = 3
_SIZE = 1 << 14


def delayed(spectrum_of: np.ndarray, samples: float) -> np.ndarray:
  """A sound that comes later by any part of a sample, float64 [_SIZE]."""
  turns = np.fft.rfftfreq(_SIZE) * samples
  spectrum = np.fft.rfft(spectrum_of, _SIZE)
  return np.fft.irfft(spectrum * np.exp(-2j * np.pi * turns), _SIZE)


def room(pair: int) -> np.ndarray:
  """The empty room's response: direct sound at tap 0, then echoes."""
  rng = np.random.default_rng(100 + pair)
  out = np.zeros(3000)
  out[0] = 1.0
  out[300:] = 0.03 * rng.normal(size=2700) * np.exp(-np.arange(2700) / 900)
  return out


def kernel(sample: int, pair: int) -> np.ndarray:
  """float64 [TAPS]: echoes of a body, behind the direct sound's taps."""
  rng = np.random.default_rng(1000 * sample + pair)
  out = np.zeros(TAPS)
  out[400 : 400 + 120] = 0.02 * rng.normal(size=120)
  b, a = signal.butter(3, (1_000, 15_000), "band", fs=RATE_HZ)
  return signal.lfilter(b, a, out)


def recording(
  kernels: list[np.ndarray] | None,
  *,
  latency: float = 700.0,
  noise: float = 0.0,
  seed: int = 0,
  samples: int = 10_000,
) -> np.ndarray:
  """float64 [pair, samples]: what the microphones record.

  Args:
    kernels: a kernel for each pair; None for an empty room.
    latency: samples before the sound leaves.
    noise: deviation of white noise; the sweep is played at 0.5.
    seed: of the noise.
    samples: how many are recorded.
  """
  rng = np.random.default_rng(seed)
  out = np.zeros((PAIRS, samples))
  for pair in range(PAIRS):
    response = room(pair)
    if kernels is not None:
      response[:TAPS] += kernels[pair]
    sound = 0.5 * signal.fftconvolve(SWEEP, response)
    out[pair] = delayed(sound, latency)[:samples]
  return out + noise * rng.normal(size=out.shape)


def loopback(*, latency: float = 700.0, samples: int = 10_000) -> np.ndarray:
  """float64 [samples]: what the loudspeakers are fed with."""
  return 0.5 * delayed(SWEEP, latency)[:samples]


def sample(number: int, **given) -> np.ndarray:
  """Recording of a person's kernels, see `kernel` and `recording`."""
  return recording([kernel(number, pair) for pair in range(PAIRS)], **given)
