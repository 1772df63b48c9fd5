"""The paper's figures on AMPL, to stand beside our own (IEEE OJSP 2026).

Means and deviations over three seeds; noise and ablations were printed without
deviations. Whether settings with several test tracks average them is not said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bgm2pose_jax.systems.bgm2pose import splits

# RMSE, MAE and PCKh@0.5, each with its deviation over seeds.
Figures = tuple[tuple[float, float | None], ...]
# MPJPE, which the paper does not have, stands before them in tables.
OfTable = tuple[tuple[float, float | None] | None, ...]

SOURCE = (
  "BGM2Pose, IEEE OJSP vol. 7, 2026 (arXiv 2503.00389); ± over three seeds "
  "where printed"
)
# What tables call the data that these figures are of.
DATA = "AMPL"

# (model, ablation) -> the name that the paper has for it.
METHODS = {
  ("wipose", "none"): "Jiang et al.",
  ("speech2gesture", "none"): "Ginosar et al.",
  ("acousticpose", "none"): "Shibata et al.",
  ("bgm2pose", "none"): "BGM2Pose",
  ("bgm2pose", "no_cpe"): "w/o CPE",
  ("bgm2pose", "no_hard_negatives"): "w/o hard negatives",
  ("bgm2pose", "no_fa"): "w/o FA",
  ("bgm2pose", "no_bgm"): "w/o BGM conditioning",
}


def _plain(rmse: float, mae: float, pckh50: float) -> Figures:
  return ((rmse, None), (mae, None), (pckh50, None))


_FIGURES: dict[str, dict[str, Figures]] = {
  "single": {
    "Jiang et al.": ((1.338, 0.042), (0.768, 0.033), (0.251, 0.034)),
    "Ginosar et al.": ((1.223, 0.026), (0.666, 0.016), (0.379, 0.023)),
    "Shibata et al.": ((1.090, 0.024), (0.574, 0.016), (0.468, 0.007)),
    "BGM2Pose": ((0.923, 0.013), (0.453, 0.006), (0.573, 0.005)),
    "w/o CPE": _plain(0.945, 0.481, 0.531),
    "w/o hard negatives": _plain(0.928, 0.457, 0.566),
    "w/o FA": _plain(1.025, 0.509, 0.536),
    "w/o BGM conditioning": _plain(0.970, 0.484, 0.537),
  },
  "cross_music": {
    "Jiang et al.": ((1.417, 0.025), (0.800, 0.012), (0.272, 0.008)),
    "Ginosar et al.": ((1.274, 0.022), (0.682, 0.011), (0.375, 0.017)),
    "Shibata et al.": ((1.110, 0.024), (0.556, 0.014), (0.499, 0.008)),
    "BGM2Pose": ((1.036, 0.033), (0.494, 0.018), (0.570, 0.011)),
    "w/o CPE": _plain(1.024, 0.501, 0.547),
    "w/o hard negatives": _plain(1.065, 0.506, 0.559),
    "w/o FA": _plain(1.210, 0.593, 0.512),
    "w/o BGM conditioning": _plain(1.075, 0.522, 0.543),
  },
  "cross_genre": {
    "Jiang et al.": ((1.418, 0.080), (0.849, 0.080), (0.221, 0.073)),
    "Ginosar et al.": ((1.326, 0.073), (0.727, 0.041), (0.360, 0.002)),
    "Shibata et al.": ((1.112, 0.020), (0.595, 0.015), (0.376, 0.019)),
    "BGM2Pose": ((1.065, 0.070), (0.543, 0.041), (0.463, 0.026)),
  },
  "single, 10 dB": {
    "Jiang et al.": _plain(1.567, 0.931, 0.095),
    "Ginosar et al.": _plain(1.389, 0.796, 0.262),
    "Shibata et al.": _plain(1.328, 0.737, 0.354),
    "BGM2Pose": _plain(1.202, 0.637, 0.430),
  },
}


def data_label(dataset: str, tracks: Sequence[str]) -> str:
  """What tables call recordings that no simulator made.

  Args:
    dataset: name of the dataset.
    tracks: the tracks that were trained or tested on.
  """
  is_ampl = dataset in ("ampl/released", "ampl/raw")
  if is_ampl and tracks and set(tracks) <= set(splits.AMPL_GENRES):
    return DATA
  return "OTHER RECORDINGS, not AMPL"


def figures(
  table: str, keys: Mapping[str, str], column: str, model: str, ablation: str
) -> OfTable | None:
  """Returns the paper's figures for a cell, None where it printed none.

  Args:
    table: the sweep's table; a grid varies what the paper held fixed.
    keys: the keys of the column's runs, see `sweep.SWEEP`; `setting` is read.
    column: its label; a noise level is read from it, as "10 dB".
    model: the model of the row's runs, or a baseline.
    ablation: the ablation of the row's runs.
  """
  method = METHODS.get((model, ablation))
  if table == "grid" or method is None:
    return None
  noise = re.search(r"(-?\d+(?:\.\d+)?)\s*dB\b", column)
  condition = keys["setting"]
  if noise:
    condition += f", {float(noise.group(1)):g} dB"
  found = _FIGURES.get(condition, {}).get(method)
  return None if found is None else (None, *found)
