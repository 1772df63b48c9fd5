from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from bgm2pose_jax.report import charts


def test_each_quantity_has_its_chart_and_validation_comes_first():
  lines = [
    {"step": s, "loss": 3 / s, "loss_pose": 1 / s, "gradient_norm": 2.0 * s}
    for s in range(1, 6)
  ]
  lines += [{"step": s, "validation_rmse": 1 / s} for s in (2, 4)]
  main, other = charts.curves_html(lines)
  titles = re.findall(r"<b>(.*?)</b>", main)
  assert titles == ["validation RMSE", "loss", "loss pose"]
  assert re.findall(r"<b>(.*?)</b>", other) == ["gradient norm"]


def test_train_and_validation_of_one_quantity_share_a_chart():
  lines = [{"step": s, "train_rmse": 1.0, "val_rmse": 2.0 / s} for s in (1, 2)]
  main, _ = charts.curves_html(lines)
  assert main.count("<svg") == 1
  assert main.count('class="curve') == 2


def test_values_that_are_not_numbers_are_left_out():
  lines = [
    {"step": 1, "loss": "nan", "x": True, "note": "<b>"},
    {"step": 2, "loss": 1.0, "x": True},
    {"loss": 5.0},
    {"step": "a", "loss": 5.0},
  ]
  assert charts.curves_html(lines) == ("", "")


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


@pytest.mark.parametrize(
  ("low", "high"), [(0, 1), (0.31, 0.32), (-5, 7), (3, 3), (0, 0), (1e-9, 2e-9)]
)
def test_ticks_cover_the_range_with_few_round_numbers(low, high):
  ticks = charts.round_ticks(low, high)
  assert ticks[0] <= low
  assert ticks[-1] >= high
  assert 2 <= len(ticks) <= 7
  assert len(set(ticks)) == len(ticks)


def test_joint_bars_scale_to_the_largest_and_mark_the_mean_pose():
  row = {"rmse": 1.0, "mae": 0.5, "pckh50": 0.1}
  text = charts.joint_bars(
    {"Hips": row}, {"Hips": {**row, "mae": 2.0}}, {"body": ["Hips", "Head"]}
  )
  assert "width:25.00%" in text
  assert "left:100.00%" in text
  assert "Head" not in text
  assert charts.joint_bars({}, {}, {"body": ["Hips"]}) == ""
