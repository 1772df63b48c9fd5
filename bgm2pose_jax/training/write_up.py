"""What a finished run leaves in its folder: figures, predictions, page."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.base import progress
from bgm2pose_jax.config import run_folder, schema
from bgm2pose_jax.data.rows import Rows
from bgm2pose_jax.data.table import WindowTable
from bgm2pose_jax.evaluation import results
from bgm2pose_jax.evaluation.baselines import Prediction
from bgm2pose_jax.files import array_file, whole_file
from bgm2pose_jax.files.json_lines import JsonLines
from bgm2pose_jax.training.plan import Plan


def fit_baselines(
  plan: Plan, table: WindowTable, rows: Rows, timing_log: JsonLines
) -> Mapping[str, Prediction] | None:
  """Fits what stands beside every model; None without ground truth."""
  started = time.perf_counter()
  with progress.working("fit baselines"):
    found = plan.system.baselines(plan.config, table, rows, plan.split)
  if found is not None:
    timing_log.write(
      {"event": "baselines", "seconds": time.perf_counter() - started}
    )
  return found


def write_up(
  plan: Plan,
  table: WindowTable,
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
    table: the windows.
    rows: int [n] test rows.
    predicted: [n, ...] the model's values for `rows`.
    baselines: what `fit_baselines` returned.
    parameters: number of the model's parameters.
    steps: optimiser steps done.
    curves: lines of metrics.jsonl.

  Returns:
    The content of results.json.
  """
  system = plan.system
  with progress.working("work out figures and intervals"):
    found = results.build(
      system.figures,
      config=schema.to_dict(plan.config),
      dataset=plan.dataset["name"],
      split=plan.split,
      table=table,
      rows=rows,
      predicted=predicted,
      baselines=baselines,
      parameters=parameters,
      steps=steps,
    )
  arrays = system.predictions(table, rows, predicted)
  array_file.write(plan.workdir / run_folder.PREDICTIONS, arrays, private=True)
  shown = {**arrays, **system.report.beside(table, rows)}
  page = system.report.page(found, curves, shown)
  whole_file.write_text(plan.workdir / run_folder.REPORT, page, private=True)
  results.write(plan.workdir / run_folder.RESULTS, found)
  print(system.report.text(found))
  print(f"\nwrote {plan.workdir}: results.json, report.html, predictions.npz")
  return found


def print_finished(plans: Sequence[Plan]) -> None:
  """Prints the tables of runs that were finished before."""
  for plan in plans:
    if plan.found is not None:
      print(plan.system.report.text(plan.found))
      print(f"\nfinished before: {plan.workdir / run_folder.RESULTS}")


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
    shown = plan.system.figures.metrics.figures[:2]
    if result is not None and result["ground_truth"]:
      figures = ", ".join(
        f"{f.title} {result[f.key]:.{f.digits}f}" for f in shown
      )
      print(f"{plan.name}: {figures} ({plan.workdir})")
