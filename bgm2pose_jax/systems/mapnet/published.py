"""Figures of the paper, in millimetres (arXiv 2203.12829, tables 2 to 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bgm2pose_jax.contract.comparison import Published
from bgm2pose_jax.systems.mapnet.config import TELMI
from bgm2pose_jax.systems.mapnet.metrics import METRICS

SOURCE = (
  "Shrestha et al., arXiv 2203.12829, tables 2 to 5; split by random variant"
)
DATA = "TELMI"
RATES = ("1", "0.5", "0.33")
CATEGORIES = ("fine", "gross", "inversions")

_KEYS = ("mpjpe_mm", "mpjae_mm_per_frame2")
# {(model, ablation): MPJPE at each of RATES}.
_BY_RATE = {
  ("sma", "none"): (292.31, 303.63, 311.20),
  ("lstm_pose", "none"): (345.86, 341.80, 338.17),
  ("lstm_pose_audio", "none"): (318.83, 316.17, 314.32),
  ("pot", "none"): (35.49, 43.16, 41.65),
  ("mapnet", "no_rebalancing"): (26.68, 28.16, 31.35),
  ("mapnet", "none"): (26.69, 26.62, 26.60),
}
# {model: MPJPE in each of CATEGORIES}.
_BY_CATEGORY = {
  "lstm_pose": (385.17, 310.62, 273.72),
  "lstm_pose_audio": (351.83, 263.41, 259.50),
  "pot": (46.27, 44.43, 29.01),
  "mapnet": (27.76, 22.29, 19.05),
}
# {table: {(model, ablation): figures of _KEYS}}; the whole model fuses late.
_TABLES = {
  "mapnet_fusion": {
    ("mapnet", "early_fusion"): (32.20, 44.37),
    ("mapnet", "balanced_fusion"): (28.22, 41.53),
    ("mapnet", "none"): (26.60, 37.51),
  },
  "mapnet_rebalancing": {
    ("mapnet", "no_rebalancing"): (28.39, 45.55),
    ("mapnet", "none"): (26.60, 37.51),
  },
}


def data_label(dataset: str, sections: Sequence[str]) -> str:
  """Kind of the recordings, for readers."""
  del sections
  return DATA if dataset == TELMI else dataset


def figures(
  table: str, keys: Mapping[str, str], column: str, model: str, ablation: str
) -> Published | None:
  """Published means of a cell; none has a deviation.

  Each has a place for each headline figure, None where that was not published;
  in `mapnet_categories` there is MPJPE in each of CATEGORIES.

  Args:
    table: name of the sweep's table.
    keys: what `sweep.json` says of the run; `tau` is read.
    column: label of the cell's column.
    model: the row's model or baseline.
    ablation: the row's ablation.
  """
  del column
  if table == "mapnet_categories":
    numbers = _BY_CATEGORY.get(model, ()) if ablation == "none" else ()
    return [(number, None) for number in numbers] or None
  if table == "mapnet_main":
    at_rates = dict(zip(RATES, _BY_RATE.get((model, ablation), ())))
    numbers = (at_rates[keys["tau"]],) if keys["tau"] in at_rates else ()
  else:
    numbers = _TABLES.get(table, {}).get((model, ablation), ())
  found = dict(zip(_KEYS, numbers))
  if not found:
    return None
  return [
    (found[figure.key], None) if figure.key in found else None
    for figure in METRICS.figures
  ]
