"""A results.json and its predictions, written by hand, for report tests."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.body21 import BODY21


def figures(rmse, **more):
  """One block of figures; the parts and joints repeat the whole."""
  row = {
    "mpjpe_cm": 10 * rmse,
    "rmse": rmse,
    "mae": rmse / 2,
    "pckh50": 0.512,
  }
  return {
    **row,
    "per_part": {part: row for part in BODY21.parts},
    "per_joint": {joint: row for joint in BODY21.joints},
    "improvement_pct": {
      "mpjpe_cm": 100 * (1 - rmse),
      "rmse": 100 * (1 - rmse),
      "mae": None,
    },
    **more,
  }


def make_results(**changes):
  """A finished run of the demo, with `changes` laid over it."""
  return {
    **figures(0.75),
    "setting": "single",
    "fold": 2,
    "seed": 0,
    "model": "bgm2pose",
    "ablation": "none",
    "preset": "demo",
    "dataset": "ampl/simulated",
    "simulated": True,
    "test_tracks": ["haze"],
    "test_subjects": ["s1"],
    "windows": 12,
    "mean_pose": figures(1.0, improvement_pct=None),
    "ridge": figures(0.8),
    "music_only": figures(1.01),
    "interval_95": {
      "blocks": 4,
      "mpjpe_cm": [7.0, 8.0],
      "rmse": [0.7, 0.8],
      "mae": [0.3, 0.4],
      "pckh50": [0.4, 0.6],
      "improvement_pct": {
        "mpjpe_cm": [21.0, 29.0],
        "rmse": [20.0, 30.0],
      },
    },
    "per_track": {},
    "per_subject": {},
    "definitions": {},
    **changes,
  }


def make_predictions(pred, *, subject="s1", target=True):
  """Arrays of predictions.npz for `pred` [n, 12, 21, 3]."""
  n = len(pred)
  arrays = {
    "pred": pred,
    "track": np.full(n, "haze"),
    "recording": np.full(n, "a"),
    "subject": np.full(n, subject),
    "window_index": np.arange(n, dtype=np.int32),
  }
  return {**arrays, "target": pred + np.float32(1)} if target else arrays
