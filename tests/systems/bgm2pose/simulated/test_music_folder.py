"""A folder of music files: names, genres, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.simulated import music_folder


def test_folder_lists_tracks_with_genres(tmp_path):
  clock = np.arange(48000) / 48000
  tone = 0.3 * np.sin(2 * np.pi * 440 * clock)
  for name in ("ambient_1.wav", "Jazz 2.flac", "mystery.ogg"):
    soundfile.write(tmp_path / name, tone, 48000)
  (tmp_path / "notes.txt").write_text("x")
  (tmp_path / "genres.csv").write_text("file,genre\nmystery.ogg,Techno\n")
  found = music_folder.read(tmp_path)
  assert {name: track.style for name, track in found.items()} == {
    "ambient_1": "ambient",
    "Jazz-2": "jazz",
    "mystery": "techno",
  }
  (tmp_path / "genres.csv").write_text("file,genre\nother.ogg,x\n")
  with pytest.raises(InputError, match=r"other\.ogg"):
    music_folder.read(tmp_path)


def test_folder_without_music_is_refused(tmp_path):
  with pytest.raises(InputError, match="no audio files"):
    music_folder.read(tmp_path)
  with pytest.raises(InputError, match="no such music folder"):
    music_folder.read(tmp_path / "none")


def _tone(path):
  clock = np.arange(48000) / 48000
  soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * clock), 48000)


@pytest.mark.parametrize(
  "name", ["song.m4a", "Song.WMA", "song.aac", "song.mid", "song.ape"]
)
def test_music_that_is_not_read_is_named(tmp_path, name, caplog):
  (tmp_path / name).write_bytes(b"not read")
  with pytest.raises(InputError, match=f"left aside: {name}") as error:
    music_folder.read(tmp_path)
  assert ".flac" in error.value.fix
  _tone(tmp_path / "other.ogg")
  assert set(music_folder.read(tmp_path)) == {"other"}
  assert f"left aside {name}" in caplog.text
  assert ".flac" in caplog.text


def test_a_genre_of_music_that_is_not_read_stops_nothing(tmp_path, caplog):
  _tone(tmp_path / "other.ogg")
  (tmp_path / "song.m4a").write_bytes(b"not read")
  (tmp_path / "genres.csv").write_text("file,genre\nsong.m4a,jazz\n")
  assert set(music_folder.read(tmp_path)) == {"other"}
  assert "song.m4a" in caplog.text


def test_papers_beside_the_music_are_no_music(tmp_path, caplog):
  _tone(tmp_path / "other.ogg")
  for name in ("cover.jpg", "notes.txt", ".hidden.m4a", "genres.csv.bak"):
    (tmp_path / name).write_bytes(b"x")
  assert set(music_folder.read(tmp_path)) == {"other"}
  assert caplog.records == []
