"""Datapacks that lie, lack something or attack are refused in one line."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import warnings
import zipfile

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet import telmi
from bgm2pose_jax.systems.mapnet.take import Take
from tests import telmi_fixture
from tests.telmi_fixture import Form

RATE_HZ = 8000
XML = "session.xml"
CSV = "00_stream00_Xcoord.csv"


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
  pose_m = telmi_fixture.standing_violinist(3.2)
  sound = np.sin(np.arange(round(3.2 * RATE_HZ)))
  return telmi_fixture.pack_files(
    telmi_fixture.markers_of(pose_m, np.ones(len(pose_m), bool)),
    sound,
    RATE_HZ,
    Form(empty_fields=False),
  )


def written(folder, files, is_zip=False):
  form = Form(is_zip=is_zip, nested=False)
  telmi_fixture.write_files(folder, "pack", files, form)
  (pack,) = telmi.find(folder)
  return pack


def refused(pack, match):
  with pytest.raises(InputError, match=match) as caught:
    telmi.read(pack)
  assert "pack" in str(caught.value)
  assert "\n" not in str(caught.value)


def changed_xml(good, old, new):
  text = good[XML].decode()
  assert old in text
  return {**good, XML: text.replace(old, new, 1).encode()}


def test_the_good_one_is_read(tmp_path, good):
  for is_zip in (False, True):
    pack = written(tmp_path / str(is_zip), good, is_zip)
    assert telmi.read(pack).take.name == "pack"


BOMB = (
  b'<?xml version="1.0"?><!DOCTYPE ROOT [<!ENTITY a "aaaaaaaaaa">'
  + b"".join(
    b'<!ENTITY %c "%s">' % (ord("b") + i, b"&%c;" % (ord("a") + i) * 10)
    for i in range(9)
  )
  + b"]><ROOT>&j;</ROOT>"
)
XMLS = {
  "billion laughs": (BOMB, "declares a document type"),
  "external entity": (
    b'<!DOCTYPE ROOT [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    b"<ROOT>&x;</ROOT>",
    "declares a document type",
  ),
  "external DTD": (
    b'<!DOCTYPE ROOT SYSTEM "http://localhost/x.dtd"><ROOT/>',
    "declares a document type",
  ),
  "deep": (b"<ROOT>" + b"<a>" * 100_000, "nested deeper than 64"),
  "many": (b"<ROOT>" + b"<a/>" * 100_001, "more than 100000 elements"),
  "long attribute": (b'<ROOT a="' + b"x" * 20_000 + b'"/>', "20000 char"),
  "many attributes": (
    b"<ROOT " + b" ".join(b'a%d=""' % i for i in range(200)) + b"/>",
    "200 attributes",
  ),
  "long text": (b"<ROOT>" + b"x" * 20_000 + b"</ROOT>", "text above"),
  "huge": (b"<ROOT>" + b" " * (17 << 20) + b"</ROOT>", "larger than 16"),
  "cut": (b"<ROOT><Generic", "no well-formed XML"),
  "not UTF-8": ("<ROOT Name='é'/>".encode("latin-1"), "no well-formed XML"),
  "no such encoding": (
    b'<?xml version="1.0" encoding="rot13"?><ROOT/>',
    "no well-formed XML",
  ),
  "odd encoding": (
    b'<?xml version="1.0" encoding="idna"?><ROOT/>',
    "no well-formed XML",
  ),
  "empty": (b"", "no well-formed XML"),
  "binary": (bytes(range(256)), "no well-formed XML"),
  "nothing in it": (b"<ROOT/>", "13 of 13 joints"),
}


@pytest.mark.parametrize("name", XMLS)
def test_bad_xml_is_refused(tmp_path, good, name):
  data, match = XMLS[name]
  pack = written(tmp_path, {**good, XML: data})
  refused(pack, match)


def test_xml_of_another_encoding_is_read(tmp_path, good):
  text = good[XML].decode().replace('"UTF-8"', '"ISO-8859-1"')
  text = text.replace('Name=""', 'Name="Détaché"', 1)
  pack = written(tmp_path, {**good, XML: text.encode("latin-1")})
  assert telmi.read(pack).take.technique == "detache"


@pytest.mark.parametrize(
  ("name", "match"),
  [
    ("../secret.csv", "leads out of the folder"),
    ("/etc/passwd", "absolute path"),
    ("a/../../secret.csv", "leads out of the folder"),
    ("..\\secret.csv", "backslash"),
    ("C:secret.csv", "colon"),
    ("x" * 300, "too long"),
    ("absent.csv", "no such file"),
  ],
)
@pytest.mark.parametrize("is_zip", [True, False])
def test_names_that_lead_elsewhere_are_refused(
  tmp_path, good, name, match, is_zip
):
  (tmp_path / "secret.csv").write_bytes(good[CSV])
  files = changed_xml(good, f'"{CSV}"', f'"{name}"')
  refused(written(tmp_path, files, is_zip), match)


def test_names_are_never_guessed(tmp_path, good):
  """Not the marker's name, not another case, not an ending."""
  files = changed_xml(good, f'"{CSV}"', '"STREAM.csv"')
  for name in ("stream.csv", "C7_X.csv", "STREAM.CSV", "STREAM.csv.csv"):
    files[name] = good[CSV]
  refused(written(tmp_path, files), "no such file")


