"""Tables of many runs: MAPnet, its ablations and what it is compared with."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.contract.comparison import (
  ByName,
  Comparison,
  Curve,
  GroupTable,
  Literature,
)
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet import published
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES


def _frames(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
  """MPJPE in millimetres at each frame of the window, [t]."""
  total = np.zeros(pred.shape[1])
  for start in range(0, len(pred), 256):
    part = slice(start, start + 256)
    off = pred[part].astype(np.float64) - target[part]
    total += np.linalg.norm(off, axis=-1).sum(axis=(0, 2))
  return 1000 * total / (len(pred) * pred.shape[2])


COMPARISON = Comparison(
  heading="Poses refined by sound: models compared",
  titles={
    "mapnet_main": "Models compared at three input rates (table 2)",
    "mapnet_categories": "Models compared by kind of motion (table 3)",
    "mapnet_fusion": "Depth before and after fusion (table 4)",
    "mapnet_rebalancing": "With and without rebalancing (table 5)",
  },
  whole=("mapnet", "none"),
  window=(WINDOW_FRAMES, BODY13.num_joints, 3),
  by_group={
    "mapnet_categories": GroupTable(
      block="per_category",
      figure="mpjpe_mm",
      names={"fine": "Fine", "gross": "Gross", "inversions": "Inversions"},
    )
  },
  data_label=published.data_label,
  literature=Literature(
    source=published.SOURCE, data=published.DATA, figures=published.figures
  ),
  by_name=(
    ByName(
      title="Error by kind of motion (MPJPE, mm)",
      block="per_category",
      figure="mpjpe_mm",
      names=published.CATEGORIES,
    ),
    ByName(
      title="Error of each joint (MPJPE, mm)",
      block="per_joint",
      figure="mpjpe_mm",
      names=BODY13.joints,
      is_marked=True,
    ),
  ),
  curve=Curve(
    title="Error over the window (MPJPE, mm)", x_name="frame", values=_frames
  ),
)
