from __future__ import annotations

import dataclasses

import exact_sphere
import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate.body_response import body_response
from bgm2pose_jax.simulate.response_plan import Rectangles, Spheres
from bgm2pose_jax.simulate.scene import Scene

RATE = 48000
BANDS_HZ = (125, 250, 500, 1000, 2000, 4000, 8000, 12000)
ONE = Scene(speakers_m=((0.0, 1.1, -1.5),))


def _still(*centres: tuple[float, float, float], radius: float = 0.08):
  track = np.broadcast_to(np.array(centres), (20, len(centres), 3))
  return Spheres(track, np.zeros(len(centres), int), (radius,))


def _impulse_response(scene: Scene, spheres: Spheres, **kw) -> np.ndarray:
  """Response to an impulse well inside the track, from its own sample on."""
  music = np.zeros((len(scene.speakers_m), 4800), np.float32)
  music[0, 1000] = 1
  return body_response(scene, music, spheres, 120.0, **kw)[:, 1000:]


def _exact(scene: Scene, centre, radius: float, freqs: np.ndarray):
  """Point source, sphere, point receiver: series, NumPy's FFT sign."""
  source = np.array(scene.speakers_m[0]) - centre
  mic = np.array(scene.mic_m) - centre
  d1, d2 = np.linalg.norm(source), np.linalg.norm(mic)
  k = 2 * np.pi * freqs / scene.speed_of_sound_m_s
  pressure = exact_sphere.point_source_pressure(
    k, radius, d1, d2, np.array([source @ mic / (d1 * d2)])
  )
  return np.conj(pressure[0])


@pytest.mark.parametrize("radius", [0.04, 0.08, 0.14])
@pytest.mark.parametrize(
  "centre",
  [
    (0.0, 1.1, 0.0),  # on the line: in front of it the sphere's shadow
    (0.15, 1.0, 0.3),
    (-0.5, 1.5, 0.1),
    (0.4, 0.6, 1.2),
    (0.3, 1.0, -2.3),  # behind the loudspeaker
    (0.0, 1.4, 2.1),  # behind the microphone
  ],
)
def test_tones_equal_the_exact_series(centre, radius: float) -> None:
  response = _impulse_response(ONE, _still(centre, radius=radius))[0]
  freqs = np.array(BANDS_HZ, float)
  t = np.arange(len(response)) / RATE
  got = np.exp(-2j * np.pi * freqs[:, None] * t) @ response
  want = _exact(ONE, np.array(centre), radius, freqs)
  # The sound that the sphere adds: away from the series' own nulls.
  size = (
    radius
    * 0.5
    / (
      np.linalg.norm(np.array(ONE.speakers_m[0]) - centre)
      * np.linalg.norm(np.array(ONE.mic_m) - centre)
    )
  )
  loud = np.abs(want) > 0.2 * size
  assert loud.sum() >= 4
  level = 20 * np.log10(np.abs(got / want))[loud]
  assert np.abs(level).max() < 1.0, level
  delay = -np.angle(got / want) / (2 * np.pi * freqs) * RATE
  # Below 1 kHz a tenth of a sample is a hundredth of a radian: ask for the
  # same share of a period there.
  slack = np.maximum(0.1, 0.1 * 2000 / freqs)
  assert (np.abs(delay) < slack)[loud].all(), delay


def _tone_hz(y: np.ndarray, hz: float) -> float:
  """Frequency of a steady tone, by the slope of its demodulated phase."""
  t = np.arange(len(y)) / RATE
  width = 1024
  window = np.hanning(width) / width
  base = np.convolve(y * np.exp(-2j * np.pi * hz * t), window, "valid")
  phase = np.unwrap(np.angle(base))
  return hz + np.polyfit(t[: len(phase)], phase, 1)[0] / (2 * np.pi)


