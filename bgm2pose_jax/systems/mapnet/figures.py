"""What results.json and predictions.npz hold of a run of MAPnet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.data.split import Split
from bgm2pose_jax.evaluation import figures
from bgm2pose_jax.evaluation.bootstrap import Blocks
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet import noise
from bgm2pose_jax.systems.mapnet.metrics import METRICS
from bgm2pose_jax.systems.mapnet.table import TakeWindows

SEEN_TARGETS = (
  "split_by=random_variant: the clean target of nearly every test window is in "
  "training, with other noise"
)
DEFINITIONS = {
  "unit": "millimetres; y up, origin at the median left toe of the take",
  "mpjpe_mm": "mean distance of joints, over joints and frames, not aligned",
  "mpjae_mm_per_frame2": "mean length of the difference of second differences "
  "in time (a frame is 20 ms)",
  "mpjve_mm_per_frame": "the same of first differences",
  "mpjpe_root_mm": "mean distance after both poses' mid hips are put together",
  "mpjpe_procrustes_mm": "mean distance after the best rotation, scale and "
  "shift of each frame",
  "per_category": "fine: the third of test windows with most acceleration of "
  "the right wrist; gross: the third with least; inversions: windows in which "
  "joints are swapped. A window may be in two",
  "improvement_pct": "reduction against the raw input, in percent of it",
  "interval_95": "2.5 and 97.5 percentiles over bootstrap resamples of takes, "
  "long ones in parts, all variants together",
  "nearest_take": "the clean training window nearest to the raw input: what "
  "memorising would give",
}
_WRIST = BODY13.index("RMWR")
_CHUNK = 1024


def head(split: Split) -> dict[str, Any]:
  """The split's entries of results.json."""
  seen = split.fold_by == "random_variant"
  return {
    **figures.split_names(split),
    "targets_in_training": SEEN_TARGETS if seen else None,
  }


def wrist_energy(pose_m: np.ndarray) -> np.ndarray:
  """Mean squared acceleration of the right wrist in each window.

  Args:
    pose_m: [n, t, joint, 3], metres.

  Returns:
    float64 [n], (m per frame^2)^2.
  """
  wrist = np.asarray(pose_m[:, :, _WRIST], np.float64)
  return np.square(np.diff(wrist, n=2, axis=1)).sum(axis=-1).mean(axis=-1)


def categories(table: TakeWindows, rows: np.ndarray) -> dict[str, np.ndarray]:
  """Which test windows are fine, gross or inverted.

  Args:
    table: the windows.
    rows: int [n] test rows.

  Returns:
    {category: bool [n]}; one without windows is left out.
  """
  energy = np.concatenate(
    [
      wrist_energy(table.pose[rows[start : start + _CHUNK]])
      for start in range(0, len(rows), _CHUNK)
    ]
  )
  low, high = np.quantile(energy, [1 / 3, 2 / 3])
  found = {
    "fine": energy > high,
    "gross": energy < low,
    "inversions": noise.are_events(table.swaps[rows]).any(axis=1),
  }
  return {name: members for name, members in found.items() if members.any()}


def predictions(
  table: TakeWindows, rows: np.ndarray, predicted: np.ndarray
) -> dict[str, np.ndarray]:
  """Arrays of `predictions.npz`; `pred` and `target` are [n, t, joint, 3]."""
  names = ("take", "player", "technique", "variant", "recording")
  return figures.predictions(table, rows, predicted, names)


BASELINES = {
  "raw": "raw input",
  "sma": "moving average",
  "nearest_take": "nearest training take",
}


def verdict(results: Mapping[str, Any]) -> str:
  """What the figures say, in a sentence.

  Args:
    results: content of `results.json`.
  """
  own = results["mpjpe_mm"]
  raw, sma, nearest = (
    results[name]["mpjpe_mm"] for name in ("raw", "sma", "nearest_take")
  )
  text = f"Joints lie {own / 10:.1f} cm off on average"
  if results["model"] in BASELINES:
    return f"{text}."
  text += (
    f": {raw / own:.1f} times nearer than in the input, {sma / own:.1f} times "
    "nearer than after a moving average"
  )
  if own >= nearest:
    return f"{text}. The nearest training take is as near: nothing was learnt."
  return f"{text}, and nearer than the nearest training take."


FIGURES = figures.Figures(
  metrics=METRICS,
  baselines=BASELINES,
  improved=("mpjpe_mm", "mpjae_mm_per_frame2"),
  groups={
    "per_category": categories,
    "per_player": "player",
    "per_technique": "technique",
  },
  # Ten variants of the 18 windows of a take of 20 s.
  blocks=Blocks(column="take", windows=180, stretch="a take or part of one"),
  kept=(
    "mpjve_mm_per_frame",
    "mpjpe_root_mm",
    "mpjpe_procrustes_mm",
    "per_joint",
  ),
  head=head,
  definitions=DEFINITIONS,
  verdict=verdict,
)
