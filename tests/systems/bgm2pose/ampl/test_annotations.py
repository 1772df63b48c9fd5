"""The annotation rule, by cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl.annotations import (
  Annotation,
  read_annotations,
  window_labels,
)


def labels(*lines, windows=10):
  return window_labels([Annotation(*line) for line in lines], windows, 0.6)


def test_both_ends_are_inside():
  # Windows start at 0, 0.6, 1.2, 1.8, ...
  got = labels((0.6, 1.8, "wave"), windows=5)
  assert got == ["", "wave", "wave", "wave", ""]
  assert labels((0.61, 1.79, "wave"), windows=5) == ["", "", "wave", "", ""]


def test_rounding_of_written_times_does_not_decide():
  # 0.6 * 3 is 1.7999999999999998, and 0.6 * 7 is 4.2 rounded down or up.
  for i in range(200):
    got = labels((0.6 * i, round(0.6 * i, 6), "x"), windows=201)
    assert np.flatnonzero([bool(label) for label in got]).tolist() == [i]


def test_every_line_of_a_repeated_label_counts():
  got = labels((0.0, 0.1, "wave"), (1.2, 1.3, "bow"), (2.4, 2.5, "wave"))
  assert got[:5] == ["wave", "", "bow", "", "wave"]


def test_no_people_keeps_nothing_and_the_first_line_names():
  got = labels((0.0, 3.0, "no_people"), (0.6, 1.2, "a"), (1.2, 1.8, "b"))
  assert got[:4] == ["", "a", "a", "b"]


def test_lines_beyond_the_recording_are_cut():
  assert labels((-5.0, 100.0, "all"), windows=3) == ["all"] * 3


def test_reads_labels_with_spaces_and_tabs(tmp_path):
  path = tmp_path / "a.txt"
  path.write_text("\ufeff0.0\t1.5\traise both arms\n\n2 3 sit\n", "utf-8")
  assert read_annotations(path) == (
    Annotation(0.0, 1.5, "raise both arms"),
    Annotation(2.0, 3.0, "sit"),
  )


@pytest.mark.parametrize(
  ("text", "found"),
  [
    ("0.0 1.0\n", "line 1: has 2 fields"),
    ("0.0 1.0 a\nx 2 b\n", "line 2: starts with no times"),
    ("2.0 1.0 a\n", r"ends \(1.0 s\) before 2.0 s"),
    ("0.0 nan a\n", "no number"),
    ("0.0 1e308 a\n", "line 1: has a time beyond 1000000 s"),
    ("-1e308 0.0 a\n", "line 1: has a time beyond 1000000 s"),
    ("0 1 a\n" * 100_001, "has more than 100000 lines"),
    ("\n", "holds no annotation"),
  ],
)
def test_broken_files_are_named(tmp_path, text, found):
  path = tmp_path / "broken.txt"
  path.write_text(text)
  with pytest.raises(InputError, match=found) as error:
    read_annotations(path)
  assert "broken.txt" in str(error.value)


def test_missing_and_binary_files(tmp_path):
  with pytest.raises(InputError, match="annotation file is missing"):
    read_annotations(tmp_path / "none.txt")
  (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
  with pytest.raises(InputError, match="no UTF-8"):
    read_annotations(tmp_path / "b.txt")
