"""What was written from known joints is read back as those joints."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet import telmi, windows
from bgm2pose_jax.systems.mapnet.take import Take
from tests import telmi_fixture
from tests.telmi_fixture import write_pack

RATE_HZ = 44100
LTOE = BODY13.index("LTOE")


def take(seconds=4.0, seed=0) -> Take:
  pose_m = telmi_fixture.standing_violinist(seconds, seed)
  n = round(seconds * RATE_HZ)
  sound = 0.5 * np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(n))
  return Take("made", "p", "t", pose_m, sound.astype(np.float32), RATE_HZ)


def from_toe(pose_m):
  return pose_m - np.median(pose_m[:, LTOE], axis=0)


def read_back(folder, made, *, keep=None, **form):
  write_pack(folder, made, **form)
  (pack,) = telmi.find(folder)
  return telmi.read(pack)


FORMS = [
  {},
  {"is_zip": False},
  {"is_zip": False, "nested": False},
  {"is_zip": True, "nested": False},
  {"header": 0, "case": "camel", "trailing_comma": False},
  {"header": 2, "case": "lower", "empty_fields": False},
  {"style": "long", "suffix": ""},
  {"style": "underscore", "suffix": ".x.y"},
  {"unit": "cm", "up": "y"},
  {"unit": "m", "up": "x"},
  {"up": "-y"},
  {"up": "z, left-handed"},
  {"single_signal": True, "empty_fields": False},
  {"single_signal": True, "empty_fields": True},
  {"bow": False},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_joints_come_back_in_every_form(tmp_path, form):
  made = take()
  found = read_back(tmp_path, made, **form)
  got = found.take
  assert got.pose_m.dtype == np.float32
  np.testing.assert_allclose(got.pose_m, from_toe(made.pose_m), atol=2e-6)
  # 16 bits of a sound file.
  np.testing.assert_allclose(got.sound, made.sound, atol=1 / 32000)
  assert got.sample_rate_hz == RATE_HZ
  assert found.findings.frame.unit == form.get("unit", "mm")
  assert found.findings.frame.is_mirrored == ("left" in form.get("up", ""))
  assert found.findings.gaps == found.findings.unusable_s == ()


def test_whole_millimetres_come_back_as_such(tmp_path):
  made = take()
  got = read_back(tmp_path, made, number="point").take
  np.testing.assert_allclose(got.pose_m, from_toe(made.pose_m), atol=2e-3)


@pytest.mark.parametrize("rate_hz", [25.0, 60.0, 100.0, 240.0])
def test_other_rates_become_50(tmp_path, rate_hz):
  made = take()
  found = read_back(tmp_path, made, rate_hz=rate_hz, header=0)
  got = found.take
  assert abs(len(got.pose_m) - len(made.pose_m)) <= 2
  wanted = from_toe(made.pose_m)[: len(got.pose_m)]
  # A tenth of a second at the ends is the filter's guess.
  inner = slice(10, len(got.pose_m) - 10)
  np.testing.assert_allclose(got.pose_m[inner], wanted[inner], atol=2e-4)
  np.testing.assert_allclose(got.pose_m, wanted, atol=5e-3)
  assert found.findings.rates_hz == (rate_hz,)


def test_mp3_is_read(tmp_path):
  made = take()
  found = read_back(tmp_path, made, sound="mp3")
  got = found.take
  assert found.findings.sound_file.endswith("pickup.mp3")
  size = min(len(got.sound), len(made.sound))
  assert abs(len(got.sound) - len(made.sound)) < RATE_HZ / 50
  assert np.corrcoef(got.sound[:size], made.sound[:size])[0, 1] > 0.99


@pytest.mark.parametrize(
  ("rows", "best"),
  [
    ({"a": ("Ambient", 0.3), "b": ("Pickup", 1.0)}, 1.0),
    ({"a": ("Ambient", 0.3), "x_pickup": ("", 1.0)}, 1.0),
    ({"a_pickup": ("Ambient", 0.3), "b": ("Pickup", 1.0)}, 1.0),
    ({"z": ("", 0.2), "room_mic": ("", 0.3), "a": ("", 0.1)}, 0.3),
    ({"z": ("Ambient", 0.2), "mixed": ("Mixed", 0.7)}, 0.7),
    ({"z": ("Pickup", 0.0), "mixed": ("Mixed", 0.7)}, 0.7),
  ],
)
def test_the_best_sound_is_taken(tmp_path, rows, best):
  made = take()
  found = read_back(tmp_path, made, sound_rows=rows)
  got = found.take
  assert np.abs(got.sound).max() == pytest.approx(0.5 * best, abs=1e-3)
  silent = any(gain == 0 for _, gain in rows.values())
  assert ("silence" in " ".join(found.findings.lines())) == silent


@pytest.mark.parametrize("bow", [True, False])
def test_what_is_not_played_is_cut(tmp_path, bow):
  made = take(5.0)
  found = read_back(tmp_path, made, lead_s=2.0, tail_s=1.4, bow=bow)
  got = found.take
  margin = 0 if bow else 25
  assert found.findings.played_s == pytest.approx(
    (2.0 - margin / 50, 7.0 + margin / 50), abs=0.021
  )
  assert found.findings.trimmed_by == ("bow contact" if bow else "sound")
  assert len(got.sound) == round(len(got.pose_m) * RATE_HZ / 50)
  start = round((2.0 - found.findings.played_s[0]) * 50)
  np.testing.assert_allclose(
    got.pose_m[start : start + 250],
    made.pose_m - np.median(got.pose_m[:, LTOE], 0) - _median_toe(made),
    atol=1e-5,
  )
  np.testing.assert_allclose(
    got.sound[round(start * RATE_HZ / 50) :][: len(made.sound)],
    made.sound,
    atol=1e-3,
  )


def _median_toe(made):
  return np.median(made.pose_m[:, LTOE], axis=0)


def test_a_bow_that_never_comes_near_counts_for_nothing(tmp_path, monkeypatch):
  made = take()
  real = telmi_fixture.markers_of
  monkeypatch.setattr(
    telmi_fixture,
    "markers_of",
    lambda pose_m, played: real(pose_m, np.zeros(len(pose_m), bool)),
  )
  found = read_back(tmp_path, made)
  assert found.findings.trimmed_by == "sound"
  assert "never come near" in " ".join(found.findings.lines())


def bow_file(path, place):
  """The first file of a marker of the fixture."""
  places = [*telmi_fixture.markers_of(take(0.1).pose_m, np.ones(5, bool))]
  return path / f"00_stream{places.index(place):02d}_Xcoord.csv"


def test_without_a_whole_bow_the_sound_tells(tmp_path):
  made = take()
  path = write_pack(tmp_path / "a", made, is_zip=False, nested=False)
  bow_file(path, "bow_tip").unlink()
  (pack,) = telmi.find(tmp_path / "a")
  found = telmi.read(pack)
  assert found.findings.trimmed_by == "sound"
  assert "the bow is not used" in " ".join(found.findings.lines())
  path = write_pack(tmp_path / "b", made, is_zip=False, nested=False)
  xml = path / "session.xml"
  xml.write_text(xml.read_text().replace("ViolinBridge", "ViolinScroll"))
  (pack,) = telmi.find(tmp_path / "b")
  found = telmi.read(pack)
  assert found.findings.trimmed_by == "sound"
  assert "no marker for bridge" in " ".join(found.findings.lines())


def test_a_crowd_of_bow_markers_is_not_read(tmp_path):
  path = write_pack(tmp_path, take(), is_zip=False, nested=False)
  xml = path / "session.xml"
  text = xml.read_text()
  at = text.rindex("<Generic", 0, text.index("BowTipLviolin"))
  node = text[at : text.index("</Generic>", at) + len("</Generic>")]
  crowd = "".join(node.replace("Lviolin", f"L{i}") for i in range(8))
  xml.write_text(text.replace(node, node + crowd))
  (pack,) = telmi.find(tmp_path)
  found = telmi.read(pack).findings
  assert found.trimmed_by == "sound"
  assert "more than 8 markers for bow_tip" in " ".join(found.lines())


def test_a_bow_that_is_lost_early_tells_up_to_there(tmp_path):
  made = take()
  path = write_pack(
    tmp_path, made, is_zip=False, nested=False, trailing_comma=False
  )
  file = bow_file(path, "bow_tip")
  head, line = file.read_text().splitlines()
  file.write_text(head + "\n" + ",".join(line.split(",")[:160]))
  (pack,) = telmi.find(tmp_path)
  found = telmi.read(pack)
  assert found.findings.played_s == (0.0, 3.2)
  assert found.findings.duration_s == 4.0


@pytest.mark.parametrize("angle", [1.0, 2.5, 4.0])
def test_any_view_and_a_turning_player(tmp_path, angle):
  """The waist's shift follows the pelvis, frame by frame."""
  made = take()
  angles = angle + np.linspace(0, 0.5, len(made.pose_m))
  c, s, zero, one = np.cos(angles), np.sin(angles), 0 * angles, 0 * angles + 1
  turn = np.array([[c, zero, s], [zero, one, zero], [-s, zero, c]])
  pose_m = np.einsum("ijt,tkj->tki", turn, made.pose_m)
  made = dataclasses.replace(made, pose_m=pose_m)
  got = read_back(tmp_path, made).take
  np.testing.assert_allclose(got.pose_m, from_toe(pose_m), atol=2e-6)