def test_links_out_of_the_folder_are_refused(tmp_path, good):
  pack = written(tmp_path, good)
  secret = tmp_path / "secret.csv"
  secret.write_bytes(good[CSV])
  path = pack.path / CSV
  path.unlink()
  path.symlink_to(secret)
  refused(pack, "link that leads out")
  path.unlink()
  path.symlink_to(path)
  refused(pack, "cannot be read|link")
  path.unlink()
  os.mkfifo(path)
  refused(pack, "not a regular file")
  path.unlink()
  path.mkdir()
  refused(pack, "is a folder")


CSVS = {
  "empty": (b"", "no RepoVizz signal"),
  "head alone": (b"repovizz,framerate=50", "no values"),
  "no values": (b"repovizz,framerate=50\n,\n", "holds no values"),
  "another tag": (b"time,x\n1,2\n", "begins with 'time'"),
  "no rate": (b"repovizz,rate=50\n1.,", "no framerate"),
  "rate of zero": (b"repovizz,framerate=0\n1.,", "framerate '0'"),
  "rate of nan": (b"repovizz,framerate=nan\n1.,", "framerate 'nan'"),
  "rate with _": (b"repovizz,framerate=5_0\n1.,", "framerate '5_0'"),
  "rate of text": (b"repovizz,framerate=fast\n1.,", "framerate 'fast'"),
  "text": (b"repovizz,framerate=50\n1.,two,3.,", "value 2 is 'two'"),
  "underscore": (b"repovizz,framerate=50\n1.,1_000,", "value 2 is '1_000'"),
  "infinite": (b"repovizz,framerate=50\n1.,inf,", "position inf"),
  "far": (b"repovizz,framerate=50\n1.,1e30,", "position 1e\\+30"),
  "cut": (b"repovizz,framerate=50\n" + b"1.," * 100, "100 values of the 160"),
  "never seen": (
    b"repovizz,framerate=50\n" + b"nan," * 160,
    "C7.take1' was never seen",
  ),
  "unequal rates": (
    b"repovizz,framerate=100\n" + b"1.," * 160,
    "axes of 100, 50, 50 Hz",
  ),
  "long head": (b"repovizz" + b"," * (2 << 20), "first line of"),
  "not UTF-8": (b"\xff\xfe" + "repovizz,".encode("utf-16-le"), "begins with"),
  "not UTF-8 in a value": (b"repovizz,framerate=50\n1.,\xe9,", "value 2 is"),
  "NUL": (b"repovizz,framerate=50\n1.,\0,", "value 2 is"),
  "a long cell": (
    b"repovizz,framerate=50\n1.," + b"9" * (1 << 20) + b",2.,",
    "position inf|no number",
  ),
  "large": (b"repovizz,framerate=50\n" + b"1" * (33 << 20), "larger than"),
}


