"""The spheres that the strongest echoes of each pair mean.

A pair stands at one point, so an echo after t seconds comes from a sphere of
radius c t / 2 around it.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage, signal

from bgm2pose_jax.systems.posekernel.rig import SOUND_SPEED_M_S
from bgm2pose_jax.systems.posekernel.sample import SAMPLE_RATE_HZ

# Metres of radius that one tap adds.
TAP_M = SOUND_SPEED_M_S / SAMPLE_RATE_HZ / 2
_MOST = 3
# Peaks lower than this share of the highest are noise as often as not.
_LEAST_SHARE = 0.3
# Nearer peaks belong to one part of the body.
_APART_M = 0.08
_ENVELOPE_TAPS = 20
# Sound that is back sooner is what is left of the direct sound.
_NEAREST_M = 0.3


@dataclasses.dataclass(frozen=True)
class Shell:
  """One sphere.

  Attributes:
    radius_m: its radius.
    share: the echo's height over that of the pair's highest.
  """

  radius_m: float
  share: float


def envelope(kernel: np.ndarray) -> np.ndarray:
  """Root of the moving sum of squares over 20 taps, 0.21 ms, float64 [tap].

  Args:
    kernel: [tap], at 96 kHz.
  """
  square = np.asarray(kernel, np.float64) ** 2
  mean = ndimage.uniform_filter1d(square, _ENVELOPE_TAPS, mode="constant")
  # A running mean of zeros may end a little below zero.
  return np.sqrt(np.maximum(mean, 0.0) * _ENVELOPE_TAPS)


def strongest(kernel: np.ndarray) -> list[Shell]:
  """The spheres of the highest peaks of a kernel's envelope, nearest first.

  Args:
    kernel: [tap], at 96 kHz; tap 0 is when the sound leaves.

  Returns:
    Three at most; none for silence.
  """
  height = envelope(kernel)
  height[: round(_NEAREST_M / TAP_M)] = 0.0
  top = height.max()
  if not top > 0:
    return []
  # An echo that is cut off at the end is no peak of a curve that goes on.
  places, _ = signal.find_peaks(
    height, height=_LEAST_SHARE * top, distance=round(_APART_M / TAP_M)
  )
  chosen = places[np.argsort(-height[places], kind="stable")[:_MOST]]
  return [
    Shell(float(tap * TAP_M), float(height[tap] / top))
    for tap in sorted(chosen)
  ]