@pytest.mark.parametrize("speed", [3.0, -3.0, 1.0])
def test_doppler_of_a_sphere_beyond_a_co_located_pair(speed: float) -> None:
  # Source and microphone side by side, the sphere on their axis: the echo of
  # a target that recedes at v is f (1 - v/c) / (1 + v/c).
  hz = 3000.0
  scene = Scene(
    mic_m=(-3.0, 1.1, 0.0), speakers_m=((-3.0, 1.1, 0.05),), format="ambix"
  )
  t = np.arange(122) / 120
  x = -1.0 + speed * (t - 0.5)
  track = np.stack([x, np.full_like(x, 1.1), np.zeros_like(x)], -1)[:, None]
  spheres = Spheres(track, np.zeros(1, int), (0.1,))
  tone = np.cos(2 * np.pi * hz * np.arange(RATE) / RATE)
  y = body_response(scene, np.float32(tone[None]), spheres, 120.0)[0]
  c = scene.speed_of_sound_m_s
  want = hz * (1 - speed / c) / (1 + speed / c)
  # Short of the ends, where the echo of the silence before arrives.
  assert _tone_hz(y[9600:-4800], want) == pytest.approx(want, abs=0.1)


@pytest.mark.parametrize(("start_z", "beyond"), [(1.9, True), (-0.5, False)])
def test_doppler_on_the_line_of_speaker_and_mic(
  start_z: float, beyond: bool
) -> None:
  # Beyond the microphone both ways lengthen; between the two one lengthens by
  # what the other loses, and the tone keeps its frequency.
  hz, speed = 2000.0, 1.5
  t = np.arange(50) / 120
  track = np.array([0.0, 1.1, start_z]) + t[:, None] * np.array([0, 0, speed])
  spheres = Spheres(track[:, None], np.zeros(1, int), (0.08,))
  scene = dataclasses.replace(ONE, speakers_m=((0.0, 1.1, -1.5),))
  n = RATE * 2 // 5
  tone = np.cos(2 * np.pi * hz * np.arange(n) / RATE)
  y = body_response(scene, np.float32(tone[None]), spheres, 120.0)[0]
  c = scene.speed_of_sound_m_s
  want = hz * (1 - speed / c) / (1 + speed / c) if beyond else hz
  assert _tone_hz(y[2400:-2400], want) == pytest.approx(want, abs=0.1)


def test_arrival_lights_the_channel_it_comes_from() -> None:
  mic = np.array(ONE.mic_m)
  for axis in range(3):
    centre = mic + np.eye(3)[axis] * 0.8
    y = _impulse_response(ONE, _still(tuple(centre)))
    want = np.zeros(3)
    want[axis] = 1
    gains = y[1:] @ y[0] / (y[0] @ y[0])
    np.testing.assert_allclose(gains, want, atol=1e-4)


def test_reciprocity() -> None:
  here, there = (0.5, 1.6, -1.1), (-0.4, 0.8, 1.4)
  spheres = _still((0.2, 1.0, 0.3), (-0.3, 1.3, 0.0))
  one = dataclasses.replace(ONE, mic_m=here, speakers_m=(there,))
  two = dataclasses.replace(ONE, mic_m=there, speakers_m=(here,))
  a = _impulse_response(one, spheres)[0]
  b = _impulse_response(two, spheres)[0]
  np.testing.assert_allclose(a, b, atol=2e-5 * np.abs(a).max())


def _random_case(seconds: float = 0.3):
  rng = np.random.default_rng(3)
  t = np.arange(int(seconds * 120) + 1) / 120
  centres = rng.uniform((-0.4, 0.1, -0.4), (0.4, 1.7, 0.4), (9, 3))
  swing = 0.2 * np.sin(2 * np.pi * (t[:, None] + rng.random(9)))
  track = centres + swing[..., None] * np.array([1, 0.3, 0.6])
  spheres = Spheres(track, rng.integers(0, 2, 9), (0.06, 0.1))
  axes = np.array([[0.15, 0, 0], [0, 0.3, 0]])
  rectangles = Rectangles(
    track[:, :1], np.broadcast_to(axes, (len(t), 1, 2, 3))
  )
  music = rng.standard_normal((2, int(seconds * RATE))).astype(np.float32)
  return music, spheres, rectangles


