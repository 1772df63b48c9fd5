"""Features against librosa as it is called by hand, SciPy and closed forms."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet.audio_features import COLUMNS, features

RATE_HZ = 25600
NAMES = [column.name for column in COLUMNS]
ONSET, PEAK, RMS = (NAMES.index(name) for name in ("onset", "peak", "rms"))
MFCC, CHROMA = slice(1, 21), slice(21, 33)


def _music(seconds: float, rate_hz: int = RATE_HZ) -> np.ndarray:
  """Four notes of a second each over a little noise."""
  time_s = np.arange(round(seconds * rate_hz)) / rate_hz
  pitch_hz = np.array([440.0, 660.0, 550.0, 330.0])[time_s.astype(int) % 4]
  phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
  sound = np.exp(-3 * (time_s % 1)) * scipy.signal.sawtooth(phase)
  noise = np.random.default_rng(0).standard_normal(len(time_s))
  return (0.3 * sound + 1e-3 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def case():
  sound = _music(4)
  return sound, features(sound, RATE_HZ, 200)


def test_columns_are_in_the_order_of_the_specification():
  assert len(COLUMNS) == 35
  assert len(set(NAMES)) == 35
  assert NAMES[0] == "onset"
  assert NAMES[33:] == ["peak", "rms"]
  assert NAMES[MFCC] == [f"mfcc_{i}" for i in range(20)]
  assert NAMES[21] == "chroma_C"
  assert NAMES[30] == "chroma_A"


def test_envelope_and_peaks_are_librosas(case):
  sound, got = case
  envelope = librosa.onset.onset_strength(y=sound, sr=RATE_HZ)
  np.testing.assert_array_equal(
    got[:, ONSET], (envelope / envelope.max())[:200]
  )
  onsets = librosa.onset.onset_detect(onset_envelope=envelope, sr=RATE_HZ)
  assert np.flatnonzero(got[:, PEAK]).tolist() == onsets.tolist()
  assert set(np.unique(got[:, PEAK])) == {0, 1}


def test_mfcc_is_scipys_cosine_transform_of_the_mel_decibels(case):
  sound, got = case
  mel = librosa.feature.melspectrogram(y=sound, sr=RATE_HZ, n_mels=128)
  power = 10 * np.log10(np.maximum(mel, 1e-10))
  power = np.maximum(power, power.max() - 80)
  want = scipy.fft.dct(power, type=2, norm="ortho", axis=0)[:20]
  want /= np.abs(want).max(axis=1, keepdims=True)
  np.testing.assert_allclose(got[:, MFCC], want.T[:200], atol=2e-6)


def test_chroma_is_that_of_the_constant_q_transform(case):
  sound, got = case
  # The steps of Mueller's CENS: shares, four thresholds, 41 frames, norm 1.
  share = librosa.feature.chroma_cqt(
    y=sound, sr=RATE_HZ, hop_length=512, bins_per_octave=36, norm=None
  )
  share /= share.sum(axis=0)
  steps = sum(0.25 * (share > step) for step in (0.4, 0.2, 0.1, 0.05))
  window = np.hanning(43) / np.hanning(43).sum()
  smooth = np.stack([np.convolve(row, window, "same") for row in steps])
  want = smooth / np.linalg.norm(smooth, axis=0)
  np.testing.assert_allclose(got[:, CHROMA], want.T[:200], atol=1e-6)
  # The first note is an a.
  assert NAMES[CHROMA][int(got[10, CHROMA].argmax())] == "chroma_A"


def test_rms_is_that_of_2048_samples_around_the_frame(case):
  sound, got = case
  padded = np.pad(sound.astype(np.float64), 1024)
  want = [
    np.sqrt(np.mean(padded[512 * i : 512 * i + 2048] ** 2)) for i in range(201)
  ]
  np.testing.assert_allclose(
    got[:, RMS], want[:200] / np.max(want), rtol=1e-5, atol=1e-7
  )


def test_level_of_a_steady_tone_is_flat():
  time_s = np.arange(4 * RATE_HZ) / RATE_HZ
  got = features(0.5 * np.sin(2 * np.pi * 500 * time_s), RATE_HZ, 200)
  # 2048 samples hold 40 whole periods.
  np.testing.assert_allclose(got[2:198, RMS], got[2, RMS], rtol=1e-4)


def test_clicks_are_peaks_where_they_are():
  frames = np.array([40, 75, 130, 171])
  sound = np.zeros(200 * 512, np.float32)
  sound[frames * 512] = 0.9
  got = features(sound, RATE_HZ, 200)
  assert np.abs(np.flatnonzero(got[:, PEAK]) - frames).max() <= 1
  # A click is within the 2048 samples of four frames.
  loud = np.flatnonzero(got[:, RMS])
  assert set(loud) == {f + i for f in frames for i in (-1, 0, 1, 2)}


def test_scaled_columns_reach_one_and_all_keep_their_range(case):
  _, got = case
  for column, values in zip(COLUMNS, got.T):
    assert column.low <= values.min()
    assert values.max() <= column.high + 1e-6
    if column.scaled:
      assert np.abs(values).max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("samples", [-512, -511, -1, 0, 1, 511, 512, 3000])
def test_rows_are_the_frames_whatever_the_length(samples):
  sound = _music(4)[: 151 * 512 + samples]
  got = features(sound, RATE_HZ, 151)
  assert got.shape == (151, 35)
  assert got.dtype == np.float32


def test_other_rates_are_resampled():
  assert features(_music(3.02, 44100), 44100, 151).shape == (151, 35)
  low = features(_music(4, 48000), 48000, 200)
  want = features(_music(4), RATE_HZ, 200)
  np.testing.assert_allclose(low[:, RMS], want[:, RMS], atol=0.02)
  assert np.abs(low[:, CHROMA] - want[:, CHROMA]).mean() < 0.02


def test_sound_behind_the_poses_does_not_count():
  sound = _music(4)
  loud = np.concatenate([sound, np.full(20000, 0.9, np.float32)])
  np.testing.assert_array_equal(
    features(loud, RATE_HZ, 200), features(sound, RATE_HZ, 200)
  )


def test_silence_is_zero_but_for_the_level():
  got = features(np.zeros(200 * 512, np.float32), RATE_HZ, 200)
  level = NAMES.index("mfcc_0")
  np.testing.assert_allclose(got[:, level], -1, rtol=1e-6)
  assert not np.delete(got, level, axis=1).any()


def test_sound_that_cannot_be_used_is_refused():
  sound = _music(4)
  with pytest.raises(InputError, match="one channel"):
    features(np.stack([sound, sound]), RATE_HZ, 200)
  with pytest.raises(InputError, match="floating"):
    features((sound * 32767).astype(np.int16), RATE_HZ, 200)
  with pytest.raises(InputError, match="needs 150"):
    features(sound, RATE_HZ, 149)
  with pytest.raises(InputError, match="same length"):
    features(sound[: 198 * 512], RATE_HZ, 200)
  sound[25600] = np.nan
  with pytest.raises(InputError, match=r"first at 1\.000 s"):
    features(sound, RATE_HZ, 200)
