"""Extraction against librosa in float64, on music as steep as real music.

With BGM2POSE_MUSIC_DIR set to a folder of audio files, real music is used as
well.
"""

from __future__ import annotations

import functools
import os
import pathlib

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import soundfile
import soxr

from bgm2pose_jax.audio import mel, spectrogram
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose import features
from bgm2pose_jax.systems.bgm2pose.features import intensity

_SIZE = 2400
_RATE = 48_000
_extract = jax.jit(features.extract, static_argnames="sample_rate_hz")


def _music_files() -> list[pathlib.Path]:
  folder = os.environ.get("BGM2POSE_MUSIC_DIR")
  if not folder:
    return []
  return sorted(
    path
    for path in pathlib.Path(folder).iterdir()
    if path.suffix.lower() in {".wav", ".ogg", ".flac", ".mp3"}
  )


@functools.cache
def _steep_music(seconds: float, seed: int = 0, rate_hz: int = _RATE):
  """Notes with decaying overtones, noise hats, nothing above 20 kHz.

  The spectrum falls 130 dB from bass to the top bands, as in the lossy music
  files that this is for.
  """
  rng = np.random.default_rng(seed)
  samples = int(seconds * rate_hz)
  time = np.arange(samples) / rate_hz
  out = np.zeros((2, samples))
  for start in range(0, samples, int(0.37 * rate_hz)):
    part = time[start : start + rate_hz] - time[start]
    base = 55 * 2 ** (rng.integers(0, 36) / 12)
    for k in range(1, 12):
      tone = np.sin(2 * np.pi * k * base * part + rng.uniform(0, 6))
      loudness = rng.uniform(0.3, 1, (2, 1)) / k**2
      out[:, start : start + rate_hz] += loudness * tone * np.exp(-7 * part)
  spectrum = np.fft.rfft(rng.standard_normal((2, samples)))
  hertz = np.fft.rfftfreq(samples, 1 / rate_hz)
  fall_db = -60 - 50 * np.clip(hertz / 15000, 0, 1)
  fall_db -= 60 * np.clip((hertz - 15000) / 2000, 0, 1)
  out += np.fft.irfft(spectrum * 10 ** (fall_db / 20), samples)
  return (0.8 * out / np.abs(out).max()).astype(np.float32)


def _recording(music: np.ndarray, seed: int = 1) -> np.ndarray:
  """Four mixes of the music with an echo, and noise 60 dB below."""
  rng = np.random.default_rng(seed)
  direct, echo = rng.normal(size=(2, 4, 2))
  out = direct @ music + 0.4 * echo @ np.roll(music, 533, axis=-1)
  noise = rng.standard_normal(out.shape)
  return (out + 1e-3 * np.sqrt((out**2).mean()) * noise).astype(np.float32)


def _stft(signal: np.ndarray, size: int = _SIZE) -> np.ndarray:
  whole = signal.shape[-1] // size * size
  return librosa.stft(
    signal[..., :whole].astype(np.float64),
    n_fft=size,
    hop_length=size,
    win_length=size,
    center=False,
  )


def _oracle(recording, music, rate_hz: int = _RATE) -> np.ndarray:
  """librosa in float64; [frames, f, c]."""
  size = rate_hz // 20
  spectra = _stft(np.concatenate([recording, music]), size)
  matrix = librosa.filters.mel(
    sr=rate_hz, n_fft=size, n_mels=128, dtype=np.float64
  )
  decibels = librosa.power_to_db(
    matrix @ np.abs(spectra) ** 2, ref=1.0, amin=1e-10, top_db=None
  )
  flow = np.real(np.conj(spectra[0]) * spectra[1:4])
  flow /= np.sqrt((flow**2).sum(axis=0)) + 1e-12
  return np.concatenate([decibels, matrix @ flow]).transpose(2, 1, 0)


