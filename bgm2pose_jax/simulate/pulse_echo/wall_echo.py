"""Echoes of a person by way of one wall: pair, wall, sphere, pair and back.

The sound that comes by way of a wall comes from the pair's image. Each sphere
is a convex mirror here, a / (2 d1 d2) by its specular point: right from ka of
about 2 on, 1 to 3 kHz. Towards forward scattering, where a sphere throws a
shadow rather than an echo, it fades out.
"""

from __future__ import annotations

import functools

import numpy as np

from bgm2pose_jax.simulate.octaves import octave_weights
from bgm2pose_jax.simulate.pulse_echo.delays import impulse_trains
from bgm2pose_jax.simulate.pulse_echo.fourier import frequencies_hz, spectra
from bgm2pose_jax.simulate.pulse_echo.pairs import Pairs
from bgm2pose_jax.simulate.pulse_echo.shoebox import OCTAVES_HZ, Shoebox

# sin(theta / 2) of 30 and 60 degrees: no echo below, a whole one above.
_FORWARD, _ASIDE = 0.26, 0.5
# What a wall does to a direction, [wall, 1, 1, 3].
_FLIPS = 1 - 2 * np.repeat(np.eye(3), 2, axis=0)[:, None, None]


def wall_echoes(
  centres_m: np.ndarray,
  radii_m: np.ndarray,
  seen: np.ndarray,
  pairs: Pairs,
  room: Shoebox,
  speed_m_s: float,
  rate_hz: float,
  taps: int,
) -> np.ndarray:
  """First echoes of spheres by way of each wall, both ways around.

  Args:
    centres_m: [sphere, 3].
    radii_m: [sphere].
    seen: [7 pair, sphere], `visibility` from the pairs, then from their images
      in `room.mirrored`.
    pairs: the pairs.
    room: the room.
    speed_m_s: speed of sound.
    rate_hz: sample rate.
    taps: length of the FFT.

  Returns:
    complex128 [pair, taps // 2 + 1].
  """
  places = np.asarray(pairs.positions_m, np.float64)
  count = len(places)
  images = room.mirrored(places)  # [wall, pair, 3]
  arriving = centres_m - images[:, :, None]
  leaving = places[:, None] - centres_m  # [pair, sphere, 3]
  d1 = np.maximum(np.linalg.norm(arriving, axis=-1), 1.2 * radii_m)
  d2 = np.maximum(np.linalg.norm(leaving, axis=-1), 1.2 * radii_m)
  cos_theta = (arriving * leaving).sum(-1) / (d1 * d2)
  half_sine = np.sqrt(np.clip(0.5 * (1 - cos_theta), 0, 1))
  fade = np.clip((half_sine - _FORWARD) / (_ASIDE - _FORWARD), 0, 1)
  both_seen = seen[count:].reshape(6, count, -1) * seen[:count]
  # Both ways around have one length; the loudspeaker sends some to the wall
  # and some to the person.
  sent = pairs.radiation(-leaving) + pairs.radiation(arriving * _FLIPS)
  gains = sent * radii_m / (2 * d1 * d2) * fade * both_seen
  # `scattering`'s specular path.
  curvature = 0.5 * radii_m * (1 - half_sine**2) * (1 / d1 + 1 / d2)
  path = d1 + d2 + radii_m * (curvature - 2 * half_sine)
  row = np.broadcast_to(np.arange(6 * count).reshape(6, count, 1), gains.shape)
  trains = impulse_trains(
    row.ravel(),
    (path / speed_m_s * rate_hz).ravel(),
    gains.ravel(),
    (6 * count, taps),
  ).reshape(6, count, taps)
  walls = room.reflection @ _weights(taps, rate_hz)
  return np.einsum("wpf,wf->pf", spectra(trains, taps), walls)


@functools.lru_cache(maxsize=4)
def _weights(taps: int, rate_hz: float) -> np.ndarray:
  return octave_weights(frequencies_hz(taps, rate_hz), OCTAVES_HZ)
