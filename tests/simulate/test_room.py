from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.signal

from bgm2pose_jax.simulate import diffuse_tail, room
from bgm2pose_jax.simulate.scene import OCTAVES_HZ, Scene, Tail
from bgm2pose_jax.simulate.scene_parts import Loudspeaker
from launch.bench import room_peer

RATE = 48000


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_equals_pyroomacoustics(order: int) -> None:
  scene = Scene(
    max_order=order,
    reflection=(0.8, 0.7, 0.6, 0.9, 0.75, 0.5),
    room_m=(7, 3, 6),
  )
  pytest.importorskip("pyroomacoustics")
  ours = room.static_response(scene)
  with room_peer.shoebox(scene) as shoebox:
    shoebox.compute_rir()
    theirs = shoebox.rir  # [channel][speaker]
  size = 16384
  freqs = np.fft.rfftfreq(size, 1 / RATE)
  band = (freqs >= 100) & (freqs <= 16000)
  shift = np.exp(2j * np.pi * freqs * room_peer.DELAY_SAMPLES / RATE)
  for channel in range(4):
    for speaker in range(2):
      a = np.fft.rfft(ours[speaker, channel], size)[band]
      b = (np.fft.rfft(theirs[channel][speaker], size) * shift)[band]
      error = np.linalg.norm(a - b) / np.linalg.norm(b)
      assert 20 * np.log10(error) < -40, (channel, speaker, error)


def test_direct_sound_has_exact_delay_level_and_direction() -> None:
  scene = Scene(max_order=0, speakers_m=((0.5, 1.3, -1.2),))
  response = room.static_response(scene)[0]
  offset = np.array(scene.speakers_m[0]) - np.array(scene.mic_m)
  r = np.linalg.norm(offset)
  size = 4096
  freqs = np.fft.rfftfreq(size, 1 / RATE)
  spectrum = np.fft.rfft(response, size)
  want = np.exp(-2j * np.pi * freqs * r / 343.0) / r
  low = freqs < 20000
  np.testing.assert_allclose(spectrum[0, low], want[low], atol=2e-4 / r)
  for i in range(3):
    got = spectrum[1 + i, low] / spectrum[0, low]
    np.testing.assert_allclose(got, offset[i] / r, atol=1e-3)


def test_level_falls_with_the_square_of_distance() -> None:
  energies = []
  for distance in (1.0, 2.0):
    scene = Scene(max_order=0, speakers_m=((0.0, 1.1, 1.5 - distance),))
    energies.append((room.static_response(scene)[0, 0] ** 2).sum())
  assert energies[0] / energies[1] == pytest.approx(4, rel=3e-3)


def test_image_count_is_that_of_a_shoebox() -> None:
  # Points of the integer lattice with |i| + |j| + |k| <= n.
  for order, count in ((0, 1), (1, 7), (2, 25), (3, 63)):
    images = room.image_sources(Scene(max_order=order), 0)
    assert len(images.positions_m) == count
    assert images.order.max() == order


def test_floor_image_lies_below_the_floor_with_its_walls_gain() -> None:
  scene = Scene(max_order=1, reflection=(0.9, 0.8, 0.3, 0.7, 0.6, 0.5))
  images = room.image_sources(scene, 1)
  x, y, z = scene.speakers_m[1]
  distance = np.linalg.norm(images.positions_m - [x, -y, z], axis=1)
  assert distance.min() < 1e-12
  assert images.gains[distance.argmin(), 0] == pytest.approx(0.3)


def test_speakers_and_microphone_swap() -> None:
  here, there = (0.5, 1.6, -1.1), (-0.4, 0.8, 1.4)
  one = room.static_response(Scene(mic_m=here, speakers_m=(there,)))
  two = room.static_response(Scene(mic_m=there, speakers_m=(here,)))
  np.testing.assert_allclose(one[0, 0], two[0, 0], atol=1e-9)


def test_octave_reflection_acts_in_its_octave() -> None:
  bands = (0.9, 0.9, 0.9, 0.9, 0.2, 0.9, 0.9)
  base = Scene(max_order=1, reflection=0.9)
  octave = dataclasses.replace(base, reflection=(bands,) * 6)
  size = 8192
  freqs = np.fft.rfftfreq(size, 1 / RATE)
  direct = room.static_response(dataclasses.replace(base, max_order=0))
  levels = []
  for scene in (base, octave):
    response = room.static_response(scene)[0, 0]
    echo = np.fft.rfft(response, size) - np.fft.rfft(direct[0, 0], size)
    levels.append(np.abs(echo))
  ratio = levels[1] / levels[0]
  for hz, want in zip(OCTAVES_HZ, bands):
    near = np.argmin(np.abs(freqs - hz))
    assert ratio[near] == pytest.approx(want / 0.9, rel=0.05)


def test_equal_octaves_equal_one_number() -> None:
  plain = room.static_response(Scene(max_order=2, reflection=0.6))
  octave = room.static_response(
    Scene(max_order=2, reflection=((0.6,) * 7,) * 6)
  )
  np.testing.assert_allclose(plain, octave, atol=1e-9)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["scene", "facing_speakers"])
