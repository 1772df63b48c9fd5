"""What an empty shoebox room answers to a pair of loudspeaker and microphone.

Image sources as in `room`, here all within the distance that a response
covers; walls absorb by octaves up to 32 kHz and so does the air.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.octaves import octave_weights
from bgm2pose_jax.simulate.pulse_echo import air
from bgm2pose_jax.simulate.pulse_echo.delays import impulse_trains
from bgm2pose_jax.simulate.pulse_echo.fourier import (
  frequencies_hz,
  good_size,
  signals,
  spectra,
)
from bgm2pose_jax.simulate.pulse_echo.pairs import COUPLING_M, Pairs
from bgm2pose_jax.simulate.room import mirrored

OCTAVES_HZ = tuple(125.0 * 2**band for band in range(9))


@dataclasses.dataclass(frozen=True, eq=False)
class Shoebox:
  """A room with six walls.

  Attributes:
    size_m: lengths along x, y (up) and z.
    absorption: float64 [6, band], absorbed energy of the walls x = 0, x = far,
      y = 0 (the floor), y = far, z = 0, z = far in the octaves of
      `OCTAVES_HZ`, 0 to 1.
  """

  size_m: tuple[float, float, float]
  absorption: np.ndarray

  def __post_init__(self):
    shape = (6, len(OCTAVES_HZ))
    absorption = np.asarray(self.absorption, np.float64)
    if (
      absorption.shape != shape
      or not ((absorption >= 0) & (absorption <= 1)).all()
    ):
      raise InputError(
        "absorption",
        f"shape {absorption.shape}",
        f"give numbers from 0 to 1 of shape {shape}",
      )
    if len(self.size_m) != 3 or not min(self.size_m) >= 1:
      raise InputError(
        "size_m", f"is {self.size_m}", "give three lengths of 1 m or more"
      )

  @property
  def reflection(self) -> np.ndarray:
    """Reflection of the pressure by each wall, float64 [6, band]."""
    return np.sqrt(1.0 - np.asarray(self.absorption, np.float64))

  def mirrored(self, points_m: np.ndarray) -> np.ndarray:
    """Images of points [p, 3] in the six walls, float64 [6, p, 3]."""
    points = np.asarray(points_m, np.float64)
    images = np.repeat(points[None], 6, axis=0)
    for axis, length in enumerate(self.size_m):
      images[2 * axis, :, axis] = -points[:, axis]
      images[2 * axis + 1, :, axis] = 2 * length - points[:, axis]
    return images


def responses(
  room: Shoebox,
  pairs: Pairs,
  temperature_c: float,
  taps: int,
  rate_hz: float,
) -> np.ndarray:
  """Impulse responses of the empty room.

  Args:
    room: the room.
    pairs: pairs, all inside.
    temperature_c: the temperature of the air; it decides the speed of sound.
    taps: length; images beyond are left out.
    rate_hz: sample rate.

  Returns:
    float64 [pair, taps]: 1/r at r/c after tap 0, for the direct sound with r
    the distance between loudspeaker and microphone.

  Raises:
    InputError: a pair that is not in the room.
  """
  places = np.asarray(pairs.positions_m, np.float64)
  size = np.asarray(room.size_m)
  if not ((places > 0.02) & (places < size - 0.02)).all():
    raise InputError(
      "pairs", "a pair is not in the room", "keep 2 cm from every wall"
    )
  speed = air.sound_speed_m_s(temperature_c)
  farthest_m = taps / rate_hz * speed
  reach = np.ceil(farthest_m / size).astype(int)
  index = [np.arange(-n, n + 1) for n in reach]
  grid = np.stack(np.meshgrid(*index, indexing="ij"), -1).reshape(-1, 3)
  loss_db_m = air.absorption_db_m(np.array(OCTAVES_HZ), temperature_c)
  bands = len(OCTAVES_HZ)
  padded = good_size(taps + 512)
  weights = octave_weights(frequencies_hz(padded, rate_hz), OCTAVES_HZ)
  out = np.empty((len(places), taps))
  # Each reflection at a wall of an axis turns that component around.
  turned = np.where(grid % 2, -1, 1)
  for number, pair in enumerate(places):
    position, gains = mirrored(grid, pair, size, room.reflection)
    r = np.linalg.norm(position - pair, axis=1)
    near = r < farthest_m
    own = Pairs(places[number][None], pairs.axes[number][None])
    leaving = own.radiation((turned * (pair - position))[None, near])[0]
    # The microphone beside the loudspeaker is on its axis.
    leaving = np.where(r[near] > 0, leaving, 1.0)
    r, gains = np.where(r > 0, r, COUPLING_M)[near], gains[near]
    gains = (
      leaving[:, None]
      * gains
      * 10 ** (-loss_db_m * r[:, None] / 20)
      / r[:, None]
    )
    trains = impulse_trains(
      np.repeat(np.arange(bands), len(r)),
      np.tile(r / speed * rate_hz, bands),
      gains.T.ravel(),
      (bands, taps),
    )
    spectrum = (spectra(trains, padded) * weights).sum(0)
    out[number] = signals(spectrum, padded)[:taps]
  return out
