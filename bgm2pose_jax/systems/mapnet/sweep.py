"""The paper's tables 2 to 5, as cells that runs of a sweep fill."""

from __future__ import annotations

from bgm2pose_jax.contract.sweep import Cell, Sweep
from bgm2pose_jax.systems.mapnet.published import RATES

_LABELS = {
  "sma": "SMA",
  "nearest_take": "nearest training take",
  "lstm_pose": "LSTM Po",
  "lstm_pose_audio": "LSTM PA",
  "pot": "PoT",
  "mapnet": "MAPnet",
  "no_rebalancing": "w/o rebalancing",
  "early_fusion": "early fusion",
  "balanced_fusion": "balanced fusion",
  "no_audio": "w/o sound",
  "shuffled_audio": "another window's sound",
  "random_variant": "split by variant",
  "player": "split by player",
}
_TRAINED = ("lstm_pose", "lstm_pose_audio", "pot", "mapnet")


def _labels(cell: Cell) -> tuple[str, str]:
  """Labels of a cell's row and column.

  Other splits test other windows, which have baselines of their own: a column.
  """
  label = _LABELS[cell["model"]]
  ablation = cell.get("ablation", "none")
  if ablation != "none":
    label = f"{label} {_LABELS[ablation]}"
  column = f"tau {cell.get('tau', '0.33')}"
  by = cell.get("split_by", "take")
  return label, column if by == "take" else f"{column}, {_LABELS[by]}"


def _at_rates(model: str, ablation: str = "none") -> list[Cell]:
  return [{"tau": t, "model": model, "ablation": ablation} for t in RATES]


SWEEP = Sweep(
  tables={
    "mapnet_main": [
      *_at_rates("lstm_pose"),
      *_at_rates("lstm_pose_audio"),
      *_at_rates("pot"),
      *_at_rates("mapnet", "no_rebalancing"),
      *_at_rates("mapnet"),
      # As in the paper: every test window's clean target is in training.
      {"tau": "0.33", "model": "mapnet", "split_by": "random_variant"},
    ],
    "mapnet_categories": [
      {"tau": "0.33", "model": model} for model in _TRAINED
    ],
    "mapnet_fusion": [
      {"tau": "0.33", "model": "mapnet", "ablation": ablation}
      for ablation in ("early_fusion", "balanced_fusion", "none")
    ],
    "mapnet_rebalancing": [
      {"tau": "0.33", "model": "mapnet", "ablation": ablation}
      for ablation in ("no_rebalancing", "none")
    ],
  },
  axes={"tau": ("0.33",), "model": ("mapnet",)},
  varied={"ablation": "", "split_by": ""},
  labels=_labels,
  keys=("tau", "place"),
)