def test_plane_wave_lights_one_channel(axis: int, name: str) -> None:
  scene = Scene(axes=name)
  # The named channel for sound from +x, +y, +z, with its sign.
  want = {"scene": [(1, 1), (2, 1), (3, 1)]}
  want["facing_speakers"] = [(2, -1), (3, 1), (1, -1)]
  gains = room.encode_direction(np.eye(3)[axis], scene)
  channel, sign = want[name][axis]
  expected = np.zeros(4)
  expected[0] = 1
  expected[channel] = sign
  np.testing.assert_array_equal(gains, expected)


@pytest.mark.parametrize(
  ("name", "w", "xyz"),
  [("ambix", 1, 1), ("fuma", 0.5**0.5, 1), ("n3d", 1, 3**0.5)],
)
def test_format_gains(name: str, w: float, xyz: float) -> None:
  gains = room.encode_direction(np.array([0, 0, 1.0]), Scene(format=name))
  np.testing.assert_allclose(gains, [w, 0, 0, xyz])


def test_tail_decays_by_its_t60_and_is_seeded() -> None:
  scene = Scene(tail=Tail(t60_s=0.5, level_db=-3.0))
  tail = diffuse_tail.still_tail(scene)
  np.testing.assert_array_equal(tail, diffuse_tail.still_tail(scene))
  other = dataclasses.replace(scene, tail=Tail(t60_s=0.5, seed=1))
  assert not np.array_equal(tail, diffuse_tail.still_tail(other))
  energy = (tail[0] ** 2).sum(0)
  left = np.cumsum(energy[::-1])[::-1]
  t = np.arange(len(left)) / RATE
  part = (t > 0.05) & (t < 0.35)
  slope = np.polyfit(t[part], 10 * np.log10(left[part]), 1)[0]
  assert -60 / slope == pytest.approx(0.5, rel=0.05)
  distance = diffuse_tail.direct_delay_s(scene)[0] * 343
  level = 10 * np.log10((tail[0, 0] ** 2).sum() * distance**2)
  assert level == pytest.approx(-3.0, abs=0.4)
  # In a diffuse field X, Y and Z together carry W's energy (SN3D).
  assert (tail[0, 1:] ** 2).sum() == pytest.approx(
    (tail[0, 0] ** 2).sum(), rel=0.1
  )


def test_octaves_of_the_tail_decay_by_their_own_t60() -> None:
  t60_s = (0.9, 0.9, 0.8, 0.6, 0.4, 0.3, 0.3)
  level_db = (0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 3.0)
  scene = Scene(tail=Tail(t60_s=t60_s, level_db=level_db))
  tail = diffuse_tail.still_tail(scene)
  edges = ((350, 700, 0.8), (2900, 5600, 0.3))
  for low_hz, high_hz, want_s in edges:
    band = scipy.signal.butter(
      4, (low_hz, high_hz), "bandpass", fs=RATE, output="sos"
    )
    energy = np.square(scipy.signal.sosfilt(band, tail[0])).sum(0)
    left = np.cumsum(energy[::-1])[::-1]
    t = np.arange(len(left)) / RATE
    part = (t > 0.05) & (t < 0.6 * want_s)
    slope = np.polyfit(t[part], 10 * np.log10(left[part]), 1)[0]
    assert -60 / slope == pytest.approx(want_s, rel=0.12)
  # Each octave's energy is relative to the direct sound's in that octave.
  spectrum = np.square(np.abs(np.fft.rfft(tail[0, 0])))
  freqs = np.fft.rfftfreq(tail.shape[-1], 1 / RATE)
  distance = diffuse_tail.direct_delay_s(scene)[0] * 343
  for low_hz, high_hz, want_db in ((200, 300, 0.0), (2000, 4000, 3.0)):
    kept = (freqs > low_hz) & (freqs < high_hz)
    level = 10 * np.log10(spectrum[kept].mean() * distance**2)
    assert level == pytest.approx(want_db, abs=1.0)


def test_people_take_from_the_still_tail_what_they_scatter() -> None:
  scene = Scene(tail=Tail())
  loss = np.full(7, 4.0)
  empty = diffuse_tail.still_tail(scene)
  with_people = diffuse_tail.still_tail(scene, loss)
  since = np.arange(empty.shape[-1]) / RATE
  start = diffuse_tail.direct_delay_s(scene)[0] + 0.01
  want = np.exp(-2.0 * np.maximum(since - start, 0))
  np.testing.assert_allclose(with_people[0], empty[0] * want, atol=1e-12)


@pytest.mark.parametrize("directivity", [0.0, 1.0])
def test_a_loudspeaker_radiates_less_to_its_back(directivity: float) -> None:
  scene = Scene(max_order=1, loudspeaker=Loudspeaker(directivity=directivity))
  plain = room.image_response(dataclasses.replace(scene, loudspeaker=None))
  found = room.image_response(scene)[0, 0, : plain.shape[-1]]
  # The wall behind the loudspeaker is heard by its image alone: 4 kHz.
  band = scipy.signal.butter(4, (2900, 5600), "bandpass", fs=RATE, output="sos")
  image = room.image_sources(scene, 0)
  far = np.linalg.norm(image.positions_m - np.array(scene.mic_m), axis=-1)
  wall = int(np.argmin(image.positions_m[:, 2]))
  at = round(far[wall] / 343 * RATE)
  cut = slice(at - 40, at + 40)
  heard, all_of_it = (
    np.std(scipy.signal.sosfilt(band, x)[cut]) for x in (found, plain[0, 0])
  )
  if directivity:
    assert heard < 0.5 * all_of_it
  else:
    assert heard == pytest.approx(all_of_it, rel=0.02)