@pytest.mark.parametrize("how", ["nan", "zero", "empty"])
def test_short_gaps_are_bridged_and_said(tmp_path, how):
  made = take()
  lost = (("left_inner_elbow", 1.0, 1.2, how), ("bow_tip", 2.0, 2.1, how))
  found = read_back(tmp_path, made, lost=lost)
  got = found.take
  np.testing.assert_allclose(got.pose_m, from_toe(made.pose_m), atol=2e-3)
  said = {gap.marker: gap for gap in found.findings.gaps}
  assert set(said) == {"LIEL.take1", "BowTipLviolin.take1"}
  assert said["LIEL.take1"].bridged == 1
  assert said["LIEL.take1"].bridged_s == pytest.approx(0.2)
  assert said["LIEL.take1"].left == 0


def test_one_coordinate_of_zero_is_no_gap(tmp_path):
  made = take()
  made.pose_m[:, LTOE, 0] = -telmi_fixture.PLACE_M[0]
  found = read_back(tmp_path, made)
  assert found.findings.gaps == ()
  np.testing.assert_allclose(
    found.take.pose_m, from_toe(made.pose_m), atol=2e-6
  )


@pytest.mark.parametrize("how", ["nan", "zero", "empty"])
def test_long_gaps_are_marked_and_said(tmp_path, how):
  made = take(9.0)
  lost = (("left_inner_elbow", 4.0, 4.22, how),)
  found = read_back(tmp_path, made, lost=lost)
  wanted = from_toe(made.pose_m)
  wanted[200:211, BODY13.index("LMEL")] = np.nan
  np.testing.assert_allclose(found.take.pose_m, wanted, atol=2e-6)
  np.testing.assert_allclose(found.take.sound, made.sound, atol=1 / 32000)
  assert found.findings.unusable_s == ((4.0, 4.22, ("LMEL",)),)
  assert (found.findings.windows, found.findings.whole_windows) == (7, 4)
  said = " ".join(found.findings.lines())
  assert "unusable from 4.00 to 4.22 s: no LMEL" in said
  assert "4 of its 7 windows" in said


