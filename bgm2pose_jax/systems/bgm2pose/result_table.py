"""The result table of a run as text, and the words that its page shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bgm2pose_jax.report import run_words, text_table
from bgm2pose_jax.systems.bgm2pose.figures import FIGURES
from bgm2pose_jax.systems.bgm2pose.metrics import METRICS

PARTS = ("arm", "leg", "body")
# The figures of every table, in order: their keys in results.json, and titles.
TITLES = {figure.key: figure.title for figure in METRICS.figures}


def model_rows(
  results: Mapping[str, Any],
) -> list[tuple[str, str, Mapping[str, Any]]]:
  """The rows of every table, see `run_words.model_rows`."""
  return run_words.model_rows(results, FIGURES.baselines, "rmse")


def headline(results: Mapping[str, Any]) -> str:
  """One line: kind of data, setting, fold, test tracks and subjects."""
  return run_words.headline(
    results,
    results["setting"],
    f"test track {_listed(results['test_tracks'])}",
    f"test subject {_listed(results['test_subjects'])}",
    f"{results['windows']} windows of 0.6 s",
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
  if odd := results.get("motion_warnings"):
    lines += [*(f"Check the motion files: {sentence}" for sentence in odd), ""]
  if results["rmse"] is None:
    lines.append("No ground truth in these recordings: predictions only.")
    return "\n".join(lines)
  rows = model_rows(results)
  lines += text_table.aligned(
    [
      ("", *TITLES.values(), "RMSE vs mean", "MAE vs mean"),
      *((name, *figures(row), *gains(row)) for _, name, row in rows),
    ],
    rule=True,
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
  lines += text_table.aligned(
    [
      ("", *PARTS),
      *(
        (name, *(part_figures(row, part) for part in PARTS))
        for _, name, row in rows
      ),
    ],
    rule=True,
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
  return tuple(f"{row[key]:.3f}" for key in TITLES)


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
