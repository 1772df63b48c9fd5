"""Procedural music and music files: level, stereo, spectrum, bad files."""

from __future__ import annotations

import wave

import numpy as np
import pytest
import soundfile
from scipy import signal

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import music, pieces

_RATE = 48000


@pytest.fixture(scope="module")
def tracks():
  return {name: music.compose(name, 20.0) for name in music.COMPOSED}


def test_names_and_styles():
  styles = [piece.style for piece in music.COMPOSED.values()]
  assert styles == ["ambient", "ambient", "ambient", "jazz"]
  assert set(pieces.PIECES) == set(music.COMPOSED)


def test_length_level_and_peak(tracks):
  for sound in tracks.values():
    assert sound.shape == (2, 20 * _RATE)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(music.RMS, rel=1e-3)
    assert np.abs(sound).max() < 0.96


def test_channels_are_distinct(tracks):
  for name, sound in tracks.items():
    assert abs(np.corrcoef(sound)[0, 1]) < 0.5, name
    levels = np.sqrt(np.mean(sound**2, axis=1))
    assert 0.4 < levels[0] / levels[1] < 2.5, name


@pytest.mark.parametrize("name", ["haze", "drift", "tide"])
def test_ambient_has_energy_in_every_octave(tracks, name):
  hz, power = signal.welch(tracks[name], _RATE, nperseg=8192)
  for low in (62.5, 125, 250, 500, 1000, 2000, 4000, 8000):
    band = (hz >= low) & (hz < min(2 * low, 12000))
    share = power[:, band].sum(1) / power.sum(1)
    assert 10 * np.log10(share.min()) > -26, low


@pytest.mark.parametrize("name", ["haze", "drift", "tide"])
def test_ambient_is_never_silent(tracks, name):
  frames = tracks[name].reshape(2, -1, _RATE // 10)
  level = 10 * np.log10(np.mean(frames**2, axis=(0, 2)))
  assert level.min() > 10 * np.log10(music.RMS**2) - 20


def test_swing_has_silent_bars(tracks):
  frames = tracks["swing"].reshape(2, -1, _RATE // 20)
  silent = (np.abs(frames) == 0).all(axis=(0, 2))
  # One stop in eight bars of 1.74 s, three beats of it silent.
  bar_s = 4 * pieces.BEAT_S
  stop = int((pieces.SILENT_BAR * bar_s + 1.5 * pieces.BEAT_S) / 0.05)
  assert silent[stop : stop + 10].all()
  assert 0.04 < silent.mean() < 0.15
  assert not silent[: int(pieces.SILENT_BAR * bar_s / 0.05)].any()


def test_swing_has_transients_and_ambient_has_not(tracks):
  def onsets(name):
    frames = tracks[name].reshape(2, -1, _RATE // 50)
    level = 10 * np.log10(np.mean(frames**2, axis=(0, 2)) + 1e-6)
    return (np.diff(level) > 4.0).sum()

  assert onsets("swing") > 40  # two a second at least
  assert max(map(onsets, ("haze", "drift", "tide"))) < 6


def test_same_seed_same_bytes():
  for name in music.COMPOSED:
    first = music.compose(name, 3.0, seed=3)
    assert first.tobytes() == music.compose(name, 3.0, seed=3).tobytes()
    assert not np.allclose(first, music.compose(name, 3.0, seed=4))


def test_tracks_are_distinct(tracks):
  names = list(tracks)
  for i, first in enumerate(names):
    for second in names[i + 1 :]:
      both = np.stack([tracks[first][0], tracks[second][0]])
      assert abs(np.corrcoef(both)[0, 1]) < 0.3


def test_unknown_track_is_refused():
  with pytest.raises(InputError, match="haze, drift, tide, swing"):
    music.compose("polka", 1.0)


def _tone(seconds: float, rate_hz: int, channels: int) -> np.ndarray:
  clock = np.arange(int(seconds * rate_hz)) / rate_hz
  tones = [0.3 * np.sin(2 * np.pi * 440 * (c + 1) * clock) for c in range(2)]
  return np.stack(tones[:channels], axis=1)


def test_file_is_resampled_levelled_and_looped(tmp_path):
  path = tmp_path / "a.flac"
  soundfile.write(path, _tone(2.0, 44100, 2), 44100)
  own = music.load_music(path)
  assert own.shape == (2, 96000)
  assert np.sqrt(np.mean(own**2)) == pytest.approx(music.RMS, rel=1e-3)
  # The pitch is kept: 440 and 880 Hz.
  peak = np.abs(np.fft.rfft(own, axis=1)).argmax(axis=1) / 2.0
  np.testing.assert_allclose(peak, [440, 880], atol=0.5)
  looped = music.load_music(path, 5.0)
  assert looped.shape == (2, 240000)
  np.testing.assert_array_equal(looped[:, :96000], looped[:, 96000:192000])
  assert music.load_music(path, 0.5).shape == (2, 24000)


def test_mono_plays_from_both(tmp_path):
  path = tmp_path / "mono.wav"
  soundfile.write(path, _tone(1.5, 48000, 1), 48000)
  sound = music.load_music(path)
  np.testing.assert_array_equal(sound[0], sound[1])


def _write_surround(path):
  soundfile.write(path, np.repeat(_tone(1.5, 48000, 1), 6, axis=1), 48000)


def _write_nan(path):
  sound = _tone(1.5, 48000, 2)
  sound[100] = np.nan
  soundfile.write(path, sound, 48000, subtype="FLOAT")


def _write_rate(path):
  with wave.open(str(path), "wb") as file:
    file.setparams((2, 2, 10, 0, "NONE", "none"))
    file.writeframes(b"\1\2" * 4000)


@pytest.mark.parametrize(
  ("write", "message"),
  [
    (lambda path: None, "no such music file"),
    (lambda path: path.write_bytes(b"not audio"), "cannot be read as audio"),
    (
      lambda path: soundfile.write(path, np.zeros((96000, 2)), 48000),
      "digital silence",
    ),
    (lambda path: soundfile.write(path, _tone(0.2, 48000, 2), 48000), "0.20 s"),
    (_write_surround, "6 channels"),
    (_write_nan, "holds NaN"),
    (_write_rate, "at 10 Hz"),
  ],
)
def test_unusable_file_is_refused_in_one_line(tmp_path, write, message):
  path = tmp_path / "bad.wav"
  write(path)
  with pytest.raises(InputError, match=message) as caught:
    music.load_music(path, 1.0)
  assert "bad.wav" in str(caught.value)
  assert "\n" not in str(caught.value)
