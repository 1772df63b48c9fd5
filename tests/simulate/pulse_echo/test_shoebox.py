"""The empty room: delays and gains of single images."""

from __future__ import annotations

import numpy as np
import pytest
from one_sphere import TEMPERATURE_C, facing

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.pulse_echo import air
from bgm2pose_jax.simulate.pulse_echo.pairs import COUPLING_M
from bgm2pose_jax.simulate.pulse_echo.shoebox import (
  OCTAVES_HZ,
  Shoebox,
  responses,
)

RATE_HZ = 96_000
SIZE_M = (6.0, 3.0, 7.0)


def answer(walls, taps=4000):
  """Response of a pair at (1, 0.8, 1.5) that looks along +z."""
  absorption = np.ones((6, len(OCTAVES_HZ)))
  for wall, amount in walls.items():
    absorption[wall] = amount
  pairs = facing([[1.0, 0.8, 1.5]], [1.0, 0.8, 5.0])
  room = Shoebox(SIZE_M, absorption)
  return responses(room, pairs, TEMPERATURE_C, taps, RATE_HZ)[0]


def spectrum_near(response, path_m):
  """Spectrum of what arrives around a path, the delay taken out."""
  delay = path_m / 343 * RATE_HZ
  low, high = int(delay) - 100, int(delay) + 100
  freqs = np.fft.rfftfreq(200, 1 / RATE_HZ)
  spectrum = np.fft.rfft(response[low:high])
  turned = spectrum * np.exp(2j * np.pi * freqs / RATE_HZ * (delay - low))
  return freqs, turned


@pytest.mark.parametrize(
  ("walls", "path_m", "sent"),
  [
    ({0: 0.36}, 2.0, 0.55),
    ({2: 0.36}, 1.6, 0.55),
    ({4: 0.36}, 3.0, 0.1),
    ({5: 0.36}, 11.0, 1.0),
    ({3: 0.36}, 4.4, 0.55),
  ],
)
def test_a_wall_answers_after_its_path_by_its_reflection(walls, path_m, sent):
  freqs, found = spectrum_near(answer(walls), path_m)
  band = (freqs > 2000) & (freqs < 30_000)
  loss_db = path_m * air.absorption_db_m(freqs[band], TEMPERATURE_C)
  expected = 0.8 * sent / path_m * 10 ** (-loss_db / 20)
  # Between octaves the air's absorption is interpolated.
  np.testing.assert_allclose(found[band].real, expected, rtol=0.12)
  np.testing.assert_allclose(found[band].imag / expected, 0, atol=0.1)


def test_two_walls_answer_together_once_more():
  alone = answer({0: 0.36}) + answer({2: 0.36}) - answer({})
  corner = answer({0: 0.36, 2: 0.36}) - alone
  path_m = np.hypot(2.0, 1.6)
  freqs, found = spectrum_near(corner, path_m)
  band = (freqs > 2000) & (freqs < 20_000)
  loss_db = path_m * air.absorption_db_m(freqs[band], TEMPERATURE_C)
  expected = 0.64 * 0.55 / path_m * 10 ** (-loss_db / 20)
  np.testing.assert_allclose(found[band].real, expected, rtol=0.08)
  outside = np.abs(np.arange(4000) - path_m / 343 * RATE_HZ) > 120
  assert np.abs(corner[outside]).max() < 1e-3 * np.abs(corner).max()


def test_the_direct_sound_comes_first_and_from_the_front():
  response = answer({})
  assert response.argmax() == round(COUPLING_M / 343 * RATE_HZ)
  np.testing.assert_allclose(response.max(), 1 / COUPLING_M, rtol=0.02)


def test_warm_air_shortens_every_delay():
  absorption = np.full((6, len(OCTAVES_HZ)), 0.3)
  pairs = facing([[1.0, 0.8, 1.5]], [1.0, 0.8, 5.0])
  cold, warm = (
    responses(Shoebox(SIZE_M, absorption), pairs, degrees, 4000, RATE_HZ)[0]
    for degrees in (20.0, 20.2)
  )
  # The residue grows with time: it is the delays that changed.
  energy = [
    ((cold - warm)[a:b] ** 2).sum() / (cold[a:b] ** 2).sum()
    for a, b in ((0, 300), (300, 1000), (2000, 4000))
  ]
  assert energy[0] < energy[1] < energy[2]
  assert 10 * np.log10(energy[0]) < -40


def test_what_is_no_room_is_refused():
  with pytest.raises(InputError, match="absorption: shape"):
    Shoebox(SIZE_M, np.full((6, 3), 0.3))
  with pytest.raises(InputError, match="size_m"):
    Shoebox((6.0, 0.2, 7.0), np.full((6, len(OCTAVES_HZ)), 0.3))
  with pytest.raises(InputError, match="not in the room"):
    responses(
      Shoebox(SIZE_M, np.full((6, len(OCTAVES_HZ)), 0.3)),
      facing([[7.0, 1, 1]], [3, 1, 3]),
      20.0,
      100,
      RATE_HZ,
    )
