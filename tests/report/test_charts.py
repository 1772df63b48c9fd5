from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from bgm2pose_jax.report import charts


def test_points_land_where_the_axes_say():
  text = charts.line_chart("loss", [("train", [(0.0, 0.0), (10.0, 4.0)])])
  path = re.search(
    r'class="curve c0" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', text
  )
  x0, y0, x1, y1 = map(float, path.groups())
  assert (x0, x1) == (46, 328)
  assert (y0, y1) == (150, 10)
  ET.fromstring(text)


def test_names_are_escaped():
  text = charts.line_chart("<i>", [('"&', [(0, 1), (1, 2)]), ("b", [(0, 1)])])
  assert "<i>" not in text
  ET.fromstring(text)


def test_long_series_are_thinned_to_means_and_keep_their_end():
  points = [(float(i), float(i % 2)) for i in range(10_000)]
  thin = charts._thin(points)
  assert len(thin) <= 400
  assert thin[-1][0] == 9999
  assert all(0.4 < y < 0.6 for _, y in thin)


def test_bars_of_all_groups_have_one_scale():
  text = charts.bars(
    {
      "<a>": [charts.Bar("one", 0.5, '"', mark=2.0)],
      "b": [charts.Bar("two", 1.0)],
    }
  )
  drawn = ET.fromstring(text)
  assert [h.text for h in drawn.iter("h3")] == ["<a>", "b"]
  assert [b.get("style") for b in drawn.iter("b")] == [
    "width:25.00%",
    "width:50.00%",
  ]
  assert [i.get("style") for i in drawn.iter("i")] == ["left:100.00%"]
  assert charts.bars({}) == charts.bars({"a": [charts.Bar("x", 0.0)]}) == ""


def test_points_of_a_scatter_plot_stay_inside():
  points = [
    charts.Point(0.0, 0.0, "<start>"),
    charts.Point(10.0, 4.0, "top"),
    charts.Point(5.0, -99.0, "beyond", counts=False),
  ]
  text = charts.scatter(
    "x", points, x_end=10.0, y_top=4.0, x_unit="s", y_unit="m"
  )
  drawn = ET.fromstring(text)
  dots = list(drawn.iter("circle"))
  assert [(d.get("cx"), d.get("cy")) for d in dots] == [
    ("62.0", "121.0"),
    ("706.0", "12.0"),
    ("384.0", "230.0"),
  ]
  assert [d.get("class") for d in dots] == ["dot c0", "dot c0", "curve c2"]
  assert dots[0].find("title").text == "<start>"
