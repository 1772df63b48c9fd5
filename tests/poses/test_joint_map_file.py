from __future__ import annotations

import json
import os

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.joint_map_file import of_folder, read_joint_map


def test_json_and_csv_say_the_same(tmp_path):
  given = {"Bone 07": "Hips", "Bein, links": "LeftLeg", "kopf": "Head"}
  (tmp_path / "a.json").write_text(json.dumps(given))
  rows = 'Bone 07, hips\n"Bein, links",LEFTLEG\n\nkopf,Head\n'
  (tmp_path / "a.csv").write_text(rows)
  (tmp_path / "b.CSV").write_text("\ufeffName,Joint\r\n" + rows)
  for name in ("a.json", "a.csv", "b.CSV"):
    assert read_joint_map(tmp_path / name) == given


@pytest.mark.parametrize(
  ("name", "text", "message"),
  [
    ("a.json", "[1, 2]", "holds no JSON object"),
    ("a.json", "{", "a.json"),
    ("a.json", "{}", "0 names; give 1 to"),
    ("a.json", '{"x": "Wing"}', "'Wing' is no joint; use Hips, Spine"),
    ("a.json", '{"x": 3}', "'3' is no joint"),
    ("a.json", '{"x": null}', "'None' is no joint"),
    ("a.json", '{"Hips": "pelvis"}', "the other way round: the file's name"),
    ("a.csv", "x,Hips,1\n", "line 1: 3 cells; give two"),
    ("a.csv", "x,Hips\nx,Spine\n", "'x' twice"),
    ("a.csv", 'x,"Hips\n', "save it as plain CSV"),
    ("a.csv", "name,joint\n", "0 names"),
  ],
)
def test_broken_maps_are_refused(tmp_path, name, text, message):
  (tmp_path / name).write_text(text)
  with pytest.raises(InputError) as caught:
    read_joint_map(tmp_path / name)
  assert message in str(caught.value)
  assert name in str(caught.value)


def test_a_map_as_large_as_a_disk_is_not_read(tmp_path):
  for name in ("a.json", "a.csv"):
    with open(tmp_path / name, "wb") as file:
      file.write(b"{")
      os.truncate(file.fileno(), 1 << 40)
    with pytest.raises(InputError, match=r"more than|larger|binary"):
      read_joint_map(tmp_path / name)


def test_the_folder_s_own_map_gives_way_to_the_flag_s(tmp_path):
  assert of_folder(tmp_path, None) == {}
  (tmp_path / "joint_map.json").write_text('{"a": "Hips"}')
  (tmp_path / "other.json").write_text('{"b": "Hips"}')
  assert of_folder(tmp_path, None) == {"a": "Hips"}
  assert of_folder(tmp_path, tmp_path / "other.json") == {"b": "Hips"}
  with pytest.raises(InputError, match="no such file"):
    of_folder(tmp_path, tmp_path / "none.json")
