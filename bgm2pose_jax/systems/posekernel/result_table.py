"""The result table of a run as text, and the words that its page shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bgm2pose_jax.report import run_words, text_table
from bgm2pose_jax.systems.posekernel.figures import FIGURES

# Figures of every row, in order: their keys in results.json, and titles.
TITLES = {
  "mpjpe_cm": "MPJPE cm",
  "root_cm": "root cm",
  "mpjpe_root_cm": "root-aligned cm",
  "along_ray_cm": "along ray cm",
  "across_ray_cm": "across ray cm",
  "pck_5cm_pct": "PCK 5",
  "pck_10cm_pct": "PCK 10",
  "pck_20cm_pct": "PCK 20",
  "pck_30cm_pct": "PCK 30 cm %",
}
GROUPS = {
  "per_environment": "environment",
  "per_person": "person",
  "per_walls": "walls",
}


def model_rows(
  results: Mapping[str, Any],
) -> list[tuple[str, str, Mapping[str, Any]]]:
  """The rows of every table, see `run_words.model_rows`."""
  return run_words.model_rows(results, FIGURES.baselines, "mpjpe_cm")


def headline(results: Mapping[str, Any]) -> str:
  """One line: kind of data, split, fold and samples."""
  return run_words.headline(
    results,
    f"split by {results['fold_by']}",
    f"{results['windows']} samples",
  )


def figures(row: Mapping[str, Any]) -> tuple[str, ...]:
  """The figures of a row as text."""
  return tuple(f"{row[key]:.1f}" for key in TITLES)


def read_out(results: Mapping[str, Any]) -> str:
  """How joints are read from voxels, and what that costs at least."""
  grid = results["time_of_arrival"]["grid"]
  text = (
    f"read-out {grid['read_out']}; voxels of {grid['voxel_cm']:g} cm, whose "
    f"hard arg max is {grid['floor_cm']:.1f} cm off at best"
  )
  outside = grid["joints_outside_grid_pct"]
  return text + (f"; {outside:.1f} % of joints lie outside" if outside else "")


def group_rows(results: Mapping[str, Any], key: str) -> list[tuple[str, ...]]:
  """Lines of a block of groups: name, samples, figures, fixed height's."""
  return [
    (
      name,
      str(row["windows"]),
      f"{row['mpjpe_cm']:.1f}",
      f"{row['root_cm']:.1f}",
      f"{row['fixed_height']['mpjpe_cm']:.1f}",
    )
    for name, row in results[key].items()
  ]


GROUP_HEAD = ("samples", "MPJPE cm", "root cm", "fixed height")


def render(results: Mapping[str, Any]) -> str:
  """The table of a run as text.

  Args:
    results: content of `results.json`.

  Returns:
    Lines; no newline at the end.
  """
  lines = [headline(results), results["keypoints"], read_out(results), ""]
  lines += [FIGURES.verdict(results), ""]
  lines += text_table.aligned(
    [
      ("", *TITLES.values()),
      *((name, *figures(row)) for _, name, row in model_rows(results)),
    ],
    rule=True,
  )
  interval = results["interval_95"]
  if interval["mpjpe_cm"]:
    low, high = interval["mpjpe_cm"]
    lines += [
      "",
      f"95 % interval of MPJPE over {interval['blocks']} stretches of samples: "
      f"{low:.1f} to {high:.1f} cm.",
    ]
  for key, title in GROUPS.items():
    rows = group_rows(results, key)
    if len(rows) > 1:
      lines += ["", f"By {title}"]
      lines += text_table.aligned([("", *GROUP_HEAD), *rows], rule=True)
  return "\n".join(lines)
