"""A prediction from sound in another order or format says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import trained_fixture
from absl import flags

sys.path.insert(0, str(Path(__file__).parents[1] / "align"))

import plane_waves

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import run_folder
from bgm2pose_jax.systems.bgm2pose import trained
from bgm2pose_jax.systems.bgm2pose.predict import __main__ as command
from bgm2pose_jax.systems.bgm2pose.predict import conventions

AMBIX = [0, 2, 3, 1]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A small network, and a recording in several formats."""
  folder = tmp_path_factory.mktemp("orders")
  trained_fixture.make_run(folder / "run", model="wipose")
  music = plane_waves.music()
  wxyz = 0.2 * plane_waves.record(music)
  for name, recording in {
    "wxyz": wxyz,
    "ambix": wxyz[AMBIX],
    "fuma": plane_waves.gained(wxyz, "fuma"),
    "capsules": plane_waves.capsules(wxyz),
  }.items():
    soundfile.write(folder / f"{name}.wav", recording.T, 48000, "FLOAT")
  soundfile.write(folder / "m.wav", music.T, 48000, "FLOAT")
  soundfile.write(folder / "mono.wav", music[0], 48000, "FLOAT")
  return folder


def _run(place, out, name, *more):
  """Lines, facts, poses and page of a prediction."""
  values = flags.FlagValues()
  command.define_flags(values)
  values(
    [
      "predict",
      f"--checkpoint={place / 'run'}",
      f"--recording={place / name}.wav",
      f"--music={place / 'm.wav'}",
      f"--out={out}",
      "--formats=json",
      "--offset_ms=0",
      *more,
    ]
  )
  lines = command.run(values)
  told = json.loads((out / "poses.json").read_text())
  page = (out / "poses.html").read_text()
  return "\n".join(lines), told["facts"], told["frames"], page


@pytest.mark.parametrize(
  ("name", "words"),
  [
    ("ambix", "--channel_order=wyzx"),
    ("capsules", "A-format"),
    ("fuma", "--ambisonic_format=fuma and --convert_format"),
  ],
)
def test_terminal_json_and_page_say_what_is_wrong(place, tmp_path, name, words):
  lines, facts, _, page = _run(place, tmp_path, name)
  of_music, warning = facts["warnings"]
  assert "not recorded" in of_music
  assert words in warning
  assert f"warning: {warning}" in lines
  assert words in page


def test_an_ambix_file_gives_the_poses_of_the_same_sound(place, tmp_path):
  _, facts, wanted, _ = _run(place, tmp_path, "wxyz")
  assert (len(facts["warnings"]), facts["channel_order"]) == (1, "wxyz")
  _, facts, found, _ = _run(place, tmp_path, "ambix", "--channel_order=wyzx")
  assert (len(facts["warnings"]), facts["channel_order"]) == (1, "wyzx")
  assert found == wanted
  _, _, other, _ = _run(place, tmp_path, "ambix")
  assert other != wanted


def test_mono_music_is_noted(place, tmp_path):
  lines, facts, _, _ = _run(
    place, tmp_path, "wxyz", f"--music={place / 'mono.wav'}"
  )
  assert len(facts["warnings"]) == 1
  assert "both loudspeakers" in facts["notes"][0]
  assert f"note: {facts['notes'][0]}" in lines


def test_files_are_read_as_those_of_the_training_were(place, tmp_path):
  model = trained.load(str(place / "run"))
  # What was trained before there were orders was trained on W X Y Z.
  assert model.channel_order == "wxyz"
  assert conventions.order(None, model) == "wxyz"
  assert conventions.order("wyzx", model) == "wyzx"
  run = trained_fixture.make_run(tmp_path / "run", model="wipose")
  described = json.loads((run / run_folder.MODEL).read_text())
  run_folder.write_json(
    run / run_folder.MODEL, {**described, "channel_order": "wyzx"}
  )
  assert conventions.order(None, trained.load(str(run))) == "wyzx"
  run_folder.write_json(
    run / run_folder.MODEL, {**described, "channel_order": "zyxw"}
  )
  with pytest.raises(InputError, match="channel_order"):
    trained.load(str(run))


def test_a_stopped_recorder_is_told_in_the_result(place, tmp_path):
  whole = (place / "wxyz.wav").read_bytes()
  at = whole.index(b"data") + 4
  stopped = whole[:at] + b"\0" * 4 + whole[at + 4 :]
  (place / "stopped.wav").write_bytes(stopped)
  _, facts, found, _ = _run(place, tmp_path, "stopped")
  assert "0 bytes of samples" in facts["warnings"][1]
  _, _, wanted, _ = _run(place, tmp_path, "wxyz")
  np.testing.assert_array_equal(found, wanted)
