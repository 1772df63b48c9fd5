"""The result table of a run as text, and the words that its page shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.report import run_words, text_table
from bgm2pose_jax.systems.mapnet.figures import FIGURES

# Figures of every row, in order: their keys in results.json, and titles.
TITLES = {
  "mpjpe_mm": "MPJPE mm",
  "mpjae_mm_per_frame2": "MPJAE mm/f²",
  "mpjve_mm_per_frame": "MPJVE mm/f",
  "mpjpe_root_mm": "root-relative",
  "mpjpe_procrustes_mm": "Procrustes",
}
CATEGORIES = {
  "fine": "fine motion",
  "gross": "gross motion",
  "inversions": "swapped joints",
}


def model_rows(
  results: Mapping[str, Any],
) -> list[tuple[str, str, Mapping[str, Any]]]:
  """The rows of every table, see `run_words.model_rows`."""
  return run_words.model_rows(results, FIGURES.baselines, "mpjpe_mm")


def headline(results: Mapping[str, Any]) -> str:
  """One line: kind of data, split, fold and windows."""
  return run_words.headline(
    results,
    f"split by {results['fold_by']}",
    f"{results['windows']} windows of 3 s",
  )


def figures(row: Mapping[str, Any]) -> tuple[str, ...]:
  """The figures of a row as text."""
  return tuple(f"{row[key]:.1f}" for key in TITLES)


def render(results: Mapping[str, Any]) -> str:
  """The table of a run as text.

  Args:
    results: content of `results.json`.

  Returns:
    Lines; no newline at the end.
  """
  rows = model_rows(results)
  lines = [headline(results)]
  if results["targets_in_training"]:
    lines.append(f"NOTE: {results['targets_in_training']}")
  lines += ["", FIGURES.verdict(results), ""]
  lines += text_table.aligned(
    [
      ("", *TITLES.values()),
      *((name, *figures(row)) for _, name, row in rows),
    ],
    rule=True,
  )
  interval = results["interval_95"]
  if interval["mpjpe_mm"]:
    low, high = interval["mpjpe_mm"]
    lines += [
      "",
      f"95 % interval of MPJPE over {interval['blocks']} takes or parts of "
      f"takes: {low:.1f} to {high:.1f} mm.",
    ]
  lines += ["", "MPJPE in mm by kind of motion (raw input beside it)"]
  lines += text_table.aligned(
    [
      ("", "windows", "MPJPE", "raw"),
      *(
        (
          CATEGORIES[name],
          str(row["windows"]),
          f"{row['mpjpe_mm']:.1f}",
          f"{row['raw']['mpjpe_mm']:.1f}",
        )
        for name, row in results["per_category"].items()
      ),
    ],
    rule=True,
  )
  return "\n".join(lines)
