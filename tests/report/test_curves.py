from __future__ import annotations

import re

from bgm2pose_jax.report import curves

TITLES = {"rmse": "RMSE"}


def test_each_quantity_has_its_chart_and_validation_comes_first():
  lines = [
    {"step": s, "loss": 3 / s, "loss_pose": 1 / s, "gradient_norm": 2.0 * s}
    for s in range(1, 6)
  ]
  lines += [{"step": s, "validation_rmse": 1 / s} for s in (2, 4)]
  main, other = curves.curve_charts(lines, TITLES)
  titles = re.findall(r"<b>(.*?)</b>", main)
  assert titles == ["validation RMSE", "loss", "loss pose"]
  assert re.findall(r"<b>(.*?)</b>", other) == ["gradient norm"]


def test_train_and_validation_of_one_quantity_share_a_chart():
  lines = [{"step": s, "train_rmse": 1.0, "val_rmse": 2.0 / s} for s in (1, 2)]
  main, _ = curves.curve_charts(lines, TITLES)
  assert main.count("<svg") == 1
  assert main.count('class="curve') == 2


def test_values_that_are_not_numbers_are_left_out():
  lines = [
    {"step": 1, "loss": "nan", "x": True, "note": "<b>"},
    {"step": 2, "loss": 1.0, "x": True},
    {"loss": 5.0},
    {"step": "a", "loss": 5.0},
  ]
  assert curves.curve_charts(lines, TITLES) == ("", "")
  assert curves.panels(lines, TITLES) == []


def test_figures_stand_in_the_order_of_their_titles():
  lines = [{"step": s, "val_a": 1, "val_b": 2, "val_c": 3} for s in (1, 2)]
  (panel,) = curves.panels(lines, {"c": "C!", "b": "B!"})
  titles = re.findall(r"<b>(.*?)</b>", panel.html)
  assert titles == ["validation C!", "validation B!", "validation a"]
