from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import prepared
from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import Block
from bgm2pose_jax.systems.bgm2pose.ampl.window_noise import with_noise
from bgm2pose_jax.systems.bgm2pose.recipe import Recipe
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_SAMPLES


def _block(first=3, windows=2):
  rng = np.random.default_rng(0)
  shape = windows * WINDOW_SAMPLES
  audio = rng.uniform(-0.2, 0.2, (4, shape)).astype(np.float32)
  music = rng.uniform(-0.5, 0.5, (2, shape)).astype(np.float32)
  # The second window is four times as loud.
  for sound in (audio, music):
    sound[:, WINDOW_SAMPLES:] *= 4
  return Block(first, windows, audio, music)


def _added(block, noisy):
  both = [
    np.concatenate([b.audio, b.music]).reshape(6, 2, -1) for b in (block, noisy)
  ]
  return (both[1] - both[0]).transpose(1, 0, 2), both[0].transpose(1, 0, 2)


def test_largest_amplitudes_are_that_far_apart_in_each_window():
  block = _block()
  added, sound = _added(block, with_noise(block, 10.0, "subject_0_haze"))
  for noise, window in zip(added, sound):
    ratio = np.abs(window).max() / np.abs(noise).max()
    assert 20 * np.log10(ratio) == pytest.approx(10.0, abs=1e-3)
    # White, on every channel alike, and no two channels the same.
    power = np.square(noise).mean(axis=1)
    assert power.max() / power.min() < 1.05
    assert np.abs(np.corrcoef(noise) - np.eye(6)).max() < 0.03
    spectrum = np.abs(np.fft.rfft(noise, axis=1)) ** 2
    thirds = [part.mean() for part in np.array_split(spectrum[0], 3)]
    assert max(thirds) / min(thirds) < 1.1


def test_the_draw_belongs_to_recording_and_window():
  block = _block()
  noisy = with_noise(block, 10.0, "a")
  np.testing.assert_array_equal(noisy.audio, with_noise(block, 10.0, "a").audio)
  assert np.abs(noisy.audio - with_noise(block, 10.0, "b").audio).max() > 0.01
  later = Block(
    4, 1, block.audio[:, WINDOW_SAMPLES:], block.music[:, WINDOW_SAMPLES:]
  )
  np.testing.assert_array_equal(
    with_noise(later, 10.0, "a").audio, noisy.audio[:, WINDOW_SAMPLES:]
  )


def test_silence_stays_silent():
  silent = Block(
    0,
    1,
    np.zeros((4, WINDOW_SAMPLES), np.float32),
    np.zeros((2, WINDOW_SAMPLES), np.float32),
  )
  assert not with_noise(silent, 10.0, "a").audio.any()


def test_noise_is_part_of_what_data_are():
  found = {
    prepared.identify(prepare.open_source(recipe=Recipe(noise_snr_db=snr_db)))[
      0
    ]
    for snr_db in (None, 10.0, 20.0)
  }
  assert len(found) == 3


@pytest.mark.parametrize("snr_db", [float("nan"), float("inf"), 1e6])
def test_a_ratio_that_is_none_is_refused(snr_db):
  with pytest.raises(InputError, match="noise_snr_db"):
    Recipe(noise_snr_db=snr_db)