def test_the_windows_of_a_marked_take_are_not_whole(tmp_path, monkeypatch):
  # Compiling librosa's takes longer than all tests here.
  monkeypatch.setattr(
    windows.audio_features, "features", lambda sound, rate, n: np.zeros((n, 1))
  )
  made = take(9.0)
  found = read_back(tmp_path, made, lost=(("left_toe", 4.0, 4.5, "nan"),))
  examples = list(windows.examples(found.take, windows.Variants(1, 0)))
  assert len(examples) == found.findings.windows
  assert [e["whole"] for e in examples].count(True) == (
    found.findings.whole_windows
  )


def test_what_is_lost_at_the_ends_is_cut(tmp_path):
  made = take(6.0)
  lost = (("left_toe", 0.0, 1.0, "nan"), ("c7", 5.5, 6.0, "zero"))
  found = read_back(tmp_path, made, lost=lost)
  assert found.findings.covered_s == (1.0, 5.5)
  assert (found.findings.windows, found.findings.whole_windows) == (2, 2)
  assert found.findings.played_s == (0.0, 6.0)
  part = slice(50, 275)
  np.testing.assert_allclose(
    found.take.pose_m, from_toe(made.pose_m[part]), atol=2e-6
  )
  samples = slice(RATE_HZ, round(5.5 * RATE_HZ))
  np.testing.assert_allclose(
    found.take.sound, made.sound[samples], atol=1 / 32000
  )


