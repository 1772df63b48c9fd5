from __future__ import annotations

import gzip

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.poses.position_csv import (
  read_position_csv,
  read_position_points,
  write_position_csv,
)

HEADER = [f"{joint}_{axis}" for joint in BODY21.joints for axis in "xyz"]


def random_walk(frames, seed=0):
  rng = np.random.default_rng(seed)
  steps = rng.normal(scale=0.01, size=(frames, 21, 3))
  return np.cumsum(steps, axis=0).astype(np.float32)


def test_what_is_written_is_read_back_to_a_micrometre(tmp_path):
  positions = random_walk(9000)
  path = tmp_path / "subject_0_arnor_position.csv"
  write_position_csv(path, positions, 120.0)
  got = read_position_csv(path)
  assert got.dtype == np.float32
  np.testing.assert_allclose(got, positions, atol=1e-6, rtol=0)
  assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_columns_are_those_of_ampl_and_numpy_reads_them(tmp_path):
  positions = random_walk(7)
  write_position_csv(tmp_path / "a.csv", positions)
  with open(tmp_path / "a.csv") as file:
    assert file.readline().strip().split(",") == HEADER
    table = np.loadtxt(file, delimiter=",")
  np.testing.assert_allclose(table, positions.reshape(7, 63), atol=1e-6)


def test_columns_are_found_by_name_not_by_place(tmp_path):
  positions = random_walk(5)
  order = np.random.default_rng(1).permutation(63)
  names = ["", *(HEADER[i] for i in order), "Time"]
  rows = [",".join(names)]
  for i, row in enumerate(positions.reshape(5, 63)):
    cells = [repr(float(row[j])) for j in order]
    rows.append(",".join([str(i), *cells, "0.1"]))
  path = tmp_path / "a.csv"
  path.write_bytes(gzip.compress("\r\n".join(rows).encode()))
  np.testing.assert_array_equal(read_position_csv(path), positions)


def test_two_row_header_as_pandas_writes_it(tmp_path):
  positions = random_walk(3)
  top = [
    joint if axis == "x" else "" for joint in BODY21.joints for axis in "xyz"
  ]
  rows = [",".join(["", *top]), ",".join(["", *"xyz" * 21])]
  rows += [
    ",".join(map(repr, [float(i), *map(float, row)]))
    for i, row in enumerate(positions.reshape(3, 63))
  ]
  path = tmp_path / "a.csv"
  path.write_text("\n".join(rows))
  np.testing.assert_array_equal(read_position_csv(path), positions)


def test_other_rates_are_resampled_to_and_from_120(tmp_path):
  at_s = np.arange(61) / 60.0
  wave = np.sin(2 * np.pi * 1.5 * at_s)[:, None, None] * np.ones((1, 21, 3))
  path = tmp_path / "a.csv"
  write_position_csv(path, wave, 60.0)
  got = read_position_csv(path)
  expected = np.sin(2 * np.pi * 1.5 * np.arange(121) / 120.0)
  assert got.shape == (121, 21, 3)
  np.testing.assert_allclose(got[:, 4, 1], expected, atol=1e-3)
  assert read_position_csv(path, 60.0).shape == (61, 21, 3)


def text_with(edit_header=None, edit_rows=None):
  header, rows = ",".join(HEADER), [",".join(["1.5"] * 63) for _ in range(4)]
  header = edit_header(header) if edit_header else header
  rows = edit_rows(rows) if edit_rows else rows
  return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(
  ("text", "message"),
  [
    (text_with(lambda h: h.replace("Neck_y", "Neck_w")), "no column 'Neck_y'"),
    (text_with(lambda h: h.replace("Neck_y", "Neck_x")), "'Neck_x' twice"),
    (text_with(lambda h: h.replace("Neck_", "Nape_")), "no joint 'Neck'"),
    (text_with(lambda h: "a,b,c"), "no columns named <Joint>_x"),
    (text_with(None, lambda r: []), "no rows of data"),
    (
      text_with(None, lambda r: [r[0], r[1][:-4], *r[2:]]),
      "line 3: 62 cells where the header has 63",
    ),
    (
      text_with(None, lambda r: [r[0], r[1].replace("1.5", "a", 1)]),
      "line 3: 'a' is not a number",
    ),
    (
      text_with(None, lambda r: [r[0], r[1].replace("1.5", "", 1), *r[2:]]),
      "1 rows with missing values, first at frame 1",
    ),
    (
      text_with(None, lambda r: [r[0], r[1].replace("1.5", "-inf", 1)]),
      "line 3: a position of -inf",
    ),
    ("\n", "an empty file"),
  ],
)
def test_broken_files_are_refused(tmp_path, text, message):
  path = tmp_path / "pose.csv"
  path.write_text(text)
  with pytest.raises(InputError) as caught:
    read_position_csv(path)
  assert message in str(caught.value)
  assert "pose.csv" in str(caught.value)


def test_missing_cells_are_nan_in_tracks(tmp_path):
  path = tmp_path / "a.csv"
  path.write_text(
    text_with(None, lambda r: [r[0], r[1].replace("1.5", "", 1), *r[2:]])
  )
  got = read_position_points(path).positions
  assert np.isnan(got).sum() == 1
  assert np.isnan(got[1, 0, 0])


@pytest.mark.parametrize(
  ("positions", "rate_hz"),
  [
    (np.zeros((5, 20, 3)), 120.0),
    (np.zeros((5, 63)), 120.0),
    (np.zeros((0, 21, 3)), 120.0),
    (np.full((5, 21, 3), np.nan), 120.0),
    (np.zeros((5, 21, 3)), 0.0),
  ],
)
def test_unusable_tracks_are_not_written(tmp_path, positions, rate_hz):
  with pytest.raises(InputError):
    write_position_csv(tmp_path / "a.csv", positions, rate_hz)
  assert list(tmp_path.iterdir()) == []
