from __future__ import annotations

from bgm2pose_jax.report import text_table


def test_columns_line_up_on_the_side_asked_for():
  rows = [("name", "n", "note"), ("a", "10", "x"), ("long name", "2", "")]
  assert text_table.aligned(rows, left=(0, -1), rule=True) == [
    "name        n  note",
    "-" * 19,
    "a          10  x",
    "long name   2",
  ]
  assert text_table.aligned([("a", "b"), ("cc", "dd")], left=()) == [
    " a   b",
    "cc  dd",
  ]