def _check(got: np.ndarray, want: np.ndarray, channels: slice) -> None:
  error = np.abs(got.astype(np.float64) - want)[..., channels]
  level = want[..., channels]
  strong = level > level.max(axis=1, keepdims=True) - 80
  assert strong.any()
  assert not strong.all()
  assert error[strong].max() < 1e-3
  assert error.max() < 0.1


def test_against_librosa_on_steep_music():
  music = _steep_music(4.0)
  recording = _recording(music)
  got = np.asarray(_extract(recording, music))
  want = _oracle(recording, music)
  assert got.shape == want.shape == (80, 128, 9)
  assert got.dtype == np.float32
  _check(got, want, slice(0, 4))
  _check(got, want, slice(4, 6))
  # The material must be as hard as it claims: weak bands above the floor.
  weak = want[..., 4:6]
  assert (weak.max(axis=1) - weak[:, 120:124].mean(axis=1)).mean() > 85
  np.testing.assert_allclose(got[..., 6:], want[..., 6:], atol=1e-4)


def test_a_plain_transform_would_not_do():
  """Guards the reason for the three-view spectrum: plain float32 is worse."""
  music = _steep_music(4.0)
  frames = music[0].reshape(-1, _SIZE)
  want = _stft(music[0]).T
  window = np.float32(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2400) / 2400))
  plain = np.asarray(jnp.fft.rfft(frames * window))
  ours = np.asarray(jax.jit(spectrogram.spectrum)(frames))
  high = slice(400, 1000)
  errors = [
    np.sqrt((np.abs(x - want)[:, high] ** 2).mean()) for x in (plain, ours)
  ]
  assert errors[1] < errors[0] / 10


