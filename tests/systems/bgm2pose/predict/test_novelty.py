"""Music, room and channels that the training did not have are told first."""

from __future__ import annotations

import dataclasses
import json
import shutil
import types

import numpy as np
import pytest
import soundfile
import trained_fixture
from absl import flags

from bgm2pose_jax.config import run_folder
from bgm2pose_jax.simulate import music as composed
from bgm2pose_jax.systems.bgm2pose import (
  music_fingerprint,
  splits,
  system,
  trained,
  training_sound,
)
from bgm2pose_jax.systems.bgm2pose.features import logmel_intensity
from bgm2pose_jax.systems.bgm2pose.predict import __main__ as command
from bgm2pose_jax.systems.bgm2pose.predict import novelty, predictor

RATE_HZ = 48000
SPEC = logmel_intensity.SPEC


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A network without a record of its music, a piece, and its recording."""
  folder = tmp_path_factory.mktemp("novelty")
  trained_fixture.make_run(folder / "old", model="wipose")
  music = composed.compose("tide", 13.0, 0)
  rng = np.random.default_rng(0)
  noise = 1e-3 * rng.normal(size=(4, music.shape[1]))
  recording = music[:1] + noise
  sound = folder / "data" / "sound_cut"
  sound.mkdir(parents=True)
  soundfile.write(folder / "m.wav", music.T, RATE_HZ, "FLOAT")
  soundfile.write(sound / "r.wav", recording.T, RATE_HZ, "FLOAT")
  return folder


def _trained_on(place, name, seed):
  """A run of a piece: its fingerprint is that of the sound, by the command's
  own features.
  """
  run = place / name
  if not run.exists():
    shutil.copytree(place / "old", run)
    music = composed.compose("tide", 13.0, seed)
    heard = predictor._features(
      predictor.SoundPair(np.repeat(music[:1], 4, 0), music),
      SPEC.name,
      predictor.StaticForm.parse("whole"),
      None,
    )
    frames = np.concatenate(list(heard))
    windows = len(frames) // 12
    table = types.SimpleNamespace(
      spec=SPEC,
      features=frames[: windows * 12].reshape(windows, 12, *frames.shape[1:]),
      track=np.zeros(windows, int),
      recording=np.zeros(windows, int),
      window_index=np.arange(windows),
      tracks=("haze",),
    )
    path = run / run_folder.MODEL
    rows = np.arange(windows)
    more = {
      "music": music_fingerprint.of_training(table, rows),
      "sound": training_sound.of_training(table, rows),
    }
    run_folder.write_json(path, json.loads(path.read_text()) | more)
  return run


def _predict(place, run, out, monkeypatch, *more):
  """What is said before and after the first pose, facts and page."""
  said: list[str] = []
  before: list[str] = []

  def pose(self, features, rows):
    before[:] = before or said
    return np.ones((len(features), 12, 21, 3), np.float32)

  monkeypatch.setattr(predictor.MusicModel, "predict", pose)
  values = flags.FlagValues()
  command.define_flags(values)
  recording = place / "data" / "sound_cut" / "r.wav"
  values(
    [
      *("predict", f"--checkpoint={run}", f"--recording={recording}"),
      *(f"--music={place / 'm.wav'}", f"--out={out}", "--offset_ms=0"),
      *("--formats=json", *more),
    ]
  )
  command.run(values, say=said.append)
  facts = json.loads((out / "poses.json").read_text())["facts"]
  return before, facts, (out / "poses.html").read_text()


def test_unknown_music_is_told_in_terminal_json_and_page(
  place, tmp_path, monkeypatch
):
  run = _trained_on(place, "other", 1)
  before, facts, page = _predict(place, run, tmp_path, monkeypatch)
  (warning,) = [w for w in facts["warnings"] if "not in the training" in w]
  assert "which had haze, arnor" in warning
  assert "no better than guessing (mean pose)" in warning
  assert "--features=music_kernel" in warning
  assert f"warning: {warning}" in before
  assert warning.split(":")[0] in page
  assert facts["music_in_training"]["state"] == music_fingerprint.UNKNOWN
  assert not any("100%" in line or "confidence" in line for line in before)


def test_music_of_the_training_is_not_warned_about(
  place, tmp_path, monkeypatch
):
  run = _trained_on(place, "same", 0)
  _, facts, _ = _predict(place, run, tmp_path, monkeypatch)
  assert facts["music_in_training"]["state"] == music_fingerprint.IN_TRAINING
  assert not [w for w in facts["warnings"] if "training, which" in w]
  # All four channels of this room hear the same, as in the training.
  assert facts["sound_like_training"]["level_is_unlike_training"] is False


def test_a_run_of_before_says_that_nothing_was_recorded(
  place, tmp_path, monkeypatch
):
  before, facts, page = _predict(place, place / "old", tmp_path, monkeypatch)
  assert "not recorded" in facts["warnings"][0]
  assert f"warning: {facts['warnings'][0]}" in before
  assert "not recorded" in page
  assert facts["sound"] == "recorded"
  assert "SOUND WITHOUT A SCENE FILE" in page


def test_the_scene_file_says_where_left_is(place, tmp_path, monkeypatch):
  scene = place / "data" / "simulated.json"
  scene.write_text(json.dumps({"scene": {"axes": "scene"}}))
  _, facts, page = _predict(place, place / "old", tmp_path, monkeypatch)
  assert (facts["left"], facts["sound"]) == ("-X", "simulated")
  assert "SIMULATED SOUND" in page
  _, facts, _ = _predict(
    place, place / "old", tmp_path, monkeypatch, "--left=+Z"
  )
  assert facts["left"] == "+Z"
  scene.unlink()


@pytest.mark.parametrize(
  ("channels", "is_told"), [("unclear", True), ("as expected", False)]
)
def test_channels_that_nobody_can_tell_apart_are_told(place, channels, is_told):
  model = trained.load(str(place / "old"))
  model = dataclasses.replace(model, facts={**model.facts, "music": None})
  found = novelty.assess(model, np.zeros((2, 10)), None, channels=channels)
  assert (novelty.UNCLEAR_CHANNELS in found.warnings) is is_told


def test_a_model_of_the_kernel_does_not_carry_the_song(tmp_path):
  run = trained_fixture.make_run(
    tmp_path / "run", model="wipose", features="music_kernel"
  )
  model = trained.load(str(run))
  known = {"haze": np.ones((100, 32))}
  object.__setattr__(model, "known_music", known)
  music = np.random.default_rng(0).normal(0, 0.1, (2, 13 * RATE_HZ))
  (warning,) = novelty.assess(model, music, None).warnings
  assert "errors may be larger" in warning
  assert "--features" not in warning


def test_training_writes_down_its_music_and_its_sound(place):
  """What a run's model.json says is what a prediction compares with."""
  table = trained_fixture.make_table(SPEC)
  table = dataclasses.replace(table, subjects=("2", "5"))
  source = types.SimpleNamespace(
    recordings=types.SimpleNamespace(ambisonic_format="ambix"),
    recipe=types.SimpleNamespace(channel_order="wxyz"),
  )
  config = trained_fixture.make_config("per_band", "wipose", SPEC.name, 0)
  split = splits.make_split(
    "single",
    fold=0,
    fold_by="subject",
    train_tracks=("haze",),
    test_tracks=("arnor",),
    train_subjects=("2",),
    test_subjects=("5",),
    fold_order=("5", "2"),
  )
  found = json.loads(json.dumps(system.facts(config, source, table, split)))
  known = music_fingerprint.read(found["music"])
  # The test's music is no part of it.
  assert list(known) == ["haze"]
  softest, loudest = training_sound.read(found["sound"])["level_db"]
  assert softest == loudest
  assert found == json.loads(
    json.dumps(system.facts(config, source, table, split))
  )
