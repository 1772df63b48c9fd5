from __future__ import annotations

import gzip
import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.optitrack import read_optitrack

# As Motive writes it: a bone's rotation, then its position; its markers are
# other columns. Two bones are enough for the reader.
HEADER = (
  "Format Version,1.23,Take Name,Take 1,Capture Frame Rate,240.000000,"
  "Export Frame Rate,120.000000,Rotation Type,Quaternion,"
  "Length Units,Millimeters,Coordinate Space,Global\n"
  "\n"
  ",Type,Bone,Bone,Bone,Bone,Bone,Bone,Bone,Bone,Bone,Bone,Bone,Bone Marker\n"
  ',Name,"S, 1:Hips","S, 1:Hips","S, 1:Hips","S, 1:Hips","S, 1:Hips",'
  '"S, 1:Hips","S, 1:Hips","S, 1:Hips",S:Spine,S:Spine,S:Spine,S:WaistL\n'
  ",ID,1,1,1,1,1,1,1,1,2,2,2,3\n"
  ",,Rotation,Rotation,Rotation,Rotation,Position,Position,Position,"
  "Error Per Marker,Position,Position,Position,Position\n"
  "Frame,Time (Seconds),X,Y,Z,W,X,Y,Z,,X,Y,Z,X\n"
)
DATA = (
  "0,0.000000,0.1,0.2,0.3,0.9,1.5,900.25,-3,0.001,1,2,3,7\n"
  "1,0.008333,0.1,0.2,0.3,0.9,,,,,4,5,6,7\n"
  "2,0.016667,0.1,0.2,0.3,0.9,2.5,901.25,-4,0.001,7,8,9,\n"
)


def write(tmp_path, text):
  path = tmp_path / "take.csv"
  path.write_text(text)
  return path


def test_bones_units_rate_and_missing_rows(tmp_path):
  got = read_optitrack(write(tmp_path, HEADER + DATA))
  nan = math.nan
  assert got.names == ("S, 1:Hips", "S:Spine")
  assert (got.rate_hz, got.unit_m) == (120.0, 0.001)
  np.testing.assert_array_equal(
    got.positions,
    [
      [[1.5, 900.25, -3], [1, 2, 3]],
      [[nan, nan, nan], [4, 5, 6]],
      [[2.5, 901.25, -4], [7, 8, 9]],
    ],
  )


def test_capture_rate_stands_in_and_parent_row_and_crlf_are_fine(tmp_path):
  text = HEADER.replace("Export Frame Rate,120.000000,", "")
  text = text.replace(",ID,1", ",Parent" + ",0" * 12 + "\n,ID,1")
  path = tmp_path / "take.csv.gz"
  path.write_bytes(gzip.compress((text + DATA).replace("\n", "\r\n").encode()))
  got = read_optitrack(path)
  assert got.rate_hz == 240.0
  assert got.positions.shape == (3, 2, 3)


@pytest.mark.parametrize(
  ("old", "new", "message"),
  [
    ("Format Version", "Version", "does not start with 'Format Version'"),
    ("Millimeters", "Furlongs", "Length Units 'Furlongs'"),
    ("120.000000", "fast", "frame rate 'fast'"),
    ("120.000000", "nan", "frame rate 'nan'"),
    ("120.000000", "0", "frame rate '0'"),
    ("Space,Global", "Space,Local", "relative to the parent"),
    (",Type,", ",Kind,", "no complete Type, Name"),
    ("Frame,Time", "Row,Time", "no complete Type, Name"),
    ("Bone,", "Rigid Body,", "no bone with X, Y, Z"),
    ("S:Spine,S:Spine,S:Spine", '"S, 1:Hips"' + ',"S, 1:Hips"' * 2, "twice"),
    ("1.5,900.25", "1.5,9oo.25", "line 8: '9oo.25' is not a number"),
    ("1.5,900.25", "1.5,9_0.25", "line 8: '9_0.25' is not a number"),
    ("1.5,900.25", "1.5,inf", "line 8: a position of inf"),
    ("1.5,900.25", "1.5,1e30", "line 8: a position of 1e+30"),
    ("9,\n", "9\n", "line 10: 13 cells where the header has 14"),
    (",ID,1", ',ID,"1', "not comma-separated text"),
    (DATA, "", "no rows of data"),
  ],
)
def test_unusable_exports_are_refused(tmp_path, old, new, message):
  text = (HEADER + DATA).replace(old, new)
  assert text != HEADER + DATA
  with pytest.raises(InputError) as caught:
    read_optitrack(write(tmp_path, text))
  assert message in str(caught.value)
  assert "take.csv" in str(caught.value)


@hypothesis.settings(max_examples=150, deadline=None, database=None)
@hypothesis.given(
  start=st.integers(0, len(HEADER + DATA)),
  length=st.integers(0, 400),
  patch=st.binary(max_size=8),
)
def test_patched_exports_raise_only_input_error(
  tmp_path_factory, start, length, patch
):
  path = tmp_path_factory.getbasetemp() / "patched.csv"
  data = (HEADER + DATA).encode()
  path.write_bytes(data[:start] + patch + data[start + length :])
  refusal = ""
  try:
    got = read_optitrack(path)
    assert got.positions.shape[1:] == (len(got.names), 3)
  except InputError as error:
    refusal = str(error)
  assert not refusal or str(path) in refusal