@pytest.mark.skipif(
  not _music_files(), reason="BGM2POSE_MUSIC_DIR names no folder of music"
)
@pytest.mark.parametrize("path", _music_files(), ids=lambda path: path.name)
def test_against_librosa_on_real_music(path):
  with soundfile.SoundFile(path) as file:
    file.seek(min(20 * file.samplerate, file.frames // 2))
    samples = file.read(30 * file.samplerate, dtype="float32", always_2d=True)
    rate_hz = file.samplerate
  samples = soxr.resample(samples, rate_hz, _RATE).astype(np.float32)
  music = np.ascontiguousarray(samples.T[[0, -1]])
  recording = _recording(music)
  got = np.asarray(_extract(recording, music))
  want = _oracle(recording, music)
  _check(got, want, slice(0, 4))
  _check(got, want, slice(4, 6))
  np.testing.assert_allclose(got[..., 6:], want[..., 6:], atol=1e-4)


@pytest.mark.parametrize("level", [0.0, 1e-30, 1e-12])
def test_finite_on_silence_and_nearly_silence(level):
  rng = np.random.default_rng(0)
  recording = (level * rng.standard_normal((4, 4800))).astype(np.float32)
  got = np.asarray(_extract(recording, recording[:2]))
  assert np.isfinite(got).all()
  np.testing.assert_array_equal(got[..., :6], -100)
  if level == 0:
    np.testing.assert_array_equal(got[..., 6:], 0)


def test_gradient_is_finite_on_silence():
  zeros = jnp.zeros((4, 2400))
  grad = jax.jit(jax.grad(lambda x: features.extract(x, zeros[:2]).sum()))
  assert np.isfinite(np.asarray(grad(zeros))).all()


def test_frames_long_recordings_and_leading_axes_agree():
  music = np.tile(_steep_music(4.0), 4)
  recording = _recording(music)
  cut = slice(0, 245 * _SIZE + 1234)  # more than one block, a partial frame
  recording, music = recording[:, cut], music[:, cut]
  one = np.asarray(_extract(recording, music))
  assert one.shape == (245, 128, 9)
  long = features.extract_long(recording, music)
  np.testing.assert_allclose(long, one, atol=1e-5)
  # 245 frames = 7 x 35: the same frames as examples of 35.
  shape = (7, 35 * _SIZE)
  whole = slice(0, 245 * _SIZE)
  batch = [
    np.moveaxis(x[:, whole].reshape(-1, *shape), 0, 1)
    for x in (recording, music)
  ]
  lead = np.asarray(_extract(batch[0][None], batch[1][None]))
  assert lead.shape == (1, 7, 35, 128, 9)
  np.testing.assert_allclose(lead.reshape(one.shape), one, atol=1e-5)
  mapped = np.asarray(jax.jit(jax.vmap(features.extract))(*batch))
  np.testing.assert_allclose(mapped.reshape(one.shape), one, atol=1e-5)


@pytest.mark.parametrize("samples", [2400, 2401, 4799, 7200])
def test_any_length_gives_whole_frames(samples):
  got = jax.eval_shape(
    features.extract, jnp.zeros((4, samples)), jnp.zeros((2, samples))
  )
  assert got.shape == (samples // 2400, 128, 9)
  assert got.dtype == jnp.float32


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_other_sample_rates(rate_hz):
  music = _steep_music(1.0, seed=3, rate_hz=rate_hz)
  recording = _recording(music)
  got = np.asarray(_extract(recording, music, sample_rate_hz=rate_hz))
  want = _oracle(recording, music, rate_hz)
  assert got.shape == (20, 128, 9)
  assert np.abs(got - want)[..., :6].max() < 0.1
  np.testing.assert_allclose(got[..., 6:], want[..., 6:], atol=1e-4)


def test_a_plane_wave_flows_along_its_axis():
  rng = np.random.default_rng(0)
  wave = rng.standard_normal(4800).astype(np.float32) / 10
  for axis in range(3):
    recording = np.zeros((4, 4800), np.float32)
    recording[0], recording[1 + axis] = wave, wave
    flow = np.asarray(features.extract(recording, recording[:2]))[..., 6:]
    others = [i for i in range(3) if i != axis]
    assert (flow[..., axis] > 0.01).all()
    np.testing.assert_array_equal(flow[..., others], 0)


def test_epsilon_is_the_documented_one():
  assert intensity.EPSILON == 1e-12
  # At a flow of 1e-12 the epsilon is as long as the vector: half remains.
  small = jnp.full(1, 1e-6, jnp.complex64)
  unit = intensity.direction(small, jnp.stack([small, 0 * small, 0 * small]))
  np.testing.assert_allclose(unit[:, 0], [0.5, 0, 0], rtol=1e-5)


def test_mel_matrix_is_librosas():
  for rate_hz in (16_000, 44_100, 48_000):
    want = librosa.filters.mel(
      sr=rate_hz, n_fft=rate_hz // 20, n_mels=128, dtype=np.float64
    )
    got = mel.mel_matrix(rate_hz, rate_hz // 20)
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
  hertz = np.linspace(0, 24_000, 999)
  np.testing.assert_allclose(mel.mel_to_hz(mel.hz_to_mel(hertz)), hertz)


@pytest.mark.parametrize(
  ("recording", "music", "rate_hz", "words"),
  [
    ((2, 4800), (2, 4800), 48_000, "channel=4"),
    ((4800, 4), (4800, 2), 48_000, "channel=4"),
    ((4, 4800), (1, 4800), 48_000, "channel=2"),
    ((4, 4800), (4800,), 48_000, "channel=2"),
    ((4, 4800), (2, 4799), 48_000, "same length"),
    ((3, 4, 4800), (2, 4800), 48_000, "leading axes"),
    ((4, 2399), (2, 2399), 48_000, "at least one frame"),
    ((4, 4800), (2, 4800), 22_050, "resample"),
    ((4, 4800), (2, 4800), 1_000, "mel bands are empty"),
  ],
)
def test_wrong_input_is_named(recording, music, rate_hz, words):
  args = (np.zeros(recording, np.float32), np.zeros(music, np.float32))
  with pytest.raises(InputError, match=words):
    features.extract(*args, sample_rate_hz=rate_hz)


def test_integer_samples_are_refused():
  with pytest.raises(InputError, match="dtype int16"):
    features.extract(np.zeros((4, 4800), np.int16), np.zeros((2, 4800)))
