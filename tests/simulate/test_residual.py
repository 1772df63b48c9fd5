from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import scipy.linalg
import scipy.signal

from bgm2pose_jax.simulate import (
  background,
  loudspeaker,
  recorder,
  residual,
)
from bgm2pose_jax.simulate.scene import Scene
from bgm2pose_jax.simulate.scene_parts import (
  BAND_EDGES_HZ,
  Background,
  Bystander,
  Loudspeaker,
  Residual,
)

RATE = 16_000
QUIET = Scene(sample_rate_hz=RATE, noise="none", max_order=1)


def _music(seconds: float = 4.0) -> np.ndarray:
  rng = np.random.default_rng(5)
  shape = (2, round(seconds * RATE))
  return (0.1 * rng.standard_normal(shape)).astype(np.float32)


def _levels_db(signal: np.ndarray, reference: np.ndarray) -> np.ndarray:
  out = []
  for low, high in itertools.pairwise(BAND_EDGES_HZ[1:-1]):
    band = scipy.signal.butter(
      4, (low * 1.1, high / 1.1), "bandpass", fs=RATE, output="sos"
    )
    powers = [
      np.var(scipy.signal.sosfilt(band, x)) for x in (signal, reference)
    ]
    out.append(10 * np.log10(powers[0] / powers[1]))
  return np.array(out)


@pytest.mark.parametrize("slow_share", [0.0, 1.0])
def test_the_residual_has_its_level_in_each_octave(slow_share: float) -> None:
  level_db = (-5.0, -16.0, -22.0, -30.0, -28.0, -26.0, -22.0)
  kind = Residual(level_db, slow_share=slow_share, slow_s=1.0)
  scene = dataclasses.replace(QUIET, residual=kind)
  music = _music(16.0)
  plain = recorder.static_recording(QUIET, music)
  left = recorder.render(scene, music, None, seed=2) - plain
  found = _levels_db(left[0], plain[0])
  tolerance = 2.5 if slow_share else 1.5
  np.testing.assert_allclose(found, level_db[1:6], atol=tolerance)


def test_noise_follows_the_music_and_rests_with_it() -> None:
  scene = dataclasses.replace(QUIET, residual=Residual(slow_share=0.0))
  still = np.zeros((4, 4 * RATE), np.float32)
  still[:, : 2 * RATE] = _music(2.0)[0]
  noise = residual.following_noise(scene, still, 0)
  assert np.std(noise[0, : 2 * RATE]) > 0.03 * np.std(still[0, : 2 * RATE])
  assert not noise[:, 2 * RATE + RATE // 10 :].any()
  # Another take has another noise.
  assert np.abs(residual.following_noise(scene, still, 1) - noise).max() > 0


def test_slow_change_is_another_room_by_and_by() -> None:
  scene = dataclasses.replace(
    QUIET, residual=Residual(-20.0, slow_share=1.0, slow_s=20.0)
  )
  music = _music(8.0)
  found = residual.slow_change(scene, music, 0)[0]

  def left_of(part: slice) -> float:
    """Share of a stretch that one fixed filter of both channels leaves."""
    taps = 600
    rows = [
      scipy.linalg.toeplitz(m[part], np.zeros(taps))[taps:] for m in music
    ]
    known = np.concatenate(rows, 1)
    heard = found[part][taps:]
    fitted = np.linalg.lstsq(known, heard, rcond=None)[0]
    return float(np.var(heard - known @ fitted) / np.var(heard))

  assert left_of(slice(0, RATE // 2)) < 0.02


def test_distortion_is_seen_by_no_filter_of_the_musics_powers() -> None:
  scene = dataclasses.replace(
    QUIET, loudspeaker=Loudspeaker(bass_hz=0.0, distortion_db=-20.0)
  )
  music = _music(8.0)
  products = loudspeaker.play(scene, music) - music
  level = 20 * np.log10(np.std(products[0]) / np.std(music[0]))
  assert level == pytest.approx(-20.0, abs=1.0)
  # Twice as loud, the excursion's product grows by 6 dB more.
  louder = loudspeaker.play(scene, 2 * music) - 2 * music
  assert np.std(louder[0]) > 3 * np.std(products[0])
  for power in (music[0] ** 2, music[0] ** 3, music[0] * np.abs(music[0])):
    freqs, coherence = scipy.signal.coherence(
      power, products[0], RATE, nperseg=1024
    )
    assert coherence[freqs > 300].mean() < 0.05


def test_bass_falls_by_twelve_decibels_an_octave() -> None:
  scene = dataclasses.replace(
    QUIET, loudspeaker=Loudspeaker(bass_hz=200.0, distortion_db=None)
  )
  click = np.zeros((2, RATE), np.float32)
  click[:, 0] = 1
  heard = np.abs(np.fft.rfft(loudspeaker.play(scene, click)[0]))
  level = 20 * np.log10(heard)
  assert level[25] - level[50] == pytest.approx(-12.0, abs=0.3)
  assert level[2000] == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
  "name", ["fan_db", "music_db", "babble_db", "door_db", "self_noise_db"]
)
def test_background_has_its_level_and_nothing_else_sounds(name: str) -> None:
  scene = dataclasses.replace(QUIET, background=Background(**{name: -20.0}))
  heard = background.sounds(scene, 4 * RATE, 0.5, 3)[0]
  power = np.square(heard, dtype=np.float64)
  if name == "door_db":
    power = power[power > 1e-3 * power.max()]
  assert np.sqrt(power.mean()) == pytest.approx(0.05, rel=0.02)
  quiet = dataclasses.replace(QUIET, background=Background())
  assert not background.sounds(quiet, RATE, 0.5, 3).any()
  again = background.sounds(scene, 4 * RATE, 0.5, 3)[0]
  np.testing.assert_array_equal(again, heard)
  assert np.abs(background.sounds(scene, 4 * RATE, 0.5, 4)[0] - heard).max() > 0


def test_somebody_else_moves_in_the_corner() -> None:
  scene = dataclasses.replace(QUIET, bystander=Bystander())
  positions = recorder.bystander(scene, 2.0, 120.0)
  assert (
    np.linalg.norm(positions[:, 0, [0, 2]] - (-2.5, -1.8), axis=-1).max() < 1
  )
  music = _music(1.0)
  left = recorder.render(scene, music, None) - recorder.static_recording(
    QUIET, music
  )
  assert (
    np.std(left[0]) / np.std(recorder.static_recording(QUIET, music)[0]) > 1e-3
  )