def test_any_chunk_length_gives_the_same_signal() -> None:
  music, spheres, rectangles = _random_case()
  runs = [
    body_response(
      Scene(), music, spheres, 120.0, rectangles=rectangles, chunk_s=chunk_s
    )
    for chunk_s in (0.05, 0.1)
  ]
  for run in runs[1:]:
    np.testing.assert_allclose(run, runs[0], atol=1e-5 * np.abs(run).max())


def test_linear_in_the_music() -> None:
  music, spheres, rectangles = _random_case()
  other = np.roll(music, 777, axis=1)[::-1]

  def f(m: np.ndarray) -> np.ndarray:
    return body_response(Scene(), m, spheres, 120.0, rectangles=rectangles)

  want = 2 * f(music) - 0.5 * f(other)
  got = f(2 * music - np.float32(0.5) * other)
  np.testing.assert_allclose(got, want, atol=2e-5 * np.abs(want).max())


def test_speakers_add_up() -> None:
  music, spheres, rectangles = _random_case()
  both = body_response(Scene(), music, spheres, 120.0, rectangles=rectangles)
  alone = [
    body_response(Scene(), music * only, spheres, 120.0, rectangles=rectangles)
    for only in np.float32([[[1], [0]], [[0], [1]]])
  ]
  np.testing.assert_allclose(both, sum(alone), atol=2e-5 * np.abs(both).max())
  # The second one is lit from its own side: not the first one's share again.
  assert np.corrcoef(alone[0][0], alone[1][0])[0, 1] < 0.2


def test_a_still_body_is_time_invariant() -> None:
  rng = np.random.default_rng(0)
  spheres = _still((0.2, 1.0, 0.3), (-0.3, 1.3, 0.0))
  music = np.zeros((1, 9600), np.float32)
  music[0, :4000] = rng.standard_normal(4000)
  shifted = np.roll(music, 1234, axis=1)
  y = body_response(ONE, music, spheres, 120.0)
  z = body_response(ONE, shifted, spheres, 120.0)
  np.testing.assert_allclose(
    z[:, 1234:], y[:, :-1234], atol=3e-4 * np.abs(y).max()
  )


def test_echo_falls_with_both_distances() -> None:
  # Far from a small sphere, straight back: p = f / (d1 d2), so the energy of
  # a co-located echo falls with the fourth power.
  energy = []
  for distance in (0.9, 1.8):
    scene = Scene(mic_m=(-3.0, 1.1, 0.0), speakers_m=((-3.0, 1.1, 0.02),))
    centre = (-3.0 + distance, 1.1, 0.01)
    y = _impulse_response(scene, _still(centre, radius=0.03))[0]
    energy.append((y**2).sum())
  assert energy[0] / energy[1] == pytest.approx(16, rel=0.05)


def test_floor_image_adds_the_mirrored_source() -> None:
  spheres = _still((0.2, 1.0, 0.3))
  lit = dataclasses.replace(ONE, body_floor_image=True, reflection=0.6)
  with_image = _impulse_response(lit, spheres)
  plain = _impulse_response(
    dataclasses.replace(lit, body_floor_image=False), spheres
  )
  x, y, z = ONE.speakers_m[0]
  # A source below a room that has no floor there: the same room, lowered.
  down = 2 * y + 0.5
  lower = Scene(
    room_m=(8.0, 6.0, 6.0),
    speakers_m=((x, -y + down, z),),
    mic_m=(0.0, 1.1 + down, 1.5),
  )
  mirrored = _impulse_response(lower, _still((0.2, 1.0 + down, 0.3)))
  want = plain + 0.6 * mirrored
  np.testing.assert_allclose(with_image, want, atol=2e-3 * np.abs(want).max())


def test_wrong_number_of_music_channels_is_refused() -> None:
  with pytest.raises(InputError, match="one row per"):
    body_response(ONE, np.zeros((2, 480), np.float32), _still((0, 1, 0)), 120.0)


def test_a_sphere_over_the_microphone_stays_finite_and_bounded() -> None:
  y = _impulse_response(ONE, _still(ONE.mic_m))[0]
  direct = 1 / 3.0
  assert np.isfinite(y).all()
  assert np.abs(y).max() < 3 * direct