@pytest.mark.parametrize("name", CSVS)
def test_bad_signals_are_refused(tmp_path, good, name):
  data, match = CSVS[name]
  refused(written(tmp_path, {**good, CSV: data}), match)


def test_slow_captures_are_refused(tmp_path, good):
  slow = b"repovizz,framerate=10\n" + b"1.," * 160
  files = {
    name: slow if "stream" in name else data for name, data in good.items()
  }
  refused(written(tmp_path, files), "10 frames per second")


def test_too_many_values_are_refused(tmp_path, good, monkeypatch):
  from bgm2pose_jax.systems.mapnet.telmi import signal_csv

  monkeypatch.setattr(signal_csv, "MAX_VALUES", 100)
  refused(written(tmp_path, good), "more than 100 values")


@pytest.mark.parametrize(
  ("old", "new", "match"),
  [
    ('NumSamples="160"', 'NumSamples="1e9"', "160 values of the 1000000000"),
    ('NumSamples="160"', 'NumSamples="many"', "numsamples 'many'"),
    ('NumSamples="160"', 'NumSamples="1e99"', "numsamples '1e99'"),
    ('NumSamples="160"', 'NumSamples="-1"', "numsamples '-1'"),
    ('FrameSize="1"', 'FrameSize="7"', "no multiple of the frame size 7"),
    ('FrameSize="1"', 'FrameSize="2"', "lasts|4 values a frame|values a frame"),
    ('FrameSize="1"', 'FrameSize="1e300"', "framesize '1e300'"),
    ('FrameSize="1"', 'FrameSize="nan"', "framesize 'nan'"),
    ('SampleRate="50"', 'SampleRate="fast"', "samplerate 'fast'"),
    ('Name="LTOE.take1"', 'Name=""', "one without a name \\(incomplete\\)"),
    (
      'Name="C7.take1"',
      'Name="RSHO.take1"',
      "right_shoulder twice: RSHO.take1, RSHO.take1",
    ),
    ('Name="C7.take1"', 'Name="R_SHO"', "right_shoulder twice"),
  ],
)
def test_xml_that_lies_is_refused(tmp_path, good, old, new, match):
  lower = old.partition("=")[0]
  text = good[XML].decode()
  if old not in text:
    old, new = (x.replace(lower, lower.lower(), 1) for x in (old, new))
  refused(written(tmp_path, changed_xml(good, old, new)), match)


def test_markers_without_all_axes_are_left_out_and_said(tmp_path, good):
  def with_axis(marker):
    """The file's X becomes another Y."""
    head, found, tail = good[XML].decode().partition(marker)
    tail = tail.replace('"X"', '"Y"', 1)
    return {**good, XML: (head + found + tail).encode()}

  pack = written(tmp_path / "a", with_axis("LTOE.take1"))
  refused(pack, r"LTOE lacks left_toe\..*LTOE.take1 \(incomplete\)")
  pack = written(tmp_path / "b", with_axis("C7.take1"))
  said = " ".join(telmi.read(pack).findings.lines())
  assert "a file for each axis: C7.take1" in said
  assert "no marker for C7" in said


def test_one_value_less_than_counted_is_no_lie(tmp_path, good):
  text = good[XML].decode().replace('="160"', '="161"')
  pack = written(tmp_path, {**good, XML: text.encode()})
  assert telmi.read(pack).take.name == "pack"


def test_a_rate_that_the_xml_contradicts_is_said(tmp_path, good):
  pack = written(
    tmp_path, changed_xml(good, 'SampleRate="50"', 'SampleRate="240"')
  )
  said = " ".join(telmi.read(pack).findings.lines())
  assert "its file says 50 Hz, the XML 240 Hz" in said


