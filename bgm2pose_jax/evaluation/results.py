"""`results.json`: what a run found, byte for byte.

Nothing here depends on the clock, the host or the folder, so the same run
(device type, core count, versions) writes the same bytes again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from bgm2pose_jax.data.split import Split
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.evaluation.bootstrap import bootstrap_interval
from bgm2pose_jax.evaluation.figures import Figures
from bgm2pose_jax.evaluation.metrics import measure
from bgm2pose_jax.files import whole_file


def build(
  figures: Figures,
  *,
  config: Mapping[str, Any],
  dataset: str,
  split: Split,
  table: WindowTable,
  rows: np.ndarray,
  predicted: np.ndarray,
  baselines: Mapping[str, Prediction] | None,
  parameters: int,
  steps: int,
) -> dict[str, Any]:
  """Assembles the contents of `results.json`.

  Args:
    figures: the system's figures.
    config: `schema.to_dict` of the run's configuration.
    dataset: name of the data.
    split: who trained and who tests.
    table: the windows.
    rows: int [n] test rows.
    predicted: [n, ...] the model's values for `rows`.
    baselines: predictions of the same rows; None without ground truth, which
      leaves every figure None.
    parameters: number of the model's parameters.
    steps: optimiser steps done.

  Returns:
    A JSON-ready dict.

  Raises:
    ValueError: shapes that differ, or values that are not finite.
  """
  head: dict[str, Any] = {
    "fold": int(split.fold),
    "fold_by": split.fold_by,
    "seed": int(config["seed"]),
    "model": config["model"],
    "ablation": config["ablation"],
    "preset": config["preset"],
    "dataset": dataset,
    "fingerprint": table.fingerprint,
    "recordings_digest": table.recordings_digest,
    "simulated": bool(table.simulated),
    **figures.head(split),
    "windows": len(rows),
    "parameters": int(parameters),
    "steps": int(steps),
    "ground_truth": baselines is not None,
    "definitions": dict(figures.definitions),
  }
  if baselines is None:
    known = figures.definitions.items()
    head["definitions"] = {key: text for key, text in known if key == "unit"}
    return {**head, **_without_ground_truth(figures)}
  target = table.column(table.columns.target)[rows]
  _check(target, predicted, baselines)
  body = _all_figures(figures, predicted, target, baselines)
  for key, grouping in figures.groups.items():
    if isinstance(grouping, str):
      members = _named(table.named(grouping, rows))
    else:
      members = grouping(table, rows)
    body[key] = _by(figures, members, predicted, target, baselines)
  reference = next(iter(figures.baselines))
  body["interval_95"] = bootstrap_interval(
    figures.metrics,
    predicted,
    target,
    baselines[reference].values,
    table.named(figures.blocks.column, rows),
    table.window_index[rows],
    block_windows=figures.blocks.windows,
    improved=figures.improved,
    seed=int(config["seed"]),
  )
  whole = {**head, **body}
  if verdict := figures.verdict(whole):
    whole["verdict"] = verdict
  return whole


def _check(
  target: np.ndarray,
  predicted: np.ndarray,
  baselines: Mapping[str, Prediction],
) -> None:
  arrays = {"predicted": predicted, "target": target}
  arrays |= {name: each.values for name, each in baselines.items()}
  for name, array in arrays.items():
    if array.shape != target.shape:
      raise ValueError(f"{name}: shape {array.shape}, not {target.shape}")
    if not np.isfinite(array).all():
      raise ValueError(f"{name} holds values that are not finite")


def _without_ground_truth(figures: Figures) -> dict[str, Any]:
  empty = {figure.key: None for figure in figures.metrics.figures}
  return {
    **empty,
    **{name: dict(empty) for name in figures.baselines},
    **{key: {} for key in (*figures.kept, *figures.groups)},
  }


def _all_figures(
  figures: Figures,
  predicted: np.ndarray,
  target: np.ndarray,
  baselines: Mapping[str, Prediction],
) -> dict[str, Any]:
  """The model's figures, beside those of the baselines."""
  keys = [figure.key for figure in figures.metrics.figures]
  out = measure(figures.metrics, predicted, target)
  for name in figures.baselines:
    found = measure(figures.metrics, baselines[name].values, target)
    out[name] = {
      **{key: found[key] for key in (*keys, *figures.kept)},
      **baselines[name].facts,
    }
  first, *others = figures.baselines
  for row in (out, *(out[name] for name in others)):
    row["improvement_pct"] = {
      key: _gain(row[key], out[first][key]) for key in figures.improved
    }
  return out


def _gain(value: float, reference: float) -> float | None:
  """Reduction in percent; None where the reference makes no error."""
  if not reference:
    return None
  return 100.0 * (1.0 - value / reference)


def _named(names: np.ndarray) -> dict[str, np.ndarray]:
  """{name: which windows have it, bool [n]}, in order of the names."""
  return {name: names == name for name in sorted(set(names.tolist()))}


def _by(
  figures: Figures,
  members: Mapping[str, np.ndarray],
  predicted: np.ndarray,
  target: np.ndarray,
  baselines: Mapping[str, Prediction],
) -> dict[str, Any]:
  """Figures of each group of windows, with the reference beside them."""
  keys = [figure.key for figure in figures.metrics.figures]
  reference = next(iter(figures.baselines))
  out = {}
  for name, rows in members.items():
    own = measure(figures.metrics, predicted[rows], target[rows])
    other = baselines[reference].values[rows]
    beside = measure(figures.metrics, other, target[rows])
    out[name] = {
      **{key: own[key] for key in keys},
      reference: {key: beside[key] for key in keys},
      "windows": int(rows.sum()),
    }
  return out


def write(path: str | os.PathLike[str], results: Any) -> None:
  """Writes sorted, indented JSON in one atomic step.

  Args:
    path: file to write or replace.
    results: JSON-ready.

  Raises:
    ValueError: a number that is not finite.
  """
  text = json.dumps(results, sort_keys=True, indent=2, allow_nan=False)
  whole_file.write_text(path, text + "\n", private=True)
