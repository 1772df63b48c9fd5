"""What results.json and predictions.npz hold of a run of BGM2Pose."""

from __future__ import annotations

from typing import Any

import numpy as np

from bgm2pose_jax.evaluation.figures import Figures
from bgm2pose_jax.systems.bgm2pose.metrics import METRICS
from bgm2pose_jax.systems.bgm2pose.splits import MusicSplit
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

DEFINITIONS = {
  "unit": (
    "hip-spine lengths (about 9.21 cm in AMPL); hips at the origin in x and z, "
    "lowest joint at y = 0"
  ),
  "rmse": "square root of the mean squared error over every coordinate of "
  "every joint and frame",
  "mae": "mean absolute error over every coordinate of every joint and frame",
  "pckh50": "share of joints closer than half the neck-head distance of the "
  "ground truth in that frame, averaged over frames, then joints",
  "improvement_pct": "reduction against the mean pose, in percent of it",
  "interval_95": "2.5 and 97.5 percentiles over bootstrap resamples of "
  "contiguous blocks of windows, each within one recording",
}


def head(split: MusicSplit) -> dict[str, Any]:
  """The split's entries of results.json."""
  return {
    "setting": split.setting,
    "train_tracks": list(split.train_tracks),
    "train_subjects": list(split.train_subjects),
    "test_tracks": list(split.test_tracks),
    "test_subjects": list(split.test_subjects),
  }


FIGURES = Figures(
  metrics=METRICS,
  baselines={
    "mean_pose": "mean pose",
    "music_only": "music only, ridge",
    "ridge": "ridge, 5 frames",
  },
  improved=("rmse", "mae"),
  groups={"per_track": "track", "per_subject": "subject"},
  kept=("per_part", "per_joint"),
  head=head,
  definitions=DEFINITIONS,
)


def predictions(
  table: MusicWindows, rows: np.ndarray, predicted: np.ndarray
) -> dict[str, np.ndarray]:
  """The arrays of `predictions.npz`.

  Args:
    table: the windows.
    rows: int [n] test rows.
    predicted: [n, 12, 21, 3].

  Returns:
    pred and, where every row has one, target (float32 [n, 12, 21, 3]);
    window_index (int32 [n]); track, subject, recording, label (text [n]).
  """
  arrays: dict[str, np.ndarray] = {"pred": np.asarray(predicted, np.float32)}
  if table.has_pose[rows].all():
    arrays["target"] = np.asarray(table.pose[rows], np.float32)
  arrays["window_index"] = np.asarray(table.window_index[rows], np.int32)
  for name in ("track", "subject", "recording", "label"):
    arrays[name] = table.named(name, rows)
  return arrays
