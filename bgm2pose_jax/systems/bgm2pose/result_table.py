"""The result table of a run as text, and the words that its page shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.report import run_words, text_table
from bgm2pose_jax.systems.bgm2pose.figures import FIGURES
from bgm2pose_jax.systems.bgm2pose.metrics import METRICS
from bgm2pose_jax.systems.bgm2pose.verdict import PART_NAMES, gain_pct, hands_cm

PARTS = tuple(PART_NAMES)
# Every headline figure: its key in results.json, and its title.
TITLES = {figure.key: figure.title for figure in METRICS.figures}
# Those in the unit of the paper.
PAPER = {key: TITLES[key] for key in ("rmse", "mae", "pckh50")}
CM_HEAD = ("MPJPE cm", "better than mean pose", *PART_NAMES.values(), "hands")
PAPER_HEAD = (*PAPER.values(), "RMSE better by", "MAE better by")
UNIT_NOTE = (
  "MPJPE is the mean distance of joints, in centimetres; a hip-spine length "
  "counts as"
)


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
  if unseen := results.get("left_out"):
    lines += [left_out_line(unseen), ""]
  if odd := results.get("motion_warnings"):
    lines += [*(f"Check the motion files: {sentence}" for sentence in odd), ""]
  if results["rmse"] is None:
    lines.append("No ground truth in these recordings: predictions only.")
    return "\n".join(lines)
  rows = model_rows(results)
  interval = results.get("interval_95") or {}
  gain = interval.get("improvement_pct", {})
  if has_cm(results):
    if results.get("verdict"):
      lines += [results["verdict"], ""]
    lines.append("Error in centimetres (MPJPE), and of the parts of the body")
    lines += text_table.aligned(
      [("", *CM_HEAD), *((n, *in_cm(row, results)) for _, n, row in rows)],
      rule=True,
    )
    if interval.get("mpjpe_cm"):
      lines += [
        "",
        f"95 % interval over {interval['blocks']} stretches of about 30 s: "
        f"MPJPE {_range(interval['mpjpe_cm'], '.1f')} cm,",
        f"better than the mean pose by {_range(gain.get('mpjpe_cm'), '.1f')} "
        "%.",
      ]
    lines.append("")
  lines.append("In the paper's unit, hip-spine lengths")
  lines += text_table.aligned(
    [
      ("", *PAPER_HEAD),
      *((name, *figures(row), *gains(row)) for _, name, row in rows),
    ],
    rule=True,
  )
  if interval.get("rmse"):
    lines += [
      "",
      f"95 % interval over {interval['blocks']} stretches of about 30 s: RMSE "
      f"{_range(interval['rmse'])}, MAE {_range(interval['mae'])},",
      f"PCKh@0.5 {_range(interval['pckh50'])}; RMSE better than the mean pose "
      f"by {_range(gain.get('rmse'), '.1f')} %.",
    ]
  lines.append("")
  if has_cm(results):
    lines += [UNIT_NOTE, f"{BODY21.unit_cm:g} cm."]
  lines += [
    "A + means better than the mean pose, a - worse. RMSE and MAE are",
    "per coordinate; PCKh@0.5 is the share of joints within half a neck-head",
    "length.",
  ]
  return "\n".join(lines)


def has_cm(results: Mapping[str, Any]) -> bool:
  """Whether a run has errors in centimetres; runs of before have none."""
  return results.get("mpjpe_cm") is not None


def in_cm(
  row: Mapping[str, Any], results: Mapping[str, Any]
) -> tuple[str, ...]:
  """A row of `CM_HEAD` as text.

  Args:
    row: figures of the model or of a baseline.
    results: content of results.json, for the mean pose.
  """
  still = results["mean_pose"]
  better = ""
  if row is not still:
    better = change(gain_pct(row["mpjpe_cm"], still["mpjpe_cm"]))
  parts = (row["per_part"][part]["mpjpe_cm"] for part in PARTS)
  hands = hands_cm(row)
  return (
    f"{row['mpjpe_cm']:.1f}",
    better,
    *(f"{part:.1f}" for part in parts),
    "-" if hands is None else f"{hands:.1f}",
  )


def left_out_line(unseen: Mapping[str, Sequence[str]]) -> str:
  """A sentence on what training never had, of `figures.left_out`."""
  parts = [
    f"the tested performers and all {len(unseen['performances'])} motion files"
    " that they show"
  ]
  for key, word in (("people", "person"), ("actions", "action")):
    if names := unseen[key]:
      parts.append(f"{word} {_listed(names)}")
  return f"Left out of training: {'; '.join(parts)}."


def _listed(names: Sequence[str]) -> str:
  # A name with a control character could move the terminal's cursor.
  return "+".join(
    "".join(c if c.isprintable() else "?" for c in str(name)) for name in names
  )


def group_cm(row: Mapping[str, Any]) -> tuple[str, str]:
  """MPJPE of a group of windows, and how much better than the mean pose.

  Args:
    row: figures with `mean_pose` beside them.
  """
  own, still = row["mpjpe_cm"], row["mean_pose"]["mpjpe_cm"]
  return f"{own:.1f}", change(gain_pct(own, still))


def figures(row: Mapping[str, Any]) -> tuple[str, ...]:
  """RMSE, MAE and PCKh@0.5 as text."""
  return tuple(f"{row[key]:.3f}" for key in PAPER)


def gains(row: Mapping[str, Any]) -> tuple[str, str]:
  """How much better RMSE and MAE are than the mean pose's."""
  gain = row.get("improvement_pct") or {}
  return change(gain.get("rmse")), change(gain.get("mae"))


def change(gain: float | None) -> str:
  """A reduction of an error in percent: better has a plus sign.

  Args:
    gain: percent; None gives an empty text.
  """
  if gain is None:
    return ""
  # Rounded first: "-0.0" would claim a direction.
  rounded = round(gain, 1)
  return f"{rounded:+.1f} %" if rounded else "0.0 %"


def _range(pair: Sequence[float] | None, form: str = ".3f") -> str:
  if not pair:
    return "-"
  return f"{pair[0]:{form}} to {pair[1]:{form}}"
