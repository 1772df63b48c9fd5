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
