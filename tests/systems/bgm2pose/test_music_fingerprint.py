"""Music of the training is known again, other music is not."""

from __future__ import annotations

import functools
import io
import types

import numpy as np
import pytest
import soundfile

from bgm2pose_jax.audio import mel
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import music as composed
from bgm2pose_jax.systems.bgm2pose import music_fingerprint
from bgm2pose_jax.systems.bgm2pose.features import logmel_intensity

SPEC = logmel_intensity.SPEC
SECONDS = 26
RATE_HZ = 48000


@functools.cache
def piece(name: str, seed: int = 0) -> np.ndarray:
  return composed.compose(name, SECONDS, seed)


def features_of(music: np.ndarray) -> np.ndarray:
  """The music channels of the paper's maps by plain NumPy, [n, 12, f, 9]."""
  frames = music[:, : music.shape[1] // 2400 * 2400].reshape(2, -1, 2400)
  window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2400) / 2400)
  power = np.abs(np.fft.rfft(frames * window)) ** 2
  bands = power @ mel.mel_matrix(RATE_HZ, 2400, SPEC.bands).T
  out = np.zeros((*bands.shape[1:], len(SPEC.channels)), np.float32)
  for place, level in zip(SPEC.indices("music"), bands):
    out[..., place] = 10 * np.log10(np.maximum(level, 1e-10))
  windows = len(out) // 12
  return out[: windows * 12].reshape(windows, 12, *out.shape[1:])


def fingerprints(pieces: dict[str, np.ndarray]) -> dict:
  """What model.json holds of a training on some pieces."""
  parts = [features_of(music) for music in pieces.values()]
  track = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
  table = types.SimpleNamespace(
    spec=SPEC,
    features=np.concatenate(parts),
    track=track,
    recording=track,
    window_index=np.concatenate([np.arange(len(p)) for p in parts]),
    tracks=tuple(pieces),
  )
  return music_fingerprint.of_training(table, np.arange(len(track)))


@pytest.fixture(scope="module")
def known():
  pieces = {"tide": piece("tide"), "swing": piece("swing")}
  return music_fingerprint.read(fingerprints(pieces))


def coded(music: np.ndarray) -> np.ndarray:
  buffer = io.BytesIO()
  soundfile.write(buffer, np.clip(music.T, -1, 1), RATE_HZ, format="MP3")
  buffer.seek(0)
  return soundfile.read(buffer, dtype="float32")[0].T


@pytest.mark.parametrize(
  ("name", "change"),
  [
    ("tide", lambda music: 0.1 * music[:, 1000 + 7 * 2400 :]),
    ("swing", lambda music: music),
    ("swing", coded),
  ],
  ids=["softer and later", "file", "mp3"],
)
def test_music_of_the_training_is_known_again(known, name, change):
  found = music_fingerprint.recognise(change(piece(name)), SPEC, known)
  assert (found.state, found.track) == (music_fingerprint.IN_TRAINING, name)


@pytest.mark.parametrize(
  "music",
  [
    lambda: piece("tide", 1),
    lambda: np.random.default_rng(0).normal(0, 0.1, (2, 20 * RATE_HZ)),
  ],
  ids=["same manner", "noise"],
)
def test_other_music_is_not(known, music):
  found = music_fingerprint.recognise(music(), SPEC, known)
  assert (found.state, found.track) == (music_fingerprint.UNKNOWN, None)
  assert max(found.agreement) < 0.6


def test_half_of_another_piece_is_said(known):
  half = SECONDS * RATE_HZ // 2
  mixed = np.concatenate(
    [piece("tide")[:, :half], piece("tide", 1)[:, half:]], 1
  )
  found = music_fingerprint.recognise(mixed, SPEC, known)
  assert 0 < found.known < found.excerpts


def test_what_nobody_can_tell_is_said(known):
  old = music_fingerprint.recognise(piece("tide"), SPEC, None)
  assert old.state == music_fingerprint.NOT_RECORDED
  for music in (piece("tide")[:, :RATE_HZ], np.zeros((2, 20 * RATE_HZ))):
    found = music_fingerprint.recognise(music, SPEC, known)
    assert found.state == music_fingerprint.TOO_SHORT


@pytest.mark.parametrize(
  "value",
  [{}, {"method": 1}, {"method": 1, "tracks": {"a": "?"}}, 3,
   {"method": 1, "tracks": {"a": "AAA="}}],
)  # fmt: skip
def test_a_broken_record_is_refused(value):
  with pytest.raises(InputError, match="no fingerprints"):
    music_fingerprint.read(value)


def test_a_later_method_is_not_compared():
  assert music_fingerprint.read({"method": 99, "tracks": {}}) is None
