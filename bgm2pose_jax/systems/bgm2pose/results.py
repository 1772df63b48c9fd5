"""`results.json` and `predictions.npz`: what a run found, byte for byte.

Nothing here depends on the clock, the host or the folder, so the same run
(device type, core count, versions) writes the same bytes again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.evaluation.bootstrap import bootstrap_interval
from bgm2pose_jax.files import whole_file
from bgm2pose_jax.systems.bgm2pose.baselines import Prediction
from bgm2pose_jax.systems.bgm2pose.metrics import pose_metrics
from bgm2pose_jax.systems.bgm2pose.splits import MusicSplit
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows

BASELINES = ("mean_pose", "ridge", "music_only")
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


def build_results(
  *,
  config: Mapping[str, Any],
  split: MusicSplit,
  table: MusicWindows,
  rows: np.ndarray,
  predicted: np.ndarray,
  baselines: Mapping[str, Prediction] | None,
  parameters: int,
  steps: int,
  extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
  """Assembles the contents of `results.json`.

  Args:
    config: `config.to_dict` of the run's config.
    split: who trained and who tests.
    table: the windows.
    rows: int [n] test rows.
    predicted: [n, 12, 21, 3] the model's poses for `rows`.
    baselines: from `baselines.all_baselines`; None where the recordings have
      no ground truth, which leaves every figure None.
    parameters: of the model.
    steps: optimiser steps done.
    extra: entries of the task's own; may not replace one made here.

  Returns:
    A JSON-ready dict.

  Raises:
    ValueError: shapes that differ, values that are not finite, or an `extra`
      entry that exists already.
  """
  head: dict[str, Any] = {
    "setting": split.setting,
    "fold": int(split.fold),
    "fold_by": split.fold_by,
    "seed": int(config["seed"]),
    "model": config["model"],
    "ablation": config["ablation"],
    "preset": config["preset"],
    "dataset": config["data"]["dataset"],
    "fingerprint": table.fingerprint,
    "recordings_digest": table.recordings_digest,
    "simulated": bool(table.simulated),
    "train_tracks": list(split.train_tracks),
    "train_subjects": list(split.train_subjects),
    "test_tracks": list(split.test_tracks),
    "test_subjects": list(split.test_subjects),
    "windows": len(rows),
    "parameters": int(parameters),
    "steps": int(steps),
    "ground_truth": baselines is not None,
    "definitions": DEFINITIONS,
  }
  if baselines is None:
    head["definitions"] = {"unit": DEFINITIONS["unit"]}
    body = _without_ground_truth()
  else:
    target = table.pose[rows]
    for name, array in {
      "predicted": predicted,
      "target": target,
      **{name: b.pose for name, b in baselines.items()},
    }.items():
      if array.shape != target.shape:
        raise ValueError(f"{name}: shape {array.shape}, not {target.shape}")
      if not np.isfinite(array).all():
        raise ValueError(f"{name} holds values that are not finite")
    columns = _names(table, rows)
    body = _figures(predicted, target, baselines)
    body["per_track"] = _by(columns["track"], predicted, target, baselines)
    body["per_subject"] = _by(columns["subject"], predicted, target, baselines)
    body["interval_95"] = bootstrap_interval(
      predicted,
      target,
      baselines["mean_pose"].pose,
      columns["recording"],
      table.window_index[rows],
      seed=int(config["seed"]),
    )
  results = {**head, **body}
  for key, value in (extra or {}).items():
    if key in results:
      raise ValueError(f"extra entry {key!r} exists already")
    results[key] = value
  return results


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
  return {**arrays, **_names(table, rows)}


def _names(table: MusicWindows, rows: np.ndarray) -> dict[str, np.ndarray]:
  """The names behind the table's codes, each text [n]."""
  return {
    column: table.named(column, rows)
    for column in ("track", "subject", "recording", "label")
  }


def _without_ground_truth() -> dict[str, Any]:
  empty = dict.fromkeys(("rmse", "mae", "pckh50"))
  return {
    **empty,
    **{name: dict(empty) for name in BASELINES},
    "per_part": {},
    "per_joint": {},
    "per_track": {},
    "per_subject": {},
  }


def _figures(
  pred: np.ndarray,
  target: np.ndarray,
  baselines: Mapping[str, Prediction],
) -> dict[str, Any]:
  """Overall, per part and per joint, beside the baselines."""
  out = _metrics(pred, target)
  for name in BASELINES:
    figures = _metrics(baselines[name].pose, target)
    out[name] = {
      **{key: figures[key] for key in ("rmse", "mae", "pckh50")},
      "per_part": figures["per_part"],
      "per_joint": figures["per_joint"],
      **baselines[name].facts,
    }
  reference = out["mean_pose"]
  for row in (out, *(out[name] for name in BASELINES[1:])):
    row["improvement_pct"] = {
      key: _gain(row[key], reference[key]) for key in ("rmse", "mae")
    }
  return out


def _metrics(pred: np.ndarray, target: np.ndarray) -> dict[str, Any]:
  return _floats(pose_metrics(pred, target))


def _floats(value: Any) -> Any:
  """Nested dict of Python floats."""
  if isinstance(value, Mapping):
    return {str(key): _floats(item) for key, item in value.items()}
  return float(value)


def _gain(value: float, reference: float) -> float | None:
  """Reduction in percent; None where the reference makes no error."""
  if not reference:
    return None
  return 100.0 * (1.0 - value / reference)


def _by(
  names: np.ndarray,
  pred: np.ndarray,
  target: np.ndarray,
  baselines: Mapping[str, Prediction],
) -> dict[str, Any]:
  """Figures of each group of windows, with the mean pose beside them."""
  keys = ("rmse", "mae", "pckh50")
  out = {}
  for name in sorted(set(names.tolist())):
    rows = names == name
    own = _metrics(pred[rows], target[rows])
    mean = _metrics(baselines["mean_pose"].pose[rows], target[rows])
    out[name] = {
      **{key: own[key] for key in keys},
      "mean_pose": {key: mean[key] for key in keys},
      "windows": int(rows.sum()),
    }
  return out


def write_results(path: str | os.PathLike[str], results: Any) -> None:
  """Writes sorted, indented JSON in one atomic step.

  Args:
    path: file to write or replace.
    results: JSON-ready.

  Raises:
    ValueError: a number that is not finite.
  """
  text = json.dumps(results, sort_keys=True, indent=2, allow_nan=False)
  whole_file.write_text(path, text + "\n")
