"""What a person adds to a pair's impulse response: echoes of rigid spheres.

Each of the 32 spheres of `body.BodyModel` answers with its exact backscatter
(`sphere_echo`). A sphere that the pair cannot see answers less (`visibility`,
once for the way there and once for the way back). The first echoes by way of
a wall come on top (`wall_echo`). The air's absorption is that of the mean
path of each pair: parts of a body differ by 0.3 m, 0.6 dB at 32 kHz.
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.simulate.body import BodyModel
from bgm2pose_jax.simulate.pulse_echo import air, sphere_echo
from bgm2pose_jax.simulate.pulse_echo.delays import impulse_trains
from bgm2pose_jax.simulate.pulse_echo.fourier import frequencies_hz, spectra
from bgm2pose_jax.simulate.pulse_echo.pairs import Pairs
from bgm2pose_jax.simulate.pulse_echo.shoebox import Shoebox
from bgm2pose_jax.simulate.pulse_echo.visibility import visibility
from bgm2pose_jax.simulate.pulse_echo.wall_echo import wall_echoes

# 64 ms or 22 m of path: the far side of a room by way of a wall.
ECHO_TAPS = 6144


def sphere_echoes(
  positions_m: np.ndarray,
  body: BodyModel,
  pairs: Pairs,
  temperature_c: float,
  rate_hz: float,
  *,
  room: Shoebox | None = None,
) -> np.ndarray:
  """What a person's spheres add, without loudspeaker and excitation.

  Args:
    positions_m: [joint=21, 3], `BODY21`, y up, in the frame of the pairs.
    body: the person's spheres.
    pairs: the pairs.
    temperature_c: the temperature of the air.
    rate_hz: sample rate.
    room: its walls, for echoes by way of them; None for none.

  Returns:
    complex128 [pair, ECHO_TAPS // 2 + 1]: spectrum of ECHO_TAPS taps, in which
    the direct sound at 1 m would be 1.
  """
  speed = air.sound_speed_m_s(temperature_c)
  places = np.asarray(pairs.positions_m, np.float64)
  centres = body.sphere_centres(np.asarray(positions_m, np.float64))
  radii, classes = body.radii_m, body.radius_class
  viewpoints = places
  if room is not None:
    viewpoints = np.concat([places, room.mirrored(places).reshape(-1, 3)])
  seen = visibility(viewpoints, centres, radii)
  offset = centres - places[:, None]
  distance = np.linalg.norm(offset, axis=-1)
  # A pair cannot be inside a person.
  distance = np.maximum(distance, 1.2 * radii)
  gains = seen[: len(places)] ** 2 / (distance * (distance - radii))
  gains *= pairs.radiation(offset)
  near = radii / (distance * sphere_echo.NEAR)
  gains = np.stack([gains * (1 - near), gains * near], axis=1)
  delays = 2 * (distance - radii) / speed * rate_hz
  # A row for each pair, far and near, and class.
  shape = (len(places), 2, len(body.class_radii_m))
  row = np.arange(2 * len(places)).reshape(-1, 2, 1) * shape[2] + classes
  trains = impulse_trains(
    row.ravel(),
    np.repeat(delays, 2, axis=0).ravel(),
    gains.ravel(),
    (int(np.prod(shape)), ECHO_TAPS),
  ).reshape(*shape, ECHO_TAPS)
  answers = sphere_echo.class_spectra(
    body.class_radii_m, ECHO_TAPS, rate_hz, speed
  )
  out = (spectra(trains, ECHO_TAPS) * answers).sum((1, 2))
  if room is not None:
    out += wall_echoes(
      centres, radii, seen, pairs, room, speed, rate_hz, ECHO_TAPS
    )
  return out * air_factor(distance, temperature_c, rate_hz)


def air_factor(
  distance_m: np.ndarray, temperature_c: float, rate_hz: float
) -> np.ndarray:
  """Air's factor for the mean of the paths there and back.

  Args:
    distance_m: [pair, part].
    temperature_c: the temperature of the air.
    rate_hz: sample rate.

  Returns:
    float64 [pair, ECHO_TAPS // 2 + 1].
  """
  freqs_hz = frequencies_hz(ECHO_TAPS, rate_hz)
  loss_db_m = air.absorption_db_m(freqs_hz, temperature_c)
  path_m = 2 * distance_m.mean(axis=1, keepdims=True)
  return 10 ** (-path_m * loss_db_m / 20)
