"""The paper's figures, each in its cell, from the rows as it prints them."""

from __future__ import annotations

import pytest

from bgm2pose_jax.systems.mapnet import published
from bgm2pose_jax.systems.mapnet.comparison import COMPARISON
from bgm2pose_jax.systems.mapnet.config import DATASETS, SIMULATED
from bgm2pose_jax.systems.mapnet.metrics import METRICS

ROWS = {
  "SMA": ("sma", "none"),
  "LSTM Po": ("lstm_pose", "none"),
  "LSTM PA": ("lstm_pose_audio", "none"),
  "PoT": ("pot", "none"),
  "MAPnet": ("mapnet", "none"),
  "w/o Rebalance": ("mapnet", "no_rebalancing"),
  "Early": ("mapnet", "early_fusion"),
  "Balanced": ("mapnet", "balanced_fusion"),
  "Late": ("mapnet", "none"),
}
# Table 2, at 50, 25 and 17 input frames per second.
MAIN = """
  SMA & 292.31 & 303.63 & 311.20
  LSTM Po & 345.86 & 341.80 & 338.17
  LSTM PA & 318.83 & 316.17 & 314.32
  PoT & 35.49 & 43.16 & 41.65
  w/o Rebalance & 26.68 & 28.16 & 31.35
  MAPnet & 26.69 & 26.62 & 26.60"""
OTHERS = {
  "mapnet_categories": """
    LSTM Po & 385.17 & 310.62 & 273.72
    LSTM PA & 351.83 & 263.41 & 259.50
    PoT & 46.27 & 44.43 & 29.01
    MAPnet & 27.76 & 22.29 & 19.05""",
  "mapnet_fusion": """
    Early & 32.20 & 44.37
    Balanced & 28.22 & 41.53
    Late & 26.60 & 37.51""",
  "mapnet_rebalancing": """
    w/o Rebalance & 28.39 & 45.55
    MAPnet & 26.60 & 37.51""",
}


def _lines(text):
  """((model, ablation), figures) of each row."""
  for line in text.strip().splitlines():
    name, *numbers = line.split("&")
    yield ROWS[name.strip()], [float(number) for number in numbers]


def _headline(*values):
  """A place for each headline figure: MPJPE, MPJAE, then nothing."""
  keys = [figure.key for figure in METRICS.figures]
  assert keys[:2] == ["mpjpe_mm", "mpjae_mm_per_frame2"]
  found = [(value, None) for value in values]
  return found + [None] * (len(keys) - len(found))


def test_the_first_figure_is_published_at_each_rate():
  for row, numbers in _lines(MAIN):
    for tau, number in zip(("1", "0.5", "0.33"), numbers, strict=True):
      keys = {"tau": tau, "place": ""}
      found = published.figures("mapnet_main", keys, f"tau {tau}", *row)
      assert found == _headline(number), row


@pytest.mark.parametrize("table", OTHERS)
def test_other_tables(table):
  for row, numbers in _lines(OTHERS[table]):
    found = published.figures(table, {"tau": "0.33"}, "tau 0.33", *row)
    if table in COMPARISON.by_group:
      assert found == [(number, None) for number in numbers], row
    else:
      assert found == _headline(*numbers), row


@pytest.mark.parametrize(
  ("table", "tau", "row"),
  [
    ("mapnet_main", "1", ("mapnet", "no_audio")),
    ("mapnet_main", "0.4", ("mapnet", "none")),
    ("mapnet_categories", "0.33", ("sma", "none")),
    ("mapnet_fusion", "0.33", ("pot", "none")),
    ("grid", "0.33", ("mapnet", "none")),
  ],
)
def test_what_was_not_published(table, tau, row):
  assert published.figures(table, {"tau": tau}, "", *row) is None


def test_columns_of_kinds_of_motion_are_in_the_order_of_the_figures():
  (grouped,) = COMPARISON.by_group.values()
  assert tuple(grouped.names) == published.CATEGORIES
  assert list(grouped.names.values()) == ["Fine", "Gross", "Inversions"]


def test_figures_stand_beside_their_data_alone():
  labels = {name: published.data_label(name, ()) for name in DATASETS}
  assert [label == published.DATA for label in labels.values()] == [
    name != SIMULATED for name in labels
  ]
