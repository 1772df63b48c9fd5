from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import scipy.signal

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.simulate import recorder, room
from bgm2pose_jax.simulate.scene import Scene, Tail

RATE = 48000
QUIET = Scene(noise="none", max_order=1)

# Height and distance from the midline of a standing person's joints.
_STANDING = {
  "Hips": (1.0, 0), "Spine": (1.1, 0), "Spine1": (1.3, 0), "Neck": (1.5, 0),
  "Head": (1.65, 0), "Shoulder": (1.45, 0.06), "Arm": (1.43, 0.18),
  "ForeArm": (1.15, 0.2), "Hand": (0.9, 0.22), "UpLeg": (0.95, 0.1),
  "Leg": (0.5, 0.1), "Foot": (0.08, 0.1), "ToeBase": (0.02, 0.1),
}  # fmt: skip


def _standing(frames: int = 60) -> np.ndarray:
  pose = np.zeros((21, 3), np.float32)
  for i, joint in enumerate(BODY21.joints):
    # Facing +z with y up, the left hand is on the side of +x.
    sign = 1 if joint.startswith("Left") else -1
    name = joint.removeprefix("Left").removeprefix("Right")
    height, away = _STANDING[name]
    pose[i] = (sign * away, height, 0.12 if name == "ToeBase" else 0.0)
  return np.repeat(pose[None], frames, axis=0)


def _swaying(frames: int = 60) -> np.ndarray:
  t = np.arange(frames) / 120
  way = 0.15 * np.sin(2 * np.pi * t)[:, None, None]
  return (_standing(frames) + way * np.array([1, 0, 0.5])).astype(np.float32)


