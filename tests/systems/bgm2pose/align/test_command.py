from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import room_case
import soundfile
import soxr
from absl import flags

from bgm2pose_jax.systems.bgm2pose.align import __main__ as command
from bgm2pose_jax.systems.bgm2pose.align import warp


def _run(*arguments: str) -> list[str]:
  values = flags.FlagValues()
  command.define_flags(values)
  values(["align", *arguments])
  return command.run(values)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
  """A recording, its music at another rate, and things that cannot be used."""
  folder = tmp_path_factory.mktemp("align")
  music = room_case.piece()
  recording = room_case.record(music, 96_000, 60.0, 20.0).T
  soundfile.write(folder / "r.wav", recording, 48000, subtype="FLOAT")
  low = soxr.resample(music.T, 48000, 44100, quality="VHQ")
  soundfile.write(folder / "m.flac", low, 44100, subtype="PCM_24")
  soundfile.write(folder / "mono.wav", low[:, 0], 44100)
  ambix = recording[:, [0, 2, 3, 1]]
  soundfile.write(folder / "ambix.wav", ambix, 48000, subtype="FLOAT")
  soundfile.write(folder / "slow.wav", recording, 44100)
  soundfile.write(folder / "short.wav", recording[:4800], 48000)
  soundfile.write(folder / "silent.wav", 0 * recording, 48000)
  holed = recording.copy()
  holed[:, 2] = 0
  soundfile.write(folder / "holed.wav", holed, 48000, subtype="FLOAT")
  holed[777, 1] = np.nan
  soundfile.write(folder / "nan.wav", holed, 48000, subtype="FLOAT")
  (folder / "text.wav").write_text("no sound")
  return folder


def test_the_command_leaves_music_figures_and_page(files, tmp_path):
  out = tmp_path / "out"
  lines = _run(
    f"--recording={files}/r.wav", f"--music={files}/m.flac", f"--out={out}"
  )
  assert "music begins at" in lines[0]
  told = json.loads((out / "alignment.json").read_text())
  assert abs(told["offset_samples"] - 96_000 - room_case.DELAY) < 0.5
  assert abs(told["drift_ppm"] - 60) < 0.1
  assert told["kept_windows"] == [[4, 33]]
  moved, rate_hz = soundfile.read(out / "music.wav")
  assert (rate_hz, moved.shape) == (48000, (960_000, 2))
  wanted = warp(
    room_case.piece(), told["offset_samples"], told["drift_ppm"], 960_000
  ).T
  wanted -= moved
  # 44.1 kHz carries less of the top.
  assert np.sqrt(np.mean(wanted**2) / np.mean(moved**2)) < 1e-2
  page = (out / "alignment.html").read_text()
  svg = page[page.index("<svg") : page.index("</svg>") + 6]
  dots = [
    e for e in ET.fromstring(svg).iter("circle") if e.get("class") == "dot c0"
  ]
  assert len(dots) == told["blocks"]["used"]
  assert "://" not in page


def test_another_order_is_told_on_screen_in_json_and_on_the_page(
  files, tmp_path
):
  given = f"--recording={files}/ambix.wav", f"--music={files}/m.flac"
  lines = _run(*given, f"--out={tmp_path / 'a'}")
  told = json.loads((tmp_path / "a" / "alignment.json").read_text())
  (warning,) = told["warnings"]
  assert "--channel_order=wyzx" in warning
  assert f"warning: {warning}" in lines[0]
  assert warning in (tmp_path / "a" / "alignment.html").read_text()
  assert told["channel_order"]["fits"] == "W Y Z X"
  _run(*given, f"--out={tmp_path / 'b'}", "--channel_order=wyzx")
  told = json.loads((tmp_path / "b" / "alignment.json").read_text())
  assert told["warnings"] == []
  assert told["channels"] == "as expected"
  assert told["channel_order"]["read_as"] == "wyzx"


def test_mono_music_is_that_of_both_loudspeakers(files, tmp_path):
  lines = _run(
    f"--recording={files}/r.wav",
    f"--music={files}/mono.wav",
    f"--out={tmp_path / 'out'}",
  )
  assert any(
    line.startswith("note: ") and "both loudspeakers" in line for line in lines
  )
  told = json.loads((tmp_path / "out" / "alignment.json").read_text())
  assert told["channels"] == "mono music"
  assert abs(told["offset_samples"] - 96_000 - room_case.DELAY) < 1
  moved, _ = soundfile.read(tmp_path / "out" / "music.wav")
  np.testing.assert_array_equal(moved[:, 0], moved[:, 1])


@pytest.mark.parametrize(
  ("recording", "music", "found"),
  [
    ("gone.wav", "m.flac", "gone.wav: no such file"),
    ("text.wav", "m.flac", "cannot be read"),
    ("slow.wav", "m.flac", "44100 Hz"),
    ("m.flac", "m.flac", "2 channels"),
    ("short.wav", "m.flac", "lasts 0.1 s"),
    ("silent.wav", "m.flac", "digital silence"),
    ("holed.wav", "m.flac", "channel Y is digital silence"),
    ("nan.wav", "m.flac", "NaN"),
    ("r.wav", "r.wav", "4 channels"),
    ("r.wav", "gone.flac", "gone.flac: no such file"),
  ],
)
def test_unusable_files_end_in_one_line(
  files, recording, music, found, monkeypatch, capsys
):
  values = flags.FlagValues()
  command.define_flags(values)
  values(["a", f"--recording={files}/{recording}", f"--music={files}/{music}"])
  monkeypatch.setattr(command.flags, "FLAGS", values)
  with pytest.raises(SystemExit) as stopped:
    command.main(["align"])
  assert stopped.value.code == 2
  error = capsys.readouterr().err
  assert error.startswith("error: ")
  assert found in error
  assert error.count("\n") == 1
