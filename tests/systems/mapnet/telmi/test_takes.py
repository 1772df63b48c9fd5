"""A folder of datapacks as the takes of a data set."""

from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet import windows
from bgm2pose_jax.systems.mapnet.take import Take
from bgm2pose_jax.systems.mapnet.telmi.takes import TelmiTakes
from tests import telmi_fixture
from tests.telmi_fixture import write_pack

RATE_HZ = 8000


def take(seconds=4.0, seed=0) -> Take:
  pose_m = telmi_fixture.standing_violinist(seconds, seed)
  sound = np.sin(np.arange(round(seconds * RATE_HZ))).astype(np.float32)
  return Take("a", "p", "t", pose_m, sound, RATE_HZ)


@pytest.fixture
def folder(tmp_path):
  write_pack(tmp_path, take(), "P10_scales")
  write_pack(tmp_path, take(5.0, 1), "P2_legato_11", rate_hz=100.0)
  write_pack(tmp_path, take(6.0, 2), "P2_legato_2", is_zip=False)
  return tmp_path


def test_players_are_in_natural_order(folder):
  takes = TelmiTakes.find(folder)
  assert not takes.simulated
  assert list(takes.players().items()) == [
    ("player_2", ["P2_legato_2", "P2_legato_11"]),
    ("player_10", ["P10_scales"]),
  ]


def test_frames_are_no_fewer_than_a_take_has(folder):
  takes = TelmiTakes.find(folder)
  for name, frames in (
    ("P10_scales", 200),
    ("P2_legato_11", 250),
    ("P2_legato_2", 300),
  ):
    made = takes.make(name)
    assert len(made.pose_m) <= takes.frames(name) <= frames + 1
    assert made.name == name


def test_windows_are_counted_before_they_are_made(folder):
  takes = TelmiTakes.find(folder)
  counts = {
    name: windows.count(takes.frames(name))
    for names in takes.players().values()
    for name in names
  }
  assert counts == {"P2_legato_2": 4, "P2_legato_11": 3, "P10_scales": 2}


def test_identity_follows_files_options_and_tables(folder):
  seen = {json.dumps(TelmiTakes.find(folder).identity())}

  def is_new(takes):
    before = len(seen)
    seen.add(json.dumps(takes.identity()))
    return len(seen) > before

  assert not is_new(TelmiTakes.find(folder))
  assert is_new(TelmiTakes.find(folder, fit="marker"))
  assert is_new(TelmiTakes.find(folder, origin="frame"))
  mapped = folder / "map.json"
  mapped.write_text('{"LTOE": "right_toe"}')
  assert is_new(TelmiTakes.find(folder, marker_map=str(mapped)))
  (folder / "takes.csv").write_text(
    "datapack,player,technique\nP10_scales,x,y\n"
  )
  assert is_new(TelmiTakes.find(folder))
  os.utime(folder / "P10_scales.zip", (1, 1))
  assert is_new(TelmiTakes.find(folder))
  csv = folder / "P2_legato_2" / "P2_legato_2" / "00_stream03_Xcoord.csv"
  csv.write_bytes(csv.read_bytes() + b" ")
  assert is_new(TelmiTakes.find(folder))
  write_pack(folder, take(), "another")
  assert is_new(TelmiTakes.find(folder))


def test_options_reach_the_reader(folder):
  mean = TelmiTakes.find(folder).make("P10_scales").pose_m
  marker = TelmiTakes.find(folder, fit="marker").make("P10_scales").pose_m
  assert np.abs(mean - marker).max() > 0.05
  frame = TelmiTakes.find(folder, origin="frame").make("P10_scales").pose_m
  assert not frame[:, 12].any()


@pytest.mark.parametrize(
  ("player", "name"),
  [
    ("../../x", "_.._x"),
    ("..", "unknown"),
    (".hidden", "hidden"),
    ("/a/b", "_a_b"),
    ("Ann-Marie St. John", "Ann-Marie St. John"),
    ("x" * 300, "x" * 80),
    ("Jürgen", "Jürgen"),
  ],
)
def test_a_players_name_is_that_of_a_folder(tmp_path, player, name):
  write_pack(tmp_path, take(), "a", metadata={"player": player})
  assert list(TelmiTakes.find(tmp_path).players()) == [name]


def test_the_inventory_has_all_packs_and_each_terms_once(folder):
  write_pack(folder, take(), "z", terms=None)
  write_pack(folder, take(), "zz", terms="Ask first.")
  said = TelmiTakes.find(folder).inventory()
  assert said is not None
  lines = said.splitlines()
  cells = [line.split() for line in lines[2:7]]
  assert [row[0] for row in cells] == [
    "P10_scales",
    "P2_legato_11",
    "P2_legato_2",
    "z",
    "zz",
  ]
  assert cells[0][1:4] == ["player_10", "scales", "24"]
  assert cells[0][4].endswith("00_audio_pickup.wav")
  assert said.count("No redistribution.") == 1
  assert "and 2 more with the same text" in said
  assert "names no TERMS file; ask its publishers (1 datapacks)" in said
  assert lines[-1] == "  Ask first."


def test_no_folder_is_refused():
  with pytest.raises(InputError, match="--mapdat_dir"):
    TelmiTakes.find(None)


def test_a_bad_datapack_is_named(folder):
  (folder / "bad.zip").write_bytes(b"x")
  takes = TelmiTakes.find(folder)
  for ask in (takes.players, takes.inventory):
    with pytest.raises(InputError, match=r"bad\.zip"):
      ask()


def test_takes_that_were_written_are_found(tmp_path):
  made = [
    dataclasses.replace(take(), name=f"T{i}", player=f"P{i}", technique="x")
    for i in range(2)
  ]
  takes = TelmiTakes.find(telmi_fixture.write_takes(tmp_path, made, bow=False))
  assert takes.players() == {"P0": ["T0"], "P1": ["T1"]}
  assert takes.make("T1").technique == "x"


def test_it_is_one_record_of_plain_values():
  takes = TelmiTakes((), fit="marker")
  assert dataclasses.replace(takes, fit="mean") == TelmiTakes(())
