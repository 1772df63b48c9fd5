"""Of a recording `doctor` says how much the room's response explains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawRecording
from bgm2pose_jax.systems.bgm2pose.doctor import room_check
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings
from bgm2pose_jax.systems.bgm2pose.doctor.raw_recording import Facts

RATE = 48_000
WINDOWS = 48  # two blocks to learn from, one to judge


def _check(folder: Path, noise_db: float) -> tuple[Facts, Findings]:
  rng = np.random.default_rng(0)
  samples = round(WINDOWS * 0.6 * RATE)
  music = (0.1 * rng.standard_normal((2, samples))).astype(np.float32)
  response = np.zeros((2, 4, 400))
  response[:, :, 20] = rng.uniform(0.5, 1.0, (2, 4))
  response[:, :, 300] = 0.1
  heard = np.sum(
    [scipy.signal.fftconvolve(m[None], r, axes=-1)[:, :samples]
     for m, r in zip(music, response)], axis=0,
  )  # fmt: skip
  scale = 0.1 / heard[0].std()
  noise = (
    10 ** (noise_db / 20) * heard[0].std() * rng.standard_normal(heard.shape)
  )
  wav, played = folder / "subject_0_a_cut.wav", folder / "a_input.wav"
  soundfile.write(wav, (heard + noise).T * scale, RATE, "FLOAT")
  soundfile.write(played, music.T, RATE, "FLOAT")
  recording = RawRecording(
    "subject_0_a", "0", "a", "any", wav, played, folder / "a.txt", None
  )
  facts = Facts("subject_0_a", windows=WINDOWS, sound=True)
  found = Findings(folder)
  room_check.check_room(recording, facts, found)
  return facts, found


@pytest.mark.slow
def test_octaves_have_the_gain_that_the_noise_leaves(tmp_path) -> None:
  facts, found = _check(tmp_path, -30.0)
  assert facts.room_db is not None
  # White music, an all but white response, and white noise.
  np.testing.assert_allclose(facts.room_db[2:], 30.0, atol=3.0)
  assert not found.kept


@pytest.mark.slow
def test_music_that_explains_little_is_named(tmp_path) -> None:
  _, found = _check(tmp_path, 0.0)
  (finding,) = found.kept
  assert "explains little" in finding.what
  assert "29 to 33" in finding.what


def test_a_short_recording_says_nothing(tmp_path) -> None:
  recording = RawRecording(
    "s", "0", "a", "any", tmp_path / "no.wav", None, tmp_path / "a.txt", None
  )
  facts, found = Facts("s", windows=20), Findings(tmp_path)
  room_check.check_room(recording, facts, found)
  assert facts.room_db is None
  assert not found.kept
