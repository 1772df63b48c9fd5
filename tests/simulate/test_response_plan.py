from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import diffuse_tail, response_plan, room
from bgm2pose_jax.simulate.response_plan import Spheres, make_plan
from bgm2pose_jax.simulate.scene import Scene

ONE = Scene(speakers_m=((0.0, 1.1, -1.5),))


def _at(*centre: float) -> Spheres:
  track = np.broadcast_to(np.array(centre), (4, 1, 3))
  return Spheres(track, np.zeros(1, int), (0.08,))


def test_segments_hold_the_longest_path_and_two_hops() -> None:
  near = make_plan(ONE, _at(0.0, 1.0, 0.0))
  far = make_plan(ONE, _at(3.5, 1.0, -2.5))
  assert near.sizes.fft_size < far.sizes.fft_size
  offset = np.array([3.5, 1.0, -2.5])
  path = np.linalg.norm(offset - ONE.mic_m)
  path += np.linalg.norm(offset - ONE.speakers_m[0])
  delay = path / 343 * 48000 - far.base_delay
  assert delay + 2 * far.sizes.hop < far.sizes.fft_size


def test_a_path_beyond_all_segments_is_refused() -> None:
  with pytest.raises(InputError, match="too long"):
    make_plan(ONE, _at(40.0, 1.0, 0.0))


def test_base_delay_is_before_the_direct_sound() -> None:
  plan = make_plan(ONE, _at(0.0, 1.0, 0.0))
  assert 0 < diffuse_tail.direct_delay_s(ONE)[0] * 48000 - plan.base_delay < 64


def test_roll_off_ends_at_the_ceiling_and_spares_the_band() -> None:
  scene = dataclasses.replace(ONE, body_ceiling_hz=12000.0)
  plan = make_plan(scene, _at(0.0, 1.0, 0.0))
  freqs, gain = plan.freqs_hz, plan.gain
  assert (gain[freqs <= 10800] == 1).all()
  assert np.abs(gain[freqs >= 12000]).max(initial=0) < 1e-12
  assert freqs[1] == pytest.approx(48000 / plan.sizes.fft_size)
  assert freqs[-1] >= 11900


def test_shadow_paths_are_the_images_of_the_static_room() -> None:
  # Direct and floor path must be what the static response adds there, or a
  # shadow would leave something behind.
  scene = dataclasses.replace(ONE, max_order=1, reflection=0.6)
  plan = make_plan(scene, _at(0.0, 1.0, 0.0))
  paths = response_plan.shadow_paths(scene, plan)
  images = room.image_sources(scene, 0)
  for path, source in enumerate(paths["source"]):
    away = np.linalg.norm(images.positions_m - source, axis=1)
    found = away.argmin()
    assert away[found] < 1e-6
    r = np.linalg.norm(source - np.array(scene.mic_m))
    size = np.abs(paths["spectrum"][path, 0])
    np.testing.assert_allclose(size, images.gains[found, 0] / r, rtol=1e-5)
  only = dataclasses.replace(scene, max_order=0)
  assert len(response_plan.shadow_paths(only, plan)["source"]) == 1
