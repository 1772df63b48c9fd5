from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from bgm2pose_jax.report import row_charts


def test_forest_plot_puts_zero_and_intervals_where_the_axis_says():
  text = row_charts.forest_plot(
    "x", [("<i>", "c0", 0.5, (0.0, 1.0)), ("b", "c1", -1.0, None)]
  )
  zero = re.search(r'class="zero" x1="([\d.]+)"', text).group(1)
  low, high = re.search(r'curve c0" x1="([\d.]+)" x2="([\d.]+)"', text).groups()
  dots = [float(x) for x in re.findall(r'cx="([\d.]+)"', text)]
  assert low == zero
  assert dots[0] == pytest.approx((float(low) + float(high)) / 2, abs=0.1)
  assert dots[1] < float(zero)
  assert "<i>" not in text
  ET.fromstring(text)
  assert row_charts.forest_plot("x", []) == ""


def test_dot_plot_marks_and_dots_share_the_axis():
  series = [("<i>", "c0", [1.0, None]), ("b", "c1", [2.0, 3.0])]
  text = row_charts.dot_plot("x", ["p", "q"], series, [2.0, None], "still")
  drawn = ET.fromstring(text)
  dots = [(d.find("title").text, d.get("cx")) for d in drawn.iter("circle")]
  assert [title for title, _ in dots] == [
    "p, <i>: 1.000", "p, b: 2.000", "q, b: 3.000"
  ]  # fmt: skip
  (mark,) = [x for x in drawn.iter("line") if x.get("class") == "mark"]
  assert mark.find("title").text == "p, still: 2.000"
  assert mark.get("x1") == dots[1][1]
  assert 'class="mark"' not in row_charts.dot_plot("x", ["p", "q"], series)
  assert row_charts.dot_plot("x", ["p"], [("a", "c0", [None])]) == ""
