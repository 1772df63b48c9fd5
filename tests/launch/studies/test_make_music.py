from __future__ import annotations

import numpy as np
import pytest
import soundfile

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.simulate import music
from bgm2pose_jax.systems.bgm2pose.simulated import music_folder
from launch.studies import make_music


def test_tracks_are_pieces_of_their_manner_and_number(tmp_path):
  folder = tmp_path / "new" / "music"
  make_music.write(folder, ["haze_0", "haze_12", "swing_1"], 2.0)
  sounds = {}
  for manner, number in (("haze", 0), ("haze", 12), ("swing", 1)):
    name = f"{manner}_{number}"
    sound, rate_hz = soundfile.read(folder / f"{name}.wav", dtype="float32")
    sounds[name] = sound.T
    made = music.compose(manner, 2.0, number)
    assert rate_hz == 48000
    np.testing.assert_array_equal(sound.T, made)
  assert not np.array_equal(sounds["haze_0"], sounds["haze_12"])
  listed = music_folder.read(folder)
  assert {name: track.style for name, track in listed.items()} == {
    "haze_0": "ambient",
    "haze_12": "ambient",
    "swing_1": "jazz",
  }


@pytest.mark.parametrize(
  ("tracks", "said"),
  [
    (["haze"], "'haze'.*a manner and a number.*manners are haze, drift"),
    (["polka_1"], "'polka_1'"),
    (["haze_-1"], "'haze_-1'"),
    (["haze_1", "haze_01"], "each track once"),
    ([], "each track once"),
  ],
)
def test_a_wrong_name_is_refused_before_anything_is_made(
  tmp_path, tracks, said
):
  with pytest.raises(InputError, match=said):
    make_music.write(tmp_path / "music", tracks, 2.0)
  assert not (tmp_path / "music").exists()


def test_a_folder_with_files_is_left_alone(tmp_path):
  mine = tmp_path / "mine.wav"
  mine.write_bytes(b"mine")
  with pytest.raises(InputError, match=r"not empty.*name a new"):
    make_music.write(tmp_path, ["haze_0"], 2.0)
  assert [p.name for p in tmp_path.iterdir()] == ["mine.wav"]
  with pytest.raises(InputError, match="cannot be used"):
    make_music.write(mine / "music", ["haze_0"], 2.0)