def test_every_marker_nan_is_refused(tmp_path, good):
  nothing = b"repovizz,framerate=50\n" + b"nan," * 160
  files = {
    name: nothing if "stream" in name else data for name, data in good.items()
  }
  refused(written(tmp_path, files), "was never seen")


SOUND = "00_audio_pickup.wav"


def sound_of(channels, rate_hz, frames=100):
  return telmi_fixture.sound_bytes(
    np.full((frames, channels), 0.1), rate_hz, "wav"
  )


@pytest.mark.parametrize(
  ("data", "match"),
  [
    (b"", "cannot be read as audio"),
    (b"RIFF\0\0\0\0WAVE", "ends before its samples"),
    (sound_of(1, RATE_HZ)[:100], "truncated"),
    (sound_of(40, RATE_HZ), "40 channels"),
    (sound_of(1, 4000), "at 4000 Hz"),
    (sound_of(1, RATE_HZ), "no window of 3 s"),
    (b"ID3" + bytes(1000), "cannot be read as audio|holds no samples"),
  ],
)
@pytest.mark.parametrize("is_zip", [True, False])
def test_bad_sound_is_refused(tmp_path, good, data, match, is_zip):
  refused(written(tmp_path, {**good, SOUND: data}, is_zip), match)


def test_without_sound_it_is_refused(tmp_path, good):
  files = {k: v for k, v in good.items() if not k.endswith(".wav")}
  pack = written(tmp_path, files)
  refused(pack, "no usable sound.*named in the XML and missing")
  files["00_audio_ambient.wav"] = good["00_audio_ambient.wav"]
  pack = written(tmp_path / "2", files)
  found = telmi.read(pack)
  assert "pickup.wav is named in the XML and missing" in " ".join(
    found.findings.lines()
  )


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
  ("name", "match"),
  [
    ("../evil.csv", "leads out of the folder"),
    ("/evil.csv", "absolute"),
    ("a\\evil.csv", "backslash"),
    (XML, "is there twice"),
    ("a\x07.csv", "control character"),
  ],
)
def test_hostile_members_are_refused(tmp_path, good, name, match):
  pack = written(tmp_path, good, is_zip=True)
  with zipfile.ZipFile(pack.path, "a") as archive:
    archive.writestr(name, b"x")
  refused(pack, match)
  assert sorted(p.name for p in tmp_path.iterdir()) == ["pack.zip"]


def test_links_in_archives_are_refused(tmp_path, good):
  pack = written(tmp_path, good, is_zip=True)
  with zipfile.ZipFile(pack.path, "a") as archive:
    info = zipfile.ZipInfo("link.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc/passwd")
  refused(pack, "link or a device")


def test_zip_bombs_are_refused(tmp_path, good):
  pack = written(tmp_path, {**good, CSV: bytes(8 << 20)}, is_zip=True)
  refused(pack, "times its size")


def test_a_member_that_holds_more_than_it_states_is_refused(tmp_path, good):
  """The list of members says 10 bytes; deflate goes on."""
  pack = written(tmp_path, good, is_zip=True)
  with zipfile.ZipFile(pack.path) as archive:
    size = archive.getinfo(CSV).file_size
  data = pack.path.read_bytes()
  at = data.rindex(CSV.encode()) - 46 + 24
  assert int.from_bytes(data[at : at + 4], "little") == size
  lie = (10).to_bytes(4, "little")
  pack.path.write_bytes(data[:at] + lie + data[at + 4 :])
  refused(pack, "damaged|more than the 10 bytes")


