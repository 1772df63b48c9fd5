"""What loudspeakers do to music: bass that falls, distortion, directivity."""

from __future__ import annotations

import math

import numpy as np
import scipy.signal

from bgm2pose_jax.simulate.scene import OCTAVES_HZ, Scene
from bgm2pose_jax.simulate.scene_parts import Loudspeaker

# The cone's excursion falls by 12 dB an octave above its resonance.
_EXCURSION_HZ = 90.0
# How far a driver of 5 cm radius in a small box is from radiating to all sides
# alike, in each octave: 0 is a monopole, 1 a cardioid. After polar plots of
# bookshelf loudspeakers, which differ; nothing here was measured.
_CARDIOID = np.array([0.0, 0.1, 0.3, 0.6, 0.8, 0.9, 0.95])


def directional_gain(
  loudspeaker: Loudspeaker | None, cosine: np.ndarray
) -> np.ndarray:
  """Pressure radiated aside over that straight ahead.

  Args:
    loudspeaker: None radiates to all sides alike.
    cosine: of the angle to the axis, [...].

  Returns:
    float64 [..., octave of `OCTAVES_HZ`].
  """
  share = np.zeros(len(OCTAVES_HZ))
  if loudspeaker is not None:
    share = loudspeaker.directivity * _CARDIOID
  return 1 - share * (1 - np.asarray(cosine)[..., None]) / 2


def axes(scene: Scene) -> np.ndarray:
  """Where the loudspeakers point: at the microphone, unit [speaker, 3]."""
  way = np.asarray(scene.mic_m) - np.asarray(scene.speakers_m)
  return way / np.linalg.norm(way, axis=-1, keepdims=True)


def play(scene: Scene, music: np.ndarray) -> np.ndarray:
  """What the loudspeakers radiate straight ahead.

  Distortion with memory: the cone's excursion, which the bass makes, changes
  the force on the coil, so that all music is modulated by it, once by the
  excursion and once by its square. Its parts are products of the music with its
  own bass; no filter of the music or of its powers gives them.

  Args:
    scene: names the loudspeaker; without one the music is returned.
    music: float32 [speaker, samples].

  Returns:
    float32 [speaker, samples].
  """
  kind = scene.loudspeaker
  if kind is None:
    return music
  rate = scene.sample_rate_hz
  out = music
  if kind.bass_hz > 0:
    high = scipy.signal.butter(2, kind.bass_hz, "high", fs=rate, output="sos")
    out = np.asarray(scipy.signal.sosfilt(high, out, axis=-1))
  if kind.distortion_db is not None:
    low = scipy.signal.butter(2, _EXCURSION_HZ, fs=rate, output="sos")
    # White noise of the reference level has this excursion.
    impulse = np.zeros(rate)
    impulse[0] = kind.reference_rms
    reference = np.linalg.norm(np.asarray(scipy.signal.sosfilt(low, impulse)))
    excursion = np.asarray(scipy.signal.sosfilt(low, out, axis=-1)) / reference
    share = 10 ** (kind.distortion_db / 20) / math.sqrt(2)
    # The square of a Gaussian has mean 1 and deviation sqrt(2).
    square = (excursion**2 - 1) / math.sqrt(2)
    out = out * (1 + share * (excursion + square))
  return np.asarray(out, np.float32)
