"""Recordings of two loudspeakers as plane waves, and their formats.

Written from the definitions of the formats (Nachbar et al., Ambisonics
Symposium 2011), without the package's simulator.
"""

from __future__ import annotations

import numpy as np

RATE_HZ = 48000
SECONDS = 16.0


def music(seed: int = 0, seconds: float = SECONDS) -> np.ndarray:
  """Bursts of noise at each beat, other ones left and right, [2, samples]."""
  rng = np.random.default_rng(seed)
  count = round(seconds * RATE_HZ)
  beat = 0.15 + np.exp(-(np.arange(count) % (RATE_HZ // 3)) / 4000)
  return (0.1 * beat * rng.standard_normal((2, count))).astype(np.float32)


def _way(azimuth_deg: float, elevation_deg: float) -> np.ndarray:
  """W, X, Y, Z of a plane wave of unit pressure, SN3D."""
  a, e = np.radians((azimuth_deg, elevation_deg))
  return np.array([1, np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])


def record(
  played: np.ndarray,
  left: tuple[float, float] = (30, 5),
  right: tuple[float, float] = (-30, 5),
  *,
  noise: float = 1e-3,
  reflections: int = 12,
) -> np.ndarray:
  """W X Y Z in SN3D, float32 [4, samples]; the music begins with it.

  Args:
    played: [2, samples].
    left: azimuth (counted to the left of X) and elevation, degrees.
    right: alike.
    noise: deviation in each channel.
    reflections: of each loudspeaker, from everywhere.
  """
  rng = np.random.default_rng(1)
  out = noise * rng.standard_normal((4, played.shape[1]))
  for sound, place in zip(played, (left, right), strict=True):
    taps = [(0.008, 1.0, *place)]
    for late in rng.uniform(0.002, 0.08, reflections):
      gain = 0.3 * np.exp(-late / 0.05) * rng.choice([-1, 1])
      taps.append(
        (0.008 + late, gain, rng.uniform(-180, 180), rng.uniform(-60, 60))
      )
    for delay_s, gain, azimuth, elevation in taps:
      late = round(delay_s * RATE_HZ)
      out[:, late:] += (
        gain * _way(azimuth, elevation)[:, None] * sound[: len(sound) - late]
      )
  return out.astype(np.float32)


def capsules(wxyz: np.ndarray, order: tuple[int, ...] = (0, 1, 2, 3)):
  """What cardioids on a tetrahedron record: FLU, FRD, BLD, BRU, [4, samples].

  Args:
    wxyz: SN3D.
    order: of the capsules in the file.
  """
  axes = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / 3**0.5
  return ((wxyz[0] + axes @ wxyz[1:]) / 2)[list(order)].astype(np.float32)


def gained(wxyz: np.ndarray, name: str) -> np.ndarray:
  """Other gains: `fuma` or `n3d`."""
  gains = {"fuma": [0.5**0.5, 1, 1, 1], "n3d": [1, *[3**0.5] * 3]}[name]
  return (wxyz * np.array(gains)[:, None]).astype(np.float32)
