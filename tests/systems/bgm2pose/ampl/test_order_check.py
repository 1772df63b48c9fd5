"""Raw recordings in another order: refused, or read as somebody stated."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import raw_fixture
import released_fixture
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1] / "align"))

import plane_waves

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import prepared
from bgm2pose_jax.systems.bgm2pose import prepare
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout, recordings
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic
from bgm2pose_jax.systems.bgm2pose.config import DataConfig
from bgm2pose_jax.systems.bgm2pose.doctor import examine
from bgm2pose_jax.systems.bgm2pose.recipe import Recipe

AMBIX = [0, 2, 3, 1]
RATE_HZ = plane_waves.RATE_HZ


def _folder(root: Path, change, *, mono: bool = False) -> Path:
  """One recording of 16 s without poses in the raw layout."""
  sound = root / "data" / "sound_cut"
  sound.mkdir(parents=True)
  music = plane_waves.music()
  if mono:
    music = music[:1].repeat(2, axis=0)
  recording = change(plane_waves.record(music))
  scale = 0.5 / np.abs(recording).max()
  name = "subject_4_wo_mocap_arnor_cut.wav"
  soundfile.write(sound / name, scale * recording.T, RATE_HZ, "PCM_24")
  played = music[:1].T if mono else music.T
  soundfile.write(sound / "arnor_input.flac", played, RATE_HZ, "PCM_24")
  return root


def _source(root: Path, **stated):
  data = DataConfig(dataset="ampl/raw", ampl_dir=str(root), **stated)
  return prepare._source(data)


@pytest.fixture(scope="module")
def ambix(tmp_path_factory):
  return _folder(tmp_path_factory.mktemp("ambix"), lambda r: r[AMBIX])


@pytest.mark.parametrize(
  ("change", "words"),
  [
    (lambda r: r[AMBIX], "give --channel_order=wyzx"),
    (plane_waves.capsules, "A-format"),
  ],
)
def test_what_is_clearly_no_wxyz_is_refused_before_it_is_prepared(
  tmp_path, change, words
):
  source = _source(_folder(tmp_path, change))
  with pytest.raises(InputError, match=words) as error:
    source.count_windows(["arnor"])
  assert "subject_4_wo_mocap_arnor_cut.wav" in str(error.value)
  assert "--channel_order=wxyz if" in str(error.value)


@pytest.mark.parametrize("order", ["wyzx", "wxyz"])
def test_what_is_stated_is_taken(ambix, order):
  assert _source(ambix, channel_order=order).count_windows(["arnor"]) == {
    "arnor": 26
  }


@pytest.mark.parametrize(
  "change", [lambda r: r, lambda r: plane_waves.gained(r, "fuma")]
)
def test_wxyz_is_taken_without_a_word(tmp_path, change, caplog):
  root = _folder(tmp_path, change)
  assert _source(root).count_windows(["arnor"]) == {"arnor": 26}
  assert caplog.records == []


def test_other_gains_than_stated_are_told(tmp_path, caplog):
  root = _folder(tmp_path, lambda r: plane_waves.gained(r, "fuma"))
  _source(root, ambisonic_format="fuma").count_windows(["arnor"])
  assert caplog.records == []
  _source(root, ambisonic_format="ambix").count_windows(["arnor"])
  assert "--ambisonic_format=fuma" in caplog.text


def test_channels_of_an_ambix_file_are_put_in_order(ambix):
  recording = raw_layout.scan_raw(ambix).recordings[0]
  with TrackMusic(recording.music, "arnor", recording.wav.parent) as music:
    blocks = list(recordings.sound_blocks(recording.wav, music, 26, "wyzx"))
  found = np.concatenate([block.audio for block in blocks], axis=1)
  file = soundfile.read(recording.wav, dtype="float32")[0].T
  for name, channel in zip("WYZX", file, strict=True):
    kept = found["WXYZ".index(name)]
    np.testing.assert_array_equal(kept, channel[: found.shape[1]])


def test_a_silent_channel_has_the_name_of_its_order(tmp_path):
  def silent(recording):
    recording = recording.copy()
    recording[1] = 0
    return recording

  recording = raw_layout.scan_raw(_folder(tmp_path, silent)).recordings[0]
  for order, name in (("wxyz", "X"), ("wyzx", "Y")):
    with (
      TrackMusic(recording.music, "arnor", recording.wav.parent) as music,
      pytest.raises(InputError, match=f"channel {name} is digital silence"),
    ):
      list(recordings.sound_blocks(recording.wav, music, 26, order))


def test_prepared_data_of_before_keep_their_place(ambix):
  """Nobody prepares again what was read right all along."""
  before = prepared.identify(_source(ambix))
  assert prepared.identify(_source(ambix, channel_order="wxyz")) == before
  assert prepared.identify(_source(ambix, channel_order="wyzx")) != before
  assert "channel_order" not in Recipe().identity()


@pytest.mark.parametrize("dataset", ["ampl/simulated", "ampl/released"])
def test_data_of_a_known_order_take_no_other(tmp_path, dataset):
  released_fixture.make_released_folder(tmp_path, {("0", "arnor"): 1})
  data = DataConfig(
    dataset=dataset, ampl_dir=str(tmp_path), channel_order="wyzx"
  )
  with pytest.raises(InputError, match="channel_order"):
    prepare._source(data).content()


def test_mono_music_plays_on_both_sides(tmp_path, caplog):
  root = _folder(tmp_path, lambda r: r, mono=True)
  recording = raw_layout.scan_raw(root).recordings[0]
  with TrackMusic(recording.music, "arnor", recording.wav.parent) as music:
    part = music.read(1000, 500)
  wanted = soundfile.read(recording.music, dtype="float32")[0][1000:1500]
  np.testing.assert_array_equal(part, [wanted, wanted])
  assert "both loudspeakers" in caplog.text


def test_music_in_a_format_that_is_not_read_is_named(tmp_path):
  root = raw_fixture.make_raw_folder(tmp_path, subjects=("0",), seconds=2.4)
  sound = root / "data" / "sound_cut"
  (sound / "arnor_input.WAV").rename(sound / "arnor_input.wma")
  with pytest.raises(InputError, match=r"arnor_input\.wma: WAV, FLAC"):
    TrackMusic(None, "arnor", sound)


def test_the_doctor_tells_order_and_gains_beside_what_was_assumed(ambix):
  found = examine(ambix, align="none", progress=False)
  (told,) = [f for f in found.findings if f.kind == "channel order"]
  assert told.severity == "error"
  assert "--channel_order=wyzx" in told.what
  (facts,) = found.parts[0].facts.values()
  assert facts.channel_order == {
    "read_as": "wxyz",
    "fits": "W Y Z X",
    "gains": "ambix",
    "lengths": [pytest.approx(1, abs=0.05)] * 2,
  }
  found = examine(
    ambix, align="none", order="wyzx", gains="n3d", progress=False
  )
  (told,) = [f for f in found.findings if f.kind == "channel order"]
  assert told.severity == "warning"
  assert "--ambisonic_format=ambix" in told.what
  (facts,) = found.parts[0].facts.values()
  assert facts.channel_order["fits"] == "as read"