@functools.cache
def _music(samples: int = RATE // 2) -> np.ndarray:
  rng = np.random.default_rng(5)
  return rng.standard_normal((2, samples)).astype(np.float32)


def test_static_recording_is_plain_convolution() -> None:
  response = room.static_response(Scene())
  music = _music(200_000)  # more than one block
  got = recorder.static_recording(Scene(), music)
  want = sum(
    scipy.signal.oaconvolve(music[s][None].astype(np.float64), response[s])
    for s in range(2)
  )[:, : music.shape[1]]
  np.testing.assert_allclose(got, want, atol=3e-6 * np.abs(want).max())


def test_scatterers_off_is_the_static_room() -> None:
  want = recorder.static_recording(QUIET, _music())
  for options in ({"body": False}, {}):
    pose = _standing() if options else None
    got = recorder.render(QUIET, _music(), pose, **options)
    np.testing.assert_array_equal(got, want)
  assert not np.array_equal(recorder.render(QUIET, _music(), _standing()), want)


def test_person_on_the_line_shadows_high_frequencies_only() -> None:
  scene = dataclasses.replace(
    QUIET, speakers_m=((0.0, 1.1, -1.5),), max_order=0
  )
  click = np.zeros((1, RATE // 4), np.float32)
  click[0, 4800] = 1
  person = np.fft.rfft(recorder.render(scene, click, _standing())[0])
  empty = np.fft.rfft(recorder.static_recording(scene, click)[0])
  freqs = np.fft.rfftfreq(click.shape[1], 1 / RATE)

  def octave_db(hz: float) -> float:
    band = (freqs > hz / 2**0.5) & (freqs < hz * 2**0.5)
    power = (np.abs(x[band]) ** 2 for x in (person, empty))
    return float(10 * np.log10(next(power).sum() / next(power).sum()))

  assert octave_db(8000) < -3
  assert abs(octave_db(125)) < 1


def test_person_beside_the_line_casts_no_shadow_on_w() -> None:
  scene = dataclasses.replace(
    QUIET, speakers_m=((0.0, 1.1, -1.5),), max_order=0
  )
  click = np.zeros((1, RATE // 4), np.float32)
  click[0, 4800] = 1
  aside = _standing() + np.array([1.0, 0, 0], np.float32)
  y = recorder.render(scene, click, aside)[0]
  empty = recorder.static_recording(scene, click)[0]
  direct = slice(4800 + 380, 4800 + 460)
  error = np.linalg.norm((y - empty)[direct])
  assert error < 0.2 * np.linalg.norm(empty[direct])


def test_same_seed_same_bytes() -> None:
  scene = dataclasses.replace(Scene(), tail=Tail(), snr_db=30.0)
  runs = [
    recorder.render(scene, _music(), _swaying(), seed=seed)
    for seed in (7, 7, 8)
  ]
  assert runs[0].tobytes() == runs[1].tobytes()
  assert runs[0].tobytes() != runs[2].tobytes()
  assert runs[0].dtype == np.float32


def test_any_chunk_length_gives_the_same_recording() -> None:
  # White noise up to 16 kHz is the hardest music: the error grows with
  # frequency, as float32 knows a path of 4 m to 0.2 um.
  one = recorder.render(QUIET, _music(), _swaying(), chunk_s=0.1)
  two = recorder.render(QUIET, _music(), _swaying(), chunk_s=0.05)
  assert np.std(one - two) < 1e-5 * np.std(one)
  coloured = np.float32(scipy.signal.lfilter([0.1], [1, -0.9], _music()))
  one = recorder.render(QUIET, coloured, _swaying(), chunk_s=0.1)
  two = recorder.render(QUIET, coloured, _swaying(), chunk_s=0.05)
  np.testing.assert_allclose(one, two, atol=1e-5 * np.abs(one).max())


def test_linear_in_the_music() -> None:
  one = recorder.render(QUIET, _music(), _swaying())
  two = recorder.render(QUIET, -3 * _music(), _swaying())
  np.testing.assert_allclose(two, -3 * one, atol=1e-5 * np.abs(two).max())


@pytest.mark.parametrize("kind", ["white", "room"])
@pytest.mark.parametrize("format_name", ["ambix", "fuma"])
def test_noise_has_the_stated_level(kind: str, format_name: str) -> None:
  scene = Scene(noise=kind, snr_db=20.0, format=format_name)
  music = _music()
  noisy = recorder.render(scene, music, None)
  clean = recorder.static_recording(scene, music)
  snr = 20 * np.log10(np.std(clean[0]) / np.std((noisy - clean)[0]))
  # Low-frequency noise has few independent samples in half a second.
  assert snr == pytest.approx(20.0, abs=0.1 if kind == "white" else 1.5)


def test_room_noise_falls_six_decibels_an_octave() -> None:
  noise = recorder.background_noise(Scene(noise="room"), RATE * 8, 1.0, 0)
  freqs, power = scipy.signal.welch(noise[0], RATE, nperseg=8192)
  level = 10 * np.log10(np.interp([1000, 2000, 4000], freqs, power))
  np.testing.assert_allclose(np.diff(level), -6, atol=1.0)
  spread = np.var(noise, axis=1)
  assert spread[1:].sum() == pytest.approx(spread[0], rel=0.15)


def test_silence_stays_silent_and_finite() -> None:
  y = recorder.render(Scene(), np.zeros((2, 9600), np.float32), _swaying())
  assert np.isfinite(y).all()
  assert np.abs(y).max() < 1e-12


@pytest.mark.parametrize(
  ("music", "pose", "word"),
  [
    (np.zeros((4, 480)), np.zeros((9, 21, 3)), "music"),
    (np.full((2, 480), np.nan), np.zeros((9, 21, 3)), "music"),
    (np.zeros((2, 480)), np.zeros((9, 63)), "positions_m"),
    (np.zeros((2, 480)), np.full((9, 21, 3), np.nan), "positions_m"),
  ],
)
def test_unusable_input_is_named(music, pose, word: str) -> None:
  with pytest.raises(InputError, match=word):
    recorder.render(Scene(), music, pose)
