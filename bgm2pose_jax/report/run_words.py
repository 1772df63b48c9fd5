"""What the tables and pages of all systems say alike of a run.

Each function reads `results` with the entries that every results.json has.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from bgm2pose_jax.report.page import Panel


def data_label(results: Mapping[str, Any]) -> str:
  """SIMULATED DATA or RECORDED DATA, first in every report."""
  return "SIMULATED DATA" if results["simulated"] else "RECORDED DATA"


def model_label(results: Mapping[str, Any]) -> str:
  """The model's name, and what was taken out of it."""
  ablation = results["ablation"]
  return results["model"] + (f" {ablation}" if ablation != "none" else "")


def headline(results: Mapping[str, Any], kind: str, *more: str) -> str:
  """One line: kind of data, kind of run, fold, seed and whatever else.

  Args:
    results: content of `results.json`.
    kind: what the run's folds leave out, such as `split by take`.
    *more: what stands behind the seed.
  """
  first = f"{data_label(results)} ({results['dataset']}): {kind}"
  fold, seed = f"fold {results['fold']}", f"seed {results['seed']}"
  return ", ".join((first, fold, seed, *more))


def model_rows(
  results: Mapping[str, Any], baselines: Mapping[str, str], figure: str
) -> list[tuple[str, str, Mapping[str, Any]]]:
  """The rows of every table: (key, name, figures), the model last.

  Args:
    results: content of `results.json`.
    baselines: {key in `results`: name}, in the order of rows; one that was not
      measured has no row.
    figure: key of the figure that a measured row has.
  """
  rows = [
    (key, name, results[key])
    for key, name in baselines.items()
    if results.get(key, {}).get(figure) is not None
  ]
  label = f"{model_label(results)}, {results['preset']}"
  return [*rows, ("model", label, results)]


def facts(
  results: Mapping[str, Any],
  own: Sequence[tuple[str, Any]],
  counted: str = "windows",
) -> list[tuple[str, Any]]:
  """The facts at the head of a page.

  Args:
    results: content of `results.json`.
    own: what this system adds.
    counted: what the run was tested on.
  """
  found = [
    ("dataset", results["dataset"]),
    ("model", f"{model_label(results)} ({results['preset']})"),
    *own,
    ("fold", results["fold"]),
    ("seed", results["seed"]),
    (f"test {counted}", results["windows"]),
  ]
  for name in ("parameters", "steps"):
    if name in results:
      found.append((name, f"{results[name]:,}"))
  return found


def definition_panels(results: Mapping[str, Any]) -> list[Panel]:
  """What the figures mean: a panel, or none where nothing is said."""
  items = "".join(
    f"<dt>{html.escape(str(name))}</dt><dd>{html.escape(str(text))}</dd>"
    for name, text in (results.get("definitions") or {}).items()
  )
  panel = Panel("What the figures mean", f"<dl>{items}</dl>")
  return [panel] if items else []
