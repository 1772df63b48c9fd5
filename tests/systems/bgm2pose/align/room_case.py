"""A small recording whose music begins and drifts as stated."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import soxr

from bgm2pose_jax.simulate import diffuse_tail, music, recorder
from bgm2pose_jax.simulate.scene import Scene

RATE_HZ = 48000
SCENE = dataclasses.replace(
  Scene(), max_order=2, axes="facing_speakers", snr_db=10.0
)
# The way from the nearer loudspeaker to the microphone.
DELAY = float(diffuse_tail.direct_delay_s(SCENE).min()) * RATE_HZ


@functools.cache
def piece(name: str = "tide", seconds: float = 40.0) -> np.ndarray:
  """Embedded music, float32 [2, samples]."""
  return music.compose(name, seconds)


def drifting(
  sound: np.ndarray, offset: int, drift_ppm: float, samples: int
) -> np.ndarray:
  """The music on a recorder's clock by soxr, not by the code under test."""
  ratio = 1 + drift_ppm * 1e-6
  moved = soxr.resample(sound.T, RATE_HZ * ratio, RATE_HZ, quality="VHQ").T
  out = np.zeros((2, samples), np.float32)
  low, high = max(0, offset), min(samples, offset + moved.shape[1])
  out[:, low:high] = moved[:, low - offset : high - offset]
  return out


def record(
  played: np.ndarray, offset: int, drift_ppm: float, seconds: float = 24.0
) -> np.ndarray:
  """Records it in a small room with noise, float32 [4, samples]."""
  samples = round(seconds * RATE_HZ)
  sound = drifting(played, offset, drift_ppm, samples)
  return recorder.render(SCENE, sound, None, seed=1)
