"""The music kernel from files: forms of the static response, and refusals."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import raw_fixture
import soundfile

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import load
from bgm2pose_jax.data import prepared as prepared_lib
from bgm2pose_jax.systems.bgm2pose import features, prepare
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout, recordings, sources
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic
from bgm2pose_jax.systems.bgm2pose.recipe import DEFAULT, Recipe
from bgm2pose_jax.systems.bgm2pose.still_room import (
  response_file,
  room_fit,
  room_stream,
  still_room,
)
from bgm2pose_jax.systems.bgm2pose.still_room.static_form import StaticForm
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows


def _table(corpus, cache, **recipe):
  source = prepare.open_source(
    "ampl/raw", str(corpus.raw), recipe=Recipe(**recipe)
  )
  prepared = prepared_lib.prepare(
    source, data_dir=cache, sections=("arnor",), progress=False
  )
  return load.load(prepared, None, MusicWindows), prepared.fingerprint


def _recording(corpus):
  return raw_layout.scan_raw(corpus.raw).of_track("arnor", "6")[0]


def _blocks(corpus):
  recording = _recording(corpus)
  with TrackMusic(recording.music, "arnor", recording.wav.parent) as music:
    return list(recordings.sound_blocks(recording.wav, music, 8))


def _response_file(*given):
  return subprocess.run(
    [
      sys.executable,
      "-m",
      "bgm2pose_jax.data.response_file",
      *given,
    ],
    capture_output=True,
    text=True,
    check=False,
  )


def test_a_build_stores_what_the_features_say_of_the_files(corpus, tmp_path):
  table, fingerprint = _table(
    corpus, tmp_path, feature_set="music_kernel", static_response="whole"
  )
  assert fingerprint != corpus.prepared.fingerprint
  assert table.recordings_digest == corpus.table.recordings_digest != ""
  assert table.spec == features.get_feature_set("music_kernel").spec
  np.testing.assert_array_equal(table.pose, corpus.table.pose[:24])
  (block,) = still_room.with_still(lambda: _blocks(corpus), StaticForm("whole"))
  want = features.extract_long(
    block.audio, block.music, block.still, feature_set="music_kernel"
  )
  row = table.recordings.index("subject_6_arnor") * 8
  got = table.features[row : row + 8].reshape(96, 64, 22)
  np.testing.assert_allclose(got, want, atol=1e-4)
  # The recordings are the music, mixed: nothing is left but their noise.
  change = got[..., list(table.spec.indices("response"))]
  assert np.sqrt(np.mean(change**2)) < 0.05


def test_forms_make_different_data_and_name_themselves(
  corpus, tmp_path, monkeypatch
):
  # The recording is shorter than a stream's cold start.
  monkeypatch.setattr(room_stream, "COLD_START_S", 2.0)
  whole, first = _table(corpus, tmp_path, feature_set="music_kernel")
  causal, second = _table(
    corpus, tmp_path, feature_set="music_kernel", static_response="causal"
  )
  assert first != second
  # Causal: nothing is known before the first update, a lot after it.
  update = still_room.UPDATE_WINDOWS
  changes = list(causal.spec.indices("response") + causal.spec.indices("ratio"))
  assert not causal.features[:update, ..., changes].any()
  assert causal.features[update:8, ..., changes].any()
  assert whole.features[:update, ..., changes].any()


def test_a_stream_says_nothing_before_it_knows_the_room():
  rng = np.random.default_rng(0)
  room, step = room_stream.CausalRoom(), round(2.4 * 48_000)
  for heard in range(6):
    still = room.still(
      rng.normal(size=(4, step)).astype("f4"),
      rng.normal(size=(2, step)).astype("f4"),
    )
    known = heard * 2.4 >= room_stream.COLD_START_S
    assert bool(still.density.any()) == known
    room.update()


def test_one_file_serves_other_recordings(corpus, tmp_path):
  recording = _recording(corpus)
  out = tmp_path / "room.npz"
  done = _response_file(
    f"--recording={recording.wav}", f"--music={recording.music}", f"--out={out}"
  )
  assert done.returncode == 0, done.stderr
  assert "4.8 s heard" in done.stdout
  table, _ = _table(
    corpus, tmp_path, feature_set="music_kernel", static_response=str(out)
  )
  own = table.recordings.index("subject_6_arnor")
  change = np.abs(table.features[..., list(table.spec.indices("response"))])
  level = change.reshape(3, -1).mean(1)
  # Each made-up recording mixes the music in its own way: the file fits one.
  assert level[own] < 0.05
  assert np.delete(level, own).min() > 5 * level[own]


@pytest.mark.parametrize("gain_db", [-12, 6])
def test_a_known_room_follows_how_loud_it_is(corpus, tmp_path, gain_db):
  path = tmp_path / "room.npz"
  response_file.write(
    path, np.asarray(room_fit.fit(lambda: _blocks(corpus)).taps)
  )
  gain = np.float32(10 ** (gain_db / 20))
  louder = [
    dataclasses.replace(b, audio=gain * b.audio) for b in _blocks(corpus)
  ]
  form = StaticForm.parse(str(path))
  first, rest = still_room.with_still(lambda: louder, form)
  (whole,) = still_room.with_still(lambda: louder, StaticForm("whole"))
  assert first.windows == still_room.UPDATE_WINDOWS
  wanted = whole.still.sound[:, first.audio.shape[1] :]
  power = np.mean(wanted**2)
  # Recording and response are what they were but for the gain.
  assert np.mean((rest.still.sound - wanted) ** 2) < 1e-4 * power
  level = first.still.sound.std() / wanted.std()
  assert abs(20 * np.log10(level) + gain_db) < 2
  np.testing.assert_allclose(
    rest.still.density, gain**2 * first.still.density, rtol=0.02
  )


def test_a_known_room_in_silence_stays_as_loud_as_it_was():
  rng = np.random.default_rng(0)
  response = rng.normal(size=(4, 2, 4800)).astype("f4")
  room = room_stream.FixedRoom(response, np.ones(5, "f4"))
  nothing = np.zeros((4, 4800), "f4"), np.zeros((2, 4800), "f4")
  sound = rng.normal(size=(2, 4800)).astype("f4")
  room.still(*nothing)
  room.update()
  before = room.still(nothing[0], sound)
  room.update()
  np.testing.assert_array_equal(before.density, 1)
  np.testing.assert_array_equal(room.still(*nothing).density, 1)


@pytest.mark.parametrize(
  ("text", "says"),
  [
    ("sometimes", "give whole"),
    ("first:", "seconds or more"),
    ("first:0.1", "seconds or more"),
    ("around:nan", "seconds or more"),
    ("around:inf", "seconds or more"),
    ("nothing.npz", "is missing"),
  ],
)
def test_an_unknown_form_is_refused(text, says):
  with pytest.raises(InputError, match=says):
    Recipe(feature_set="music_kernel", static_response=text)


def test_what_does_not_fit_is_refused_before_any_work():
  with pytest.raises(InputError, match="does not need"):
    Recipe(static_response="causal")
  with pytest.raises(InputError, match="unknown feature set"):
    Recipe(feature_set="mfcc")
  assert "static_response" not in DEFAULT.identity()
  kinds = {
    str(Recipe(feature_set="both", static_response=form).identity())
    for form in ("whole", "causal", "first:5", "first:6", "around:5")
  }
  assert len(kinds) == 5


def test_published_features_hold_no_sound(tmp_path):
  class Released:
    dataset = sources.RELEASED

    def identity(self):
      return {"released": "x"}

  with pytest.raises(InputError, match="sound is not published"):
    prepare.MusicSource(
      Released(),  # pyright: ignore
      Recipe(feature_set="music_kernel"),
    ).content()


def _write(path, **arrays):
  good = {
    "response": np.zeros((4, 2, 10), np.float32),
    "sample_rate_hz": audio_files.SAMPLE_RATE_HZ,
  }
  np.savez(path, **{**good, **arrays})


@pytest.mark.parametrize(
  ("arrays", "says"),
  [
    ({"response": np.zeros((4, 3, 10), np.float32)}, "shape"),
    ({"response": np.zeros((4, 2, 0), np.float32)}, "shape"),
    ({"response": np.zeros((4, 2, 200_000), np.float32)}, "shape"),
    ({"response": np.full((4, 2, 10), np.nan, np.float32)}, "finite"),
    ({"response": np.zeros((4, 2, 10))}, "float32"),
    ({"sample_rate_hz": 44100}, "44100 Hz"),
    ({"response": np.array([{"a": 1}], object)}, "holds objects"),
  ],
)
def test_a_wrong_response_file_is_named(tmp_path, arrays, says):
  path = tmp_path / "room.npz"
  _write(path, **arrays)
  with pytest.raises(InputError, match=says) as error:
    response_file.read(path)
  assert str(path) in str(error.value)


def test_files_of_another_kind_are_refused(tmp_path):
  path = tmp_path / "room.npz"
  with pytest.raises(InputError, match="is missing"):
    response_file.read(path)
  for content in (b"", b"RIFF", pickle.dumps({"response": 1})):
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
      response_file.read(path)
  # Packed, and damaged in the packed bytes.
  np.savez_compressed(
    path,
    response=np.random.default_rng(0).normal(size=(4, 2, 500)),
    sample_rate_hz=48000,
  )
  content = bytearray(path.read_bytes())
  content[200:400] = bytes(255 - x for x in content[200:400])
  path.write_bytes(content)
  with pytest.raises(InputError, match="cannot be read"):
    response_file.read(path)
  # A small archive that unpacks to a great deal.
  with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("response.npy", bytes(70 << 20))
  with pytest.raises(InputError, match="arrays of 73400320 bytes"):
    response_file.read(path)


def test_each_recording_needs_its_music(corpus, tmp_path):
  recording = _recording(corpus)
  done = _response_file(
    f"--recording={recording.wav},{recording.wav}",
    f"--music={recording.music}",
    f"--out={tmp_path / 'room.npz'}",
  )
  assert done.returncode == 2
  assert "--music names 1 for 2 recordings" in done.stderr.replace(":", "")
  assert "Traceback" not in done.stderr


def test_music_too_short_for_the_recording_is_refused(tmp_path):
  raw_fixture.make_raw_folder(tmp_path, subjects=("0",), seconds=1.8)
  sound = tmp_path / "data" / "sound_cut"
  soundfile.write(sound / "short.wav", np.ones((4800, 2)) * 0.1, 48000)
  done = _response_file(
    f"--recording={sound / 'subject_0_arnor_cut.wav'}",
    f"--music={sound / 'short.wav'}",
    f"--out={tmp_path / 'room.npz'}",
  )
  assert done.returncode == 2
  assert "shorter than the" in done.stderr
  assert "Traceback" not in done.stderr
