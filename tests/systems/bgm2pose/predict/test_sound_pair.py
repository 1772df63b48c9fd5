"""Sound on one clock: what is cut, and where."""

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.predict import conventions
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import (
  FRAME_SAMPLES,
  SoundPair,
)


def _sounds(recorded_frames, played_frames):
  n, m = recorded_frames * FRAME_SAMPLES, played_frames * FRAME_SAMPLES
  recording = np.tile(np.arange(n, dtype=np.float32), (4, 1))
  return recording, np.tile(np.arange(m, dtype=np.float32), (2, 1))


def test_whole_samples_are_taken_as_they_are():
  recording, music = _sounds(250, 230)
  pair = SoundPair(recording, music, offset_samples=4801.0)
  blocks = list(pair.blocks())
  assert pair.frames == 230
  assert [b.windows for b in blocks] == [16, 4]
  audio = np.concatenate([b.audio for b in blocks], axis=1)
  played = np.concatenate([b.music for b in blocks], axis=1)
  used = pair.frames * FRAME_SAMPLES
  assert (audio[0, :used] == 4801 + np.arange(used)).all()
  assert (played[1, :used] == np.arange(used)).all()
  assert (audio[:, used:] == 0).all()
  assert (played[:, used:] == 0).all()
  assert pair.first_s == pytest.approx((4801 + 1200) / 48000)


def test_recorder_started_late():
  recording, music = _sounds(40, 60)
  pair = SoundPair(recording, music, offset_samples=-2400.0)
  (block,) = pair.blocks()
  assert pair.first_sample == 0
  assert block.music[0, 0] == 2400
  assert pair.frames == 40


def test_drift_moves_the_music():
  # A ramp: the sample's value is its place.
  recording, music = _sounds(100, 100)
  pair = SoundPair(recording, music, offset_samples=100.25, drift_ppm=50.0)
  (block,) = pair.blocks()
  n = pair.first_sample + np.arange(40000, 41000)
  place = (n - 100.25) * (1 + 50e-6)
  np.testing.assert_allclose(block.music[0, 40000:41000], place, rtol=1e-5)


def test_too_short_for_a_window():
  recording, music = _sounds(40, 40)
  pair = SoundPair(recording, music, offset_samples=35.0 * FRAME_SAMPLES)
  with pytest.raises(InputError, match=r"0\.25 s together"):
    pair.check(12)


class _Model:
  folder = "runs/x"

  def __init__(self, ambisonic_format):
    self.ambisonic_format = ambisonic_format


def test_conventions():
  ambix = _Model("ambix")
  assert conventions.gains(None, ambix, convert=False) is None
  assert conventions.gains("ambix", ambix, convert=False) is None
  with pytest.raises(InputError, match="trained on ambix"):
    conventions.gains("fuma", ambix, convert=False)
  found = conventions.gains("fuma", ambix, convert=True)
  np.testing.assert_allclose(found[:, 0], [2**0.5, 1, 1, 1], rtol=1e-6)
  found = conventions.gains("n3d", _Model("fuma"), convert=True)
  np.testing.assert_allclose(found[:, 0], [0.5**0.5, *[3**-0.5] * 3], rtol=1e-6)
  with pytest.raises(InputError, match="does not know"):
    conventions.gains("fuma", _Model(None), convert=True)


def test_gains_are_applied():
  recording, music = _sounds(20, 20)
  gains = np.float32([[2], [1], [1], [0.5]])
  (block,) = SoundPair(recording, music, gains=gains).blocks()
  assert block.audio[0, 7] == 14
  assert block.audio[3, 8] == 4
