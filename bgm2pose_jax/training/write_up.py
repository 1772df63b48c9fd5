"""What a finished run leaves in its folder: figures, predictions, page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.config import run_folder as workdir_lib
from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.files import array_file
from bgm2pose_jax.report import page
from bgm2pose_jax.report import table as table_lib
from bgm2pose_jax.systems.bgm2pose import results
from bgm2pose_jax.systems.bgm2pose.baselines import Prediction
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows
from bgm2pose_jax.training.plan import Plan


def write_up(
  plan: Plan,
  windows: MusicWindows,
  rows: np.ndarray,
  predicted: np.ndarray,
  baselines: Mapping[str, Prediction] | None,
  *,
  parameters: int,
  steps: int,
  curves: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
  """Writes predictions.npz, report.html and, last, results.json.

  Args:
    plan: the run.
    windows: the table.
    rows: int [n] test rows.
    predicted: [n, 12, 21, 3] poses for `rows`.
    baselines: from `baselines.all_baselines`, or None without ground truth.
    parameters: of the model.
    steps: optimiser steps done.
    curves: lines of metrics.jsonl.

  Returns:
    The content of results.json.
  """
  found = results.build_results(
    config=config_lib.to_dict(plan.config),
    split=plan.split,
    table=windows,
    rows=rows,
    predicted=predicted,
    baselines=baselines,
    parameters=parameters,
    steps=steps,
  )
  arrays = results.predictions(windows, rows, predicted)
  array_file.write(plan.workdir / workdir_lib.PREDICTIONS, arrays)
  page.write_page(
    plan.workdir / workdir_lib.REPORT,
    results=found,
    curves=curves,
    predictions=arrays,
  )
  results.write_results(plan.workdir / workdir_lib.RESULTS, found)
  return found


def print_up(plan: Plan, found: Mapping[str, Any]) -> None:
  """Prints a run's table and where its files lie."""
  print(table_lib.render(found))
  print(f"\nwrote {plan.workdir}: results.json, report.html, predictions.npz")


def print_all(
  plans: Sequence[Plan], found: Mapping[Any, dict[str, Any] | None]
) -> None:
  """Prints one line a run: where it lies and how it did.

  Args:
    plans: the runs.
    found: work folder -> content of results.json.
  """
  print()
  for plan in plans:
    result = found[plan.workdir]
    if result is not None and result["rmse"] is not None:
      print(
        f"{plan.name}: RMSE {result['rmse']:.4f}, MAE {result['mae']:.4f} "
        f"({plan.workdir})"
      )
