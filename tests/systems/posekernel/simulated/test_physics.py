"""From a body in a room to the voxels: what the method stands on."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from bgm2pose_jax.simulate.body import BodyModel
from bgm2pose_jax.simulate.pulse_echo.body_echo import sphere_echoes
from bgm2pose_jax.simulate.pulse_echo.pairs import Pairs
from bgm2pose_jax.simulate.pulse_echo.session import Session
from bgm2pose_jax.systems.posekernel.grid import Grid
from bgm2pose_jax.systems.posekernel.rig import SOUND_SPEED_M_S
from bgm2pose_jax.systems.posekernel.sample import SAMPLE_RATE_HZ
from bgm2pose_jax.systems.posekernel.simulated.body15_of import body15_of
from bgm2pose_jax.systems.posekernel.simulated.environments import environment
from bgm2pose_jax.systems.posekernel.simulated.people import People
from bgm2pose_jax.systems.posekernel.simulated.recorder import Recorder

# 343 m/s by `air.sound_speed_m_s`.
TEMPERATURE_C = ((SOUND_SPEED_M_S / 331.3) ** 2 - 1) * 273.15


class _Speck:
  """A sphere of 1 cm in place of a body; its only joint is its centre."""

  radii_m = np.array([0.01])
  radius_class = np.array([0])
  class_radii_m = (0.01,)

  def sphere_centres(self, positions_m):
    """Centres [1, 3]."""
    return positions_m


SPECK: Any = _Speck()


@pytest.fixture(scope="module")
def recorder():
  return Recorder(
    environment=environment(0, seed=0),
    scattering="spheres",
    kernel_snr_db=20.0,
    drift_k=0.0,
    seed=0,
  )


def envelopes(kernels, window):
  energy = [np.convolve(one**2, np.ones(window), "same") for one in kernels]
  return np.sqrt(np.maximum(energy, 0.0))


def known_exactly(recorder, session, echoes):
  """Kernels where room and person are recorded without noise or drift."""
  silent = np.random.default_rng(0)
  room = session.room_part(0.0)
  occupied = session.recording(room + session.body_part(echoes), 0.0, silent)
  empty = session.recording(room, 0.0, silent)
  return recorder.responses(occupied.astype(np.float64) - empty)


# Spots are middles of voxels: elsewhere spheres as thick as a voxel meet in
# several, most of them above and below.
@pytest.mark.parametrize("spot", [(41, 20, 22), (23, 35, 40), (30, 44, 12)])
def test_a_speck_lights_spheres_that_meet_in_its_voxel(recorder, spot):
  room = recorder.environment
  session = recorder.session("as_built")
  session = dataclasses.replace(session, temperature_c=TEMPERATURE_C)
  voxel_m = 0.05
  voxels = Grid((70, 70, 50), voxel_m).offsets_m() + room.grid_centre_m
  truth = voxels[spot]
  place = room.from_camera(truth)[None] + room.middle_m
  echoes = sphere_echoes(
    place, SPECK, session.pairs, TEMPERATURE_C, SAMPLE_RATE_HZ
  )
  kernels = known_exactly(recorder, session, echoes)
  # Taps of a voxel's depth: there and back.
  depth = round(2 * voxel_m / SOUND_SPEED_M_S * SAMPLE_RATE_HZ)
  heard = envelopes(kernels, depth)
  volumes = []
  for pair, one in zip(room.rig.pairs_m, heard, strict=True):
    distance = np.linalg.norm(voxels - pair, axis=-1)
    tap = np.rint(2 * distance / SOUND_SPEED_M_S * SAMPLE_RATE_HZ).astype(int)
    # Beyond the kernel's end there is nothing.
    volume = np.append(one, 0.0)[np.minimum(tap, len(one))]
    volumes.append(volume)
    # Bright on the sphere through the speck, dark a voxel and a half off it.
    off = np.abs(distance - np.linalg.norm(truth - pair))
    assert volume[off < 0.01].min() > 0.9 * volume.max()
    assert volume[off > 0.08].max() < 0.35 * volume.max()
  product = np.prod(volumes, axis=0)
  peak = voxels[np.unravel_index(product.argmax(), product.shape)]
  assert np.abs(peak - truth).max() <= voxel_m


def test_the_echo_s_tap_is_the_analytic_delay(recorder):
  room = recorder.environment
  session = dataclasses.replace(
    recorder.session("as_built"), temperature_c=TEMPERATURE_C
  )
  place = np.array([[0.2, 1.0, -0.5]]) + room.middle_m
  echoes = sphere_echoes(
    place, SPECK, session.pairs, TEMPERATURE_C, SAMPLE_RATE_HZ
  )
  # Without the loudspeaker, which has a delay of its own.
  flat = dataclasses.replace(session)
  flat.__dict__["played"] = np.fft.rfft(recorder.sweep, session.samples)
  for kernel, pair in zip(
    known_exactly(recorder, flat, echoes),
    session.pairs.positions_m,
    strict=True,
  ):
    path = 2 * (np.linalg.norm(place[0] - pair) - 0.01)
    tap = path / SOUND_SPEED_M_S * SAMPLE_RATE_HZ
    assert abs(np.abs(kernel).argmax() - tap) <= 1


def test_moved_walls_leave_the_kernel_alone_where_the_empty_room_is_known(
  recorder,
):
  room = recorder.environment
  visit = People(0, 2).visit(room, 0)
  kernels = []
  for walls in ("as_built", "moved"):
    session = recorder.session(walls)
    place = visit.positions_m[4] + room.walls(walls)[1]
    echoes = sphere_echoes(
      place,
      visit.body,
      session.pairs,
      session.temperature_c,
      SAMPLE_RATE_HZ,
    )
    kernels.append(known_exactly(recorder, session, echoes))
  # What is left are the roundings of 32-bit recordings.
  error = np.abs(kernels[0] - kernels[1]).max()
  assert error < 1e-3 * np.abs(kernels[0]).max()
  assert recorder.session("as_built").room.size_m != session.room.size_m


def test_the_noise_is_as_loud_as_was_asked_for(recorder):
  quiet = dataclasses.replace(recorder, kernel_snr_db=40.0)
  np.testing.assert_allclose(quiet.noise, recorder.noise / 10, rtol=1e-9)
  # The reference is a person in the middle; anybody is near it.
  visit = People(0, 2).visit(recorder.environment, 0)
  session = recorder.session("as_built")
  silent = np.random.default_rng(0)
  echoes = recorder.echoes(visit.positions_m[0], visit.body, "as_built")
  heard = session.recording(session.body_part(echoes), 0.0, silent)
  noise = recorder.noise * silent.standard_normal(heard.shape)
  ratio = (recorder.responses(heard) ** 2).mean()
  ratio /= (recorder.responses(noise) ** 2).mean()
  assert 14 < 10 * np.log10(ratio) < 26


def test_drift_leaves_a_residue_that_grows_with_it(recorder):
  session = recorder.session("as_built")
  silent = np.random.default_rng(0)
  still = session.recording(session.room_part(0.0), 0.0, silent)
  energy = []
  for drift_k in (0.02, 0.1):
    warm = session.recording(session.room_part(drift_k), 0.0, silent)
    residue = recorder.responses(warm.astype(np.float64) - still)
    energy.append((residue[:, :2000] ** 2).sum())
  assert energy[1] > 10 * energy[0] > 0


def test_body15_has_its_nose_in_front_and_its_sides_right():
  visit = People(0, 2).visit(environment(1, 0), 3)
  joints = visit.positions_m
  pose = body15_of(joints, BodyModel.fit(joints))
  right, left = pose[:, 2], pose[:, 5]
  np.testing.assert_array_equal(right, joints[:, 10])
  np.testing.assert_array_equal(left, joints[:, 6])
  np.testing.assert_allclose(pose[:, 8], joints[:, [13, 17]].mean(axis=1))
  # Left cross up is forward: so the nose is before the head.
  neck = pose[:, 1]
  forward = np.cross(left - right, joints[:, 4] - joints[:, 3])
  ahead = ((pose[:, 0] - joints[:, 4]) * forward).sum(-1)
  ahead /= np.linalg.norm(forward, axis=-1)
  assert (ahead > 0.05).all()
  assert (np.linalg.norm(pose[:, 0] - neck, axis=-1) < 0.3).all()


def test_a_session_s_parts_add_up(recorder):
  session = recorder.session("as_built")
  assert isinstance(session, Session)
  assert isinstance(session.pairs, Pairs)
  rng = np.random.default_rng(0)
  spectrum = session.room_part(0.013)
  mixed = 0.35 * session.room_part(0.0) + 0.65 * session.room_part(0.02)
  np.testing.assert_allclose(spectrum, mixed, atol=1e-9)
  quiet = session.recording(spectrum, 0.0, rng)
  loud = session.recording(spectrum, 0.01, rng)
  np.testing.assert_allclose((loud - quiet).std(), 0.01, rtol=0.02)
