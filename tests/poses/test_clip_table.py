from __future__ import annotations

import os

import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.clip_table import read_clip_table


@pytest.fixture
def folder(tmp_path):
  inside = tmp_path / "captures"
  for name in ("a.bvh", "sub/b.bvh.gz"):
    path = inside / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
  (tmp_path / "secret.bvh").write_text("x")
  return inside


def read(folder, text):
  (folder / "clips.csv").write_text(text)
  return read_clip_table(folder)


def test_an_action_is_read_beside_the_description(folder):
  rows = read(
    folder, "file,action,description\na.bvh,squat,deep - to the floor\n"
  )
  assert rows["a.bvh"].action == "squat"
  assert read(folder, "file\na.bvh\n")["a.bvh"].action == ""


def test_no_table_is_an_empty_one(folder):
  assert read_clip_table(folder) == {}


def test_only_the_file_column_is_required(folder):
  (row,) = read(folder, "file\na.bvh\n").values()
  assert row.file == "a.bvh"
  assert row.where.endswith("clips.csv line 2")
  assert (row.subject, row.rate_hz, row.unit_m) == (None, None, None)
  assert (row.ranges, row.floor_m, row.frames) == (None, None, None)


def test_all_columns_in_any_order_with_notes_quotes_and_empty_cells(folder):
  rows = read(
    folder,
    "\ufeffvalid_ranges,subject,file,floor_y_m,unit_scale_m,fps_true,"
    "description,frames,camera,fps_header,valid_s\r\n"
    '1-317; 396-545,anna,sub/b.bvh.gz,-0.058,0.0254,60,"walk, run",900,'
    "left,120,3.1\r\n"
    "\r\n"
    ",,a.bvh,,,,,,,,\r\n",
  )
  assert list(rows) == ["sub/b.bvh.gz", "a.bvh"]
  row = rows["sub/b.bvh.gz"]
  assert row.ranges == ((1, 317), (396, 545))
  assert (row.subject, row.description) == ("anna", "walk, run")
  assert (row.floor_m, row.unit_m, row.rate_hz) == (-0.058, 0.0254, 60.0)
  assert row.frames == 900
  assert rows["a.bvh"].ranges is None


@pytest.mark.parametrize(
  "name",
  [
    "../secret.bvh",
    "sub/../../secret.bvh",
    "sub/../a.bvh",
    "/etc/passwd",
    "C:a.bvh",
    "sub\\b.bvh.gz",
    "link.bvh",
    "linked/secret.bvh",
    "",
    "a\x1b.bvh",
  ],
)
def test_paths_out_of_the_folder_are_refused(folder, name):
  os.symlink(folder.parent / "secret.bvh", folder / "link.bvh")
  os.symlink(folder.parent, folder / "linked")
  with pytest.raises(InputError, match=r"line 2: .* not a path inside"):
    read(folder, f"file,subject\n{name},s\n")


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("subject\nx\n", "line 1: no column 'file' in: subject"),
    ("file,subject,subject\n", "line 1: column 'subject' twice"),
    ("file,fps_ture\na.bvh,60\n", "unknown column 'fps_ture'; call it 'fps"),
    ("file,valid_range\na.bvh,1-2\n", "call it 'valid_ranges'"),
    ("file\nnone.bvh\n", "line 2: no file 'none.bvh'"),
    ("file\nsub\n", "line 2: no file 'sub'"),
    ("file\na.bvh\n\na.bvh\n", "line 4: 'a.bvh' again"),
    ("file\na.bvh,60\n", "line 2: 2 cells where the header has 1"),
    ("file,fps_true\na.bvh\n", "line 2: 1 cells where the header has 2"),
    ('file\n"a.bvh\n', "clips.csv line 2"),
    ("file,fps_true\na.bvh,fast\n", "line 2: fps_true 'fast'"),
    ("file,fps_true\na.bvh,0\n", "line 2: fps_true '0'"),
    ("file,fps_true\na.bvh,nan\n", "line 2: fps_true 'nan'"),
    ("file,fps_true\na.bvh,1_20\n", "line 2: fps_true '1_20'"),
    ("file,unit_scale_m\na.bvh,-1\n", "line 2: unit_scale_m '-1'"),
    ("file,unit_scale_m\na.bvh,inf\n", "line 2: unit_scale_m 'inf'"),
    ("file,floor_y_m\na.bvh,low\n", "line 2: floor_y_m 'low'"),
    ("file,frames\na.bvh,10.5\n", "line 2: frames 10.5"),
    ("file,frames\na.bvh,0\n", "line 2: frames '0'"),
    ("file,valid_ranges\na.bvh,all\n", "line 2: valid_ranges 'all'"),
    ("file,valid_ranges\na.bvh,5\n", "line 2: valid_ranges '5'"),
    ("file,valid_ranges\na.bvh,5-5\n", "line 2: valid_ranges '5-5'"),
    ("file,valid_ranges\na.bvh,9-5\n", "line 2: valid_ranges '9-5'"),
    ("file,valid_ranges\na.bvh,-5-9\n", "line 2: valid_ranges '-5-9'"),
    ("file,valid_ranges\na.bvh,1-9;8-20\n", "line 2: valid_ranges '8-20'"),
    ("file,valid_ranges\na.bvh,1-9;\n", "line 2: valid_ranges ''"),
    ("file,valid_ranges\na.bvh,0-" + "9" * 5000 + "\n", "line 2: valid_r"),
    ("file,subject\na.bvh,../x\n", "line 2: subject '../x'"),
    ("file,subject\na.bvh," + "x" * 100 + "\n", "line 2: subject"),
    ("file\n" + "x" * 2_000_000 + "\n", "line 2: a line of 2000000 bytes"),
    ("file\n" + "x" * 200_000 + "\n", "clips.csv line 2: field larger"),
    ("\n\n", "an empty file"),
  ],
)
def test_garbage_is_refused_with_its_line(folder, text, message):
  with pytest.raises(InputError) as caught:
    read(folder, text)
  assert message in str(caught.value)
  assert len(str(caught.value)) < 600
