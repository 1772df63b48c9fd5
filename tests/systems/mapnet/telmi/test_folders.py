"""Which datapacks a folder holds, and what one says of itself."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet import telmi
from bgm2pose_jax.systems.mapnet.take import Take
from bgm2pose_jax.systems.mapnet.telmi import contents, pack_files
from tests import telmi_fixture
from tests.telmi_fixture import write_pack

RATE_HZ = 8000


def take() -> Take:
  pose_m = telmi_fixture.standing_violinist(3.2)
  sound = np.sin(np.arange(round(3.2 * RATE_HZ))).astype(np.float32)
  return Take("a", "p", "t", pose_m, sound, RATE_HZ)


def test_datapacks_are_found_by_name(tmp_path):
  write_pack(tmp_path, take(), "b")
  write_pack(tmp_path, take(), "a", is_zip=False)
  write_pack(tmp_path, take(), "c", is_zip=False, nested=False)
  (tmp_path / "notes").mkdir()
  (tmp_path / "notes" / "x.txt").write_text("x")
  (tmp_path / ".hidden.zip").write_bytes(b"x")
  (tmp_path / "__MACOSX").mkdir()
  (tmp_path / "__MACOSX" / "x.xml").write_text("x")
  found = telmi.find(tmp_path)
  assert [pack.name for pack in found] == ["a", "b", "c"]
  assert [pack.path.name for pack in found] == ["a", "b.zip", "c"]
  (alone,) = telmi.find(tmp_path / "c")
  assert (alone.name, alone.path) == ("c", tmp_path / "c")


def test_a_folder_is_only_looked_at(tmp_path):
  (tmp_path / "a.zip").write_bytes(b"no archive")
  (pack,) = telmi.find(tmp_path)
  with pytest.raises(InputError, match=r"a\.zip"):
    telmi.read(pack)
  with pytest.raises(InputError, match=r"a\.zip"):
    telmi.describe(pack)


def test_a_folder_without_datapacks_is_refused(tmp_path):
  with pytest.raises(InputError, match="holds no datapack"):
    telmi.find(tmp_path)
  with pytest.raises(InputError, match="is no folder"):
    telmi.find(tmp_path / "absent")
  path = write_pack(tmp_path, take(), "a")
  with pytest.raises(InputError, match="is no folder"):
    telmi.find(path)
  write_pack(tmp_path, take(), "a", is_zip=False)
  with pytest.raises(InputError, match="datapack 'a' again"):
    telmi.find(tmp_path)


def test_names_that_move_the_cursor_are_refused(tmp_path):
  (tmp_path / "a\n.zip").write_bytes(b"x")
  with pytest.raises(InputError, match="control character"):
    telmi.find(tmp_path)


def test_a_datapack_that_went_is_refused(tmp_path):
  path = write_pack(tmp_path, take())
  (pack,) = telmi.find(tmp_path)
  path.unlink()
  with pytest.raises(InputError, match="no such file"):
    telmi.read(pack)


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_description_has_everything(tmp_path, is_zip):
  path = write_pack(tmp_path, take(), "P2_scales", is_zip=is_zip)
  (pack,) = telmi.find(tmp_path)
  said = telmi.describe(pack)
  lines = said.split("\n")
  assert "P2_scales/session.xml" in lines[0]
  assert "player player_2, technique scales" in lines
  assert "RIEL.take1 = right_inner_elbow" in said
  assert "ViolinBridge.take1 = bridge" in said
  assert "unknown names: none" in lines
  sounds = [line for line in lines if line.startswith("sound ")]
  assert "00_audio_pickup.wav (Pickup)" in sounds[0]
  assert "00_audio_ambient.wav (Ambient)" in sounds[1]
  assert "other signals: 1 Gyro" in lines
  at = next(i for i, line in enumerate(lines) if line.startswith("terms: "))
  assert str(path) in lines[at]
  assert lines[at].endswith("terms.txt")
  assert lines[at + 1 : at + 3] == [
    "  Free for internal, non-commercial use.",
    "  No redistribution.",
  ]


def test_what_a_description_says_of_absent_things(tmp_path):
  write_pack(tmp_path / "1", take(), terms=None)
  (pack,) = telmi.find(tmp_path / "1")
  assert "names no TERMS file" in telmi.describe(pack)
  path = write_pack(tmp_path / "2", take(), is_zip=False, nested=False)
  (path / "terms.txt").unlink()
  (path / "00_stream03_Zcoord.csv").unlink()
  (path / "00_audio_pickup.wav").unlink()
  (pack,) = telmi.find(tmp_path / "2")
  said = telmi.describe(pack)
  assert "(missing)" in said
  assert "markers without their files: RIEL.take1" in said
  assert "pickup.wav (Pickup, missing)" in said
  (path / "terms.txt").write_bytes(b"%PDF-1.4 \x00")
  assert "no plain text" in telmi.describe(pack)
  (path / "terms.txt").write_bytes(b"caf\xe9\x1b[31m red\n")
  assert "caf\ufffd [31m red" in telmi.describe(pack)


def test_counts_of_frames_and_empty_fields(tmp_path):
  """Attributes in either case mean the same; empty ones mean nothing."""
  xml = """<ROOT ID="ROOT0"><Generic Category="MoCapGroup">
    <Generic Category="MoCapMarker" Name="M1.t">
      <Signal Category="X" Filename="a.csv" FrameSize="" NumSamples=""
        SampleRate="50"/>
      <signal category="y" filename="d/b.csv" framesize="1" numsamples="7"
        samplerate=""/>
      <Signal category="Z" FILENAME="c.csv" MinVal="" NumSamples="0"/>
    </Generic>
    <Generic Category="Segment" Name="M2">
      <Signal Category="X" Filename="x.csv"/>
      <Signal Category="Y" Filename="y.csv"/>
      <Signal Category="Z" Filename="z.csv"/>
    </Generic>
    <Generic Category="MoCapMarker" Name="M3">
      <Signal Category="X" Filename="x.csv"/>
      <Signal Category="X" Filename="y.csv"/>
      <Signal Category="Z" Filename=""/>
    </Generic></Generic>
    <Generic Category="SensorGroup" Name="myo">
      <Signal Category="X" Filename="x.csv"/>
      <Signal Category="Y" Filename="y.csv"/>
      <Signal Category="Z" Filename="z.csv"/>
    </Generic>
    <Generic Category="METADATA"><Generic Name="player" value=" Eve "/>
      <Technique>son filé</Technique></Generic>
    <File Category="Video" Filename="v.mp4"/></ROOT>"""
  inner = tmp_path / "deep"
  inner.mkdir()
  (inner / "s.xml").write_text(xml)
  with pack_files.opened(tmp_path) as files:
    held = contents.read(files)
  assert [marker.name for marker in held.markers] == ["M1.t", "M2"]
  assert held.markers[0].signals == (
    contents.Signal("deep/a.csv", 1, None, 50.0),
    contents.Signal("deep/d/b.csv", 1, 7, None),
    contents.Signal("deep/c.csv", 1, None, None),
  )
  assert held.counts == {"X": 1, "Y": 1, "Z": 1, "Video": 1}
  assert held.incomplete == ("M3",)
  assert held.facts["player"] == "Eve"
  assert held.facts["technique"] == "son filé"