def test_too_little_left_is_refused(tmp_path):
  with pytest.raises(
    InputError, match=r"no window of 3 s with all joints.*no LTOE"
  ):
    read_back(tmp_path, take(), lost=(("left_toe", 2.0, 3.0, "nan"),))


def test_c7_from_the_shoulders(tmp_path):
  made = take()
  found = read_back(tmp_path, made, with_c7=False)
  got = found.take
  right, left = (made.pose_m[:, BODY13.index(s + "SHO")] for s in "RL")
  # The fixture's shoulder markers: 4 cm above, 1 cm up and 3 cm back.
  wanted = (right + left) / 2 + [0.0, 0.04 + 0.01 + 0.03, 0.03]
  np.testing.assert_allclose(
    got.pose_m[:, 0], wanted - _median_toe(made), atol=2e-6
  )


def test_single_markers_unchanged(tmp_path):
  made = take()
  write_pack(tmp_path, made)
  (pack,) = telmi.find(tmp_path)
  got = telmi.read(pack, fit="marker").take
  markers = telmi_fixture.markers_of(made.pose_m, None)
  for joint, place in (
    ("C7", "c7"),
    ("RSHO", "right_shoulder"),
    ("LMEL", "left_inner_elbow"),
    ("RMWR", "right_inner_wrist"),
    ("LBWT", "left_back_waist"),
    ("RKNE", "right_outer_knee"),
    ("RTOE", "right_toe"),
  ):
    np.testing.assert_allclose(
      got.pose_m[:, BODY13.index(joint)],
      markers[place] - _median_toe(made),
      atol=2e-6,
    )


def test_the_origin_may_follow_the_toe(tmp_path):
  made = take()
  made.pose_m[:, LTOE, 0] += np.linspace(0, 0.1, len(made.pose_m))
  write_pack(tmp_path, made)
  (pack,) = telmi.find(tmp_path)
  got = telmi.read(pack, origin="frame").take
  assert not got.pose_m[:, LTOE].any()
  np.testing.assert_allclose(
    got.pose_m, made.pose_m - made.pose_m[:, LTOE : LTOE + 1], atol=2e-6
  )
  with pytest.raises(InputError, match="take or frame"):
    telmi.read(pack, origin="toe")
  with pytest.raises(InputError, match="mean or marker"):
    telmi.read(pack, fit="best")


def test_streams_of_unequal_length_are_cut_to_the_shortest(tmp_path):
  made = take(6.0)
  for name, short in (
    ("a", dataclasses.replace(made, sound=made.sound[: 4 * RATE_HZ])),
    ("b", dataclasses.replace(made, pose_m=made.pose_m[:200])),
  ):
    found = read_back(tmp_path / name, short)
    got = found.take
    assert len(got.pose_m) == 200
    assert len(got.sound) == 4 * RATE_HZ
    assert "the longer one is cut" in " ".join(found.findings.lines())


