"""Echoes of a person: one sphere in closed form, delays and walls."""

from __future__ import annotations

import numpy as np
import pytest
from one_sphere import TEMPERATURE_C, facing, one_sphere

from bgm2pose_jax.simulate import motion
from bgm2pose_jax.simulate.body import BodyModel
from bgm2pose_jax.simulate.pulse_echo import air
from bgm2pose_jax.simulate.pulse_echo.body_echo import (
  ECHO_TAPS,
  sphere_echoes,
)
from bgm2pose_jax.simulate.pulse_echo.shoebox import OCTAVES_HZ, Shoebox
from bgm2pose_jax.simulate.pulse_echo.surface_echo import (
  POINTS,
  surface_echoes,
  surface_points,
)

RATE_HZ = 96_000
FREQS_HZ = np.fft.rfftfreq(ECHO_TAPS, 1 / RATE_HZ)
BAND = (FREQS_HZ > 500) & (FREQS_HZ < 30_000)


def loss(path_m):
  """What the air leaves of a path."""
  return 10 ** (-path_m * air.absorption_db_m(FREQS_HZ, TEMPERATURE_C) / 20)


def room_with(walls):
  absorption = np.ones((6, len(OCTAVES_HZ)))
  for wall, amount in walls.items():
    absorption[wall] = amount
  return Shoebox((6.0, 3.0, 7.0), absorption)


@pytest.fixture(scope="module")
def person():
  style = motion.subject_style("somebody", 3)
  moves = motion.perform(style, 8.0, motion.random_stream(3, "m"), 2.0)
  return moves.positions_m.astype(np.float64) + np.array([3.0, 0, 3.5])


def test_one_sphere_answers_at_its_specular_point_with_half_its_radius():
  centre = np.array([[3.0, 1.2, 3.5]])
  pairs = facing([[1.0, 1.0, 1.5], [5.0, 0.4, 5.6]], centre[0])
  spectra = sphere_echoes(
    centre, one_sphere(0.06), pairs, TEMPERATURE_C, RATE_HZ
  )
  for place, spectrum in zip(pairs.positions_m, spectra, strict=True):
    d = np.linalg.norm(place - centre[0])
    kernel = np.fft.irfft(np.where(BAND, spectrum, 0), ECHO_TAPS)
    peak = np.abs(kernel).argmax()
    assert abs(peak - 2 * (d - 0.06) / 343 * RATE_HZ) <= 1
    high = (FREQS_HZ > 20_000) & (FREQS_HZ < 30_000)
    level = np.abs(spectrum[high]) / loss(2 * d)[high]
    np.testing.assert_allclose(level, 0.03 / (d * (d - 0.06)), rtol=0.025)


def test_a_pair_hears_less_of_what_is_behind_it():
  centre = np.array([[3.0, 1.2, 3.5]])
  place = [[1.0, 1.2, 3.5]]
  ahead, behind = (
    sphere_echoes(
      centre, one_sphere(0.06), facing(place, target), TEMPERATURE_C, RATE_HZ
    )
    for target in ([3.0, 1.2, 3.5], [-1.0, 1.2, 3.5])
  )
  np.testing.assert_allclose(behind, 0.1 * ahead, rtol=1e-9)


def test_an_echo_by_way_of_a_wall_has_its_path_and_reflection():
  # The wall x = 0; sphere and pair at equal height and z.
  centre, a = np.array([[3.0, 1.2, 3.5]]), 0.06
  pairs = facing([[1.0, 1.2, 1.5]], centre[0])
  dry, wet = (
    sphere_echoes(
      centre, one_sphere(a), pairs, TEMPERATURE_C, RATE_HZ, room=room
    )
    for room in (None, room_with({0: 0.75}))
  )
  wall = (wet - dry)[0] / loss(2 * np.hypot(2, 2))
  d1, d2 = np.hypot(4, 2), np.hypot(2, 2)
  # Angle between the ways in, (4, 2), and out, (-2, -2).
  cos_theta = -(4 * 2 + 2 * 2) / (d1 * d2)
  half_sine = np.sqrt((1 - cos_theta) / 2)
  kernel = np.fft.irfft(np.where(BAND, wall, 0), ECHO_TAPS)
  delay = (d1 + d2 - 2 * a * half_sine) / 343 * RATE_HZ
  assert abs(np.abs(kernel).argmax() - delay) <= 1
  # The loudspeaker looks at the sphere along (1, 1) and sends to the wall's
  # point along (-4, 2).
  sent = 1 + 0.55 + 0.45 * (-4 + 2) / (d1 * np.sqrt(2))
  expected = 0.5 * sent * a / (2 * d1 * d2)
  np.testing.assert_allclose(np.abs(wall[BAND]), expected, rtol=3e-3)


def test_walls_change_nothing_before_their_first_echo(person):
  pairs = facing([[1.0, 1.0, 1.5], [5.0, 0.8, 5.5]], [3.0, 1.0, 3.5])
  body = BodyModel.fit(person)
  dry, near, far = (
    np.fft.irfft(
      sphere_echoes(person[5], body, pairs, 20.0, RATE_HZ, room=room)
    )
    for room in (None, room_with({0: 0.2}), room_with({3: 0.2, 4: 0.3}))
  )
  for walls in (near, far):
    changed = np.abs(walls - dry) > 0.02 * np.abs(dry).max()
    first = np.abs(dry).argmax(axis=-1)
    assert changed.any(axis=-1).all()
    assert (changed.argmax(axis=-1) > first - 60).all()


def test_both_forms_agree_in_time_and_level(person):
  pairs = facing(
    [[1, 0.5, 1.5], [5, 1.6, 1.5], [1, 1.1, 5.5], [5, 0.8, 5.5]], [3, 1, 3.5]
  )
  body = BodyModel.fit(person)
  levels, likeness = [], []
  for pose in person[::3]:
    energy, envelopes = [], []
    for form in (sphere_echoes, surface_echoes):
      spectra = form(pose, body, pairs, 20.0, RATE_HZ)
      kernels = np.fft.irfft(np.where(BAND, spectra, 0), ECHO_TAPS)
      energy.append((kernels**2).sum(axis=-1))
      envelopes.append(
        [np.convolve(one**2, np.ones(20), "same") ** 0.5 for one in kernels]
      )
    levels.append(10 * np.log10(energy[1] / energy[0]))
    likeness += [
      np.corrcoef(one[:3072], other[:3072])[0, 1]
      for one, other in zip(*envelopes, strict=True)
    ]
  assert abs(np.mean(levels)) < 1
  assert np.mean(likeness) > 0.7


def test_surface_points_lie_on_the_capsules_and_look_outwards(person):
  body = BodyModel.fit(person)
  points, normals, share = surface_points(person[0], body)
  assert points.shape == normals.shape == (POINTS, 3)
  np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-9)
  # A person of 1.75 m has 1.9 m2 of skin; capsules overlap.
  assert 1.5 < share.sum() < 3.0
  assert points[:, 1].min() > -0.06
  assert points[:, 1].max() < 1.1 * body.height_m
  # Towards each side there are normals: the surface is closed.
  for axis in range(3):
    assert abs((normals[:, axis] * share).sum()) < 0.03 * share.sum()
