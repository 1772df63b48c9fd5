"""The result table that is printed to the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PARTS = ("arm", "leg", "body")


def data_label(results: Mapping[str, Any]) -> str:
  """SIMULATED DATA or RECORDED DATA, first in every report."""
  return "SIMULATED DATA" if results["simulated"] else "RECORDED DATA"


def model_label(results: Mapping[str, Any]) -> str:
  """The model's name, and what was taken out of it."""
  ablation = results["ablation"]
  return results["model"] + (f" {ablation}" if ablation != "none" else "")


def model_rows(
  results: Mapping[str, Any],
) -> list[tuple[str, str, Mapping[str, Any]]]:
  """The rows of every table: (key, name, figures), the model last."""
  rows = []
  for key, name in (
    ("mean_pose", "mean pose"),
    ("music_only", "music only, ridge"),
    ("ridge", "ridge, 5 frames"),
  ):
    if results.get(key, {}).get("rmse") is not None:
      rows.append((key, name, results[key]))
  rows.append(
    ("model", f"{model_label(results)}, {results['preset']}", results)
  )
  return rows


def headline(results: Mapping[str, Any]) -> str:
  """One line: kind of data, setting, fold, test tracks and subjects."""
  return ", ".join(
    (
      f"{data_label(results)} ({results['dataset']}): {results['setting']}",
      f"fold {results['fold']}",
      f"seed {results['seed']}",
      f"test track {_listed(results['test_tracks'])}",
      f"test subject {_listed(results['test_subjects'])}",
      f"{results['windows']} windows of 0.6 s",
    )
  )


def render(results: Mapping[str, Any]) -> str:
  """The table of a run as text.

  Args:
    results: contents of `results.json`.

  Returns:
    Lines of at most about 80 columns after the headline; no newline at the
    end. Without ground truth a note stands in place of figures.
  """
  lines = [headline(results), ""]
  if results["rmse"] is None:
    lines.append("No ground truth in these recordings: predictions only.")
    return "\n".join(lines)
  rows = model_rows(results)
  lines += _grid(
    ("", "RMSE", "MAE", "PCKh@0.5", "RMSE vs mean", "MAE vs mean"),
    [(name, *figures(row), *gains(row)) for _, name, row in rows],
  )
  interval = results.get("interval_95") or {}
  if interval.get("rmse"):
    gain = interval.get("improvement_pct", {})
    lines += [
      "",
      f"95 % interval over {interval['blocks']} stretches of about 30 s: RMSE "
      f"{_range(interval['rmse'])}, MAE {_range(interval['mae'])},",
      f"PCKh@0.5 {_range(interval['pckh50'])}; RMSE below the mean pose by "
      f"{_range(gain.get('rmse'), '.1f')} %.",
    ]
  lines += ["", "Per part (RMSE / MAE / PCKh@0.5)"]
  lines += _grid(
    ("", *PARTS),
    [
      (
        name,
        *(part_figures(row, part) for part in PARTS),
      )
      for _, name, row in rows
    ],
  )
  lines += [
    "",
    "Unit: hip-spine lengths. RMSE and MAE are per coordinate; PCKh@0.5 is the",
    "share of joints within half a neck-head length.",
  ]
  return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
  # A name with a control character could move the terminal's cursor.
  return "+".join(
    "".join(c if c.isprintable() else "?" for c in str(name)) for name in names
  )


def figures(row: Mapping[str, Any]) -> tuple[str, ...]:
  """RMSE, MAE and PCKh@0.5 as text."""
  return tuple(f"{row[key]:.3f}" for key in ("rmse", "mae", "pckh50"))


def part_figures(row: Mapping[str, Any], part: str) -> str:
  """The three figures of one body part as text."""
  return " / ".join(figures(row["per_part"][part]))


def gains(row: Mapping[str, Any]) -> tuple[str, str]:
  """Change of RMSE and MAE against the mean pose; less has a minus sign."""
  gain = row.get("improvement_pct") or {}
  return _change(gain.get("rmse")), _change(gain.get("mae"))


def _change(gain_pct: float | None) -> str:
  if gain_pct is None:
    return ""
  # Rounded first: "-0.0" would claim a direction.
  rounded = round(-gain_pct, 1)
  return f"{rounded:+.1f} %" if rounded else "0.0 %"


def _range(pair: Sequence[float] | None, form: str = ".3f") -> str:
  if not pair:
    return "-"
  return f"{pair[0]:{form}} to {pair[1]:{form}}"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
  """Aligned columns, the first to the left, the others to the right."""
  columns = list(zip(head, *rows, strict=True))
  widths = [max(map(len, column)) for column in columns]
  lines = []
  for row in (head, *rows):
    cells = [row[0].ljust(widths[0])]
    cells += [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]
    lines.append("  ".join(cells).rstrip())
  lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
  return lines