def test_unsteady_bones_are_said(tmp_path):
  made = take()
  found = read_back(tmp_path / "a", made)
  assert set(found.findings.bones) == {
    f"{BODY13.joints[parent]}-{joint}"
    for joint, parent in zip(BODY13.joints, BODY13.parents)
    if parent >= 0
  }
  elbow, knee = BODY13.index("LMEL"), BODY13.index("LKNE")
  length_m = np.linalg.norm(made.pose_m[:, knee] - made.pose_m[:, 8], axis=1)
  mean_m, variation = found.findings.bones["LBWT-LKNE"]
  assert mean_m == pytest.approx(length_m.mean(), abs=1e-6)
  assert variation == pytest.approx(length_m.std() / length_m.mean(), abs=1e-6)
  assert not found.findings.unsteady_bones
  made.pose_m[::2, elbow, 1] += 0.1
  found = read_back(tmp_path / "b", made)
  assert set(found.findings.unsteady_bones) == {"LSHO-LMEL", "LMEL-LMWR"}
  assert "vary by 5 %" in " ".join(found.findings.lines())


def test_size_speaks_for_the_unit(tmp_path):
  made = take()
  small = dataclasses.replace(made, pose_m=made.pose_m * 0.2)
  write_pack(tmp_path, small, unit="m")
  (pack,) = telmi.find(tmp_path)
  with pytest.raises(InputError, match="a body's size in no unit"):
    telmi.read(pack)
  found = telmi.read(pack, unit="cm")
  assert found.findings.frame.is_stated
  assert found.findings.frame.height_m == pytest.approx(0.00287, abs=1e-4)
  with pytest.raises(InputError, match="give one of m, cm, mm"):
    telmi.read(pack, unit="inch")


def test_a_marker_map_names_what_the_table_does_not(tmp_path):
  made = take()
  path = write_pack(tmp_path, made, is_zip=False, nested=False)
  xml = path / "session.xml"
  xml.write_text(xml.read_text().replace("LIEL.take1", "m_17.take1"))
  (pack,) = telmi.find(tmp_path)
  with pytest.raises(
    InputError, match=r"1 of 13 joints .* LMEL lacks left_inner_elbow.*m_17"
  ):
    telmi.read(pack)
  mapped = tmp_path / "map.json"
  mapped.write_text(json.dumps({"m_17": "left_inner_elbow", "absent": "LOEL"}))
  got = telmi.read(pack, marker_map=mapped).take
  np.testing.assert_allclose(got.pose_m, from_toe(made.pose_m), atol=2e-6)


def test_player_and_technique(tmp_path):
  made = take()
  write_pack(tmp_path, made, "P03_Détaché slow")
  write_pack(tmp_path, made, "x7", root_name="Violinist 2, spiccato")
  write_pack(
    tmp_path, made, "y", metadata={"Player": "Ann", "Technique": "col legno"}
  )
  write_pack(tmp_path, made, "P04T12")
  write_pack(tmp_path, made, "z")
  (tmp_path / "takes.csv").write_text(
    "datapack,technique,player\nz.zip,martele,Bea\nx7,,Cem\n"
  )
  got = {
    pack.name: (read.player, read.technique)
    for pack in telmi.find(tmp_path)
    for read in [telmi.read(pack).take]
  }
  assert got == {
    "P04T12": ("player_4", "unknown"),
    "P03_Détaché slow": ("player_3", "detache"),
    "x7": ("Cem", "spiccato"),
    "y": ("Ann", "col legno"),
    "z": ("Bea", "martele"),
  }
  (tmp_path / "takes.csv").unlink()
  z = telmi.find(tmp_path)[-1]
  got = telmi.read(z).take
  assert (got.player, got.technique) == ("unknown", "unknown")


def test_a_datapack_is_read_alike_twice(tmp_path):
  write_pack(tmp_path, take())
  (pack,) = telmi.find(tmp_path)
  one, two = (telmi.read(pack).take for _ in range(2))
  assert np.array_equal(one.pose_m, two.pose_m)
  assert np.array_equal(one.sound, two.sound)