def test_damaged_archives_are_refused(tmp_path, good):
  pack = written(tmp_path, good, is_zip=True)
  data = pack.path.read_bytes()
  for bad in (b"", b"PK", data[: len(data) // 2], data[:-40], b"x" + data[2:]):
    pack.path.write_bytes(bad)
    refused(pack, "archive|damaged|members")
  rng = np.random.default_rng(0)
  for _ in range(60):
    odd = bytearray(data)
    for at in rng.integers(0, len(data), 8):
      odd[at] = rng.integers(256)
    pack.path.write_bytes(odd)
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      with contextlib.suppress(InputError):
        telmi.read(pack)


def test_damaged_files_are_read_or_refused(tmp_path, good):
  """Flipped bytes anywhere: a result or one line, nothing else."""
  rng = np.random.default_rng(1)
  names = [XML] * 40 + [CSV] * 20 + [SOUND] * 20
  for i, name in enumerate(names):
    odd = bytearray(good[name])
    for at in rng.integers(0, min(len(odd), 4000), 3):
      odd[at] = rng.integers(256)
    pack = written(tmp_path / str(i), {**good, name: bytes(odd)})
    with contextlib.suppress(InputError):
      telmi.read(pack)


def test_an_xml_is_needed_and_one_alone(tmp_path, good):
  pack = written(tmp_path / "a", {**good, "other.xml": good[XML]})
  refused(pack, "2 RepoVizz XML files")
  score = b"<?xml version='1.0'?><score-partwise/>"
  pack = written(tmp_path / "b", {**good, "score.xml": score})
  assert telmi.read(pack).take.name == "pack"
  files = {name: data for name, data in good.items() if name != XML}
  pack = written(tmp_path / "c", files, is_zip=True)
  refused(pack, "no .xml at all")


def test_people_who_stand_on_no_axis_are_refused(tmp_path):
  pose_m = telmi_fixture.standing_violinist(3.2)
  turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
  made = Take("a", "p", "t", pose_m @ turn.T, np.ones(25600), RATE_HZ)
  telmi_fixture.write_pack(tmp_path, made, "pack", bow=False)
  (pack,) = telmi.find(tmp_path)
  refused(pack, "along no axis")


def test_a_take_of_hours_is_refused(tmp_path, good, monkeypatch):
  from bgm2pose_jax.systems.mapnet.telmi import marker_tracks, pack_sound

  pack = written(tmp_path, good)
  with monkeypatch.context() as patch:
    patch.setattr(marker_tracks, "LONGEST_TAKE_S", 3.0)
    refused(pack, "lasts 0.0 hours")
  monkeypatch.setattr(pack_sound, "LONGEST_S", 3.0)
  refused(pack, "lasts 0.0 hours")


MAPS = {
  "[]": "no JSON object",
  "{": "cannot be read as JSON",
  '{"x": "elbow"}': "x is 'elbow'",
  '{"c7": 7}': "c7 is 7",
  '{"c7": null}': "c7 is None",
}


@pytest.mark.parametrize("text", MAPS)
def test_bad_marker_maps_are_refused(tmp_path, good, text):
  pack = written(tmp_path / "p", good)
  path = tmp_path / "pack-map.json"
  path.write_text(text)
  with pytest.raises(InputError, match=MAPS[text]):
    telmi.read(pack, marker_map=path)


TABLES = {
  b"datapack,player\na,b\n": "has the columns datapack, player",
  b"datapack,player,technique\na,b\n": "has a row 'a,b'",
  b"datapack,player,technique\na,b,c\na.zip,b,c\n": "lists 'a' twice",
  b"datapack,player,technique\n\xe9,b,c\n": "cannot be read",
  b'datapack,player,technique\n"a,b,c\n': "cannot be read",
  b"\n \n": "empty",
}


@pytest.mark.parametrize("data", TABLES)
def test_bad_tables_are_refused(tmp_path, good, data):
  written(tmp_path, good)
  (tmp_path / "takes.csv").write_bytes(data)
  with pytest.raises(InputError, match=TABLES[data]) as caught:
    telmi.find(tmp_path)
  assert "takes.csv" in str(caught.value)


def test_findings_can_be_printed(tmp_path, good):
  found = telmi.read(written(tmp_path, good)).findings
  assert all("\n" not in line for line in found.lines())
  assert dataclasses.is_dataclass(found)
