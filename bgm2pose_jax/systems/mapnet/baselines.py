"""What stands beside every model: the input, its average, a training take."""

from __future__ import annotations

import jax
import numpy as np

from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.data.split import Split
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.systems.mapnet import nearest_take, noise, smoothing
from bgm2pose_jax.systems.mapnet.config import Config
from bgm2pose_jax.systems.mapnet.table import TakeWindows
from bgm2pose_jax.systems.mapnet.task import poor_poses

_CHUNK = 256
_FIELDS = ("pose", "swaps", "noise_key", "first_frame")


def input_poses(table: TakeWindows, rows: np.ndarray, tau: float) -> np.ndarray:
  """The poor poses that a network is given of each window.

  Args:
    table: the windows.
    rows: int [n] rows of the table.
    tau: input frames for each output frame.

  Returns:
    float32 [n, t_in, joint, 3], metres.
  """
  make = jax.jit(lambda batch: noise.keep_frames(poor_poses(batch), tau))
  parts = []
  for start in range(0, len(rows), _CHUNK):
    chosen = rows[start : start + _CHUNK]
    # The last chunk repeats its last row: one compiled shape for all.
    padded = np.pad(chosen, (0, _CHUNK - len(chosen)), mode="edge")
    batch = {name: table.column(name)[padded] for name in _FIELDS}
    parts.append(np.asarray(make(batch))[: len(chosen)])
  return np.concatenate(parts)


def all_baselines(
  config: Config, table: TakeWindows, rows: Rows, split: Split
) -> dict[str, Prediction]:
  """Predicts the test rows without training.

  Args:
    config: the run's configuration; `data.tau` is read.
    table: the windows.
    rows: training rows are searched, test rows predicted.
    split: the run's split.

  Returns:
    'raw' (the input, interpolated), 'sma' (its moving average) and
    'nearest_take' (the clean training window that is nearest to the input: an
    oracle that shows what memorising would give).
  """
  del split
  poor = input_poses(table, rows.test, config.data.tau)
  # Variants of a window have the same clean pose: one of each is enough.
  clean = _distinct(table, rows.train)
  nearest, _ = nearest_take.nearest_take(poor, table.pose[clean])
  return {
    "raw": Prediction(smoothing.interpolated(poor), {}, 0),
    "sma": Prediction(smoothing.smoothed(poor), {}, 0),
    "nearest_take": Prediction(nearest, {"searched": len(clean)}, 0),
  }


def _distinct(table: TakeWindows, rows: np.ndarray) -> np.ndarray:
  """The first row of each (take, window) among rows."""
  pairs = np.stack([table.take[rows], table.window_index[rows]], axis=1)
  _, first = np.unique(pairs, axis=0, return_index=True)
  return rows[np.sort(first)]
