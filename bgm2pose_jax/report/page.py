"""`report.html`: one page with everything a run found, and no network.

Every name that comes from files or folders is escaped.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.report import charts, clips, document, table

# Where the styles of charts and figures lie.
PACKAGE = "bgm2pose_jax.report"
SIMULATED = (
  "These recordings come from a simulator; the figures do not carry over to a"
  " real room."
)


def write_page(
  path: str | os.PathLike[str],
  *,
  results: Mapping[str, Any],
  curves: Sequence[Mapping[str, Any]],
  predictions: Mapping[str, np.ndarray],
  bones: Sequence[tuple[int, int]] = BODY21.bones,
  max_windows: int = clips.MAX_WINDOWS,
) -> None:
  """Writes the report page in one atomic step.

  Args:
    path: file to write or replace.
    results: contents of `results.json`; figures may be None where there is no
      ground truth.
    curves: lines of `metrics.jsonl`.
    predictions: arrays of `predictions.npz`; without `target` the page shows
      the prediction alone.
    bones: (parent, child) joint pairs to draw.
    max_windows: windows embedded at most; the page states it.
  """
  text = render_page(results, curves, predictions, bones, max_windows)
  whole_file.write_text(Path(path), text)


def render_page(
  results: Mapping[str, Any],
  curves: Sequence[Mapping[str, Any]],
  predictions: Mapping[str, np.ndarray],
  bones: Sequence[tuple[int, int]],
  max_windows: int,
) -> str:
  """The page as text; see `write_page`."""
  data = clips.pack(
    predictions, bones, simulated=results["simulated"], limit=max_windows
  )
  shown = sum(clip["windows"] for clip in data["clips"])
  cap = f"{shown} of {results['windows']} test windows are in this page"
  if shown < results["windows"]:
    cap += (
      f" (at most {max_windows}, spread over the test); predictions.npz has all"
    )
  body = [
    _score_section(results),
    _joint_section(results),
    _group_section(results),
    _curve_section(curves),
    _definition_section(results),
  ]
  fields = {
    "banner": _banner(results),
    "facts": _facts(results),
    "tiles": _tiles(results),
    "player": document.asset("player.html"),
    "cap": html.escape(cap + "."),
    "body": "".join(body),
  }
  return document.render(
    table.headline(results),
    styles=(document.asset("player.css"), document.asset("page.css", PACKAGE)),
    main=document.fill(document.asset("page.html", PACKAGE), fields),
    data=data,
    scripts=(*document.player_scripts(), document.asset("page.js", PACKAGE)),
  )


def _banner(results: Mapping[str, Any]) -> str:
  return document.banner(
    table.data_label(results), SIMULATED if results["simulated"] else ""
  )


def _facts(results: Mapping[str, Any]) -> str:
  facts = [
    ("setting", results["setting"]),
    ("dataset", results["dataset"]),
    ("model", f"{table.model_label(results)} ({results['preset']})"),
    ("test track", ", ".join(map(str, results["test_tracks"]))),
    ("test subject", ", ".join(map(str, results["test_subjects"]))),
    ("fold", results["fold"]),
    ("seed", results["seed"]),
    ("test windows", results["windows"]),
  ]
  if "parameters" in results:
    facts.append(("parameters", f"{results['parameters']:,}"))
  if "steps" in results:
    facts.append(("steps", f"{results['steps']:,}"))
  return document.facts_line(facts)


def _tiles(results: Mapping[str, Any]) -> str:
  if results["rmse"] is None:
    return ""
  interval = results.get("interval_95") or {}
  gains = results.get("improvement_pct") or {}
  out = []
  for key, name in (
    ("rmse", "RMSE, hip-spine lengths"),
    ("mae", "MAE, hip-spine lengths"),
    ("pckh50", "PCKh@0.5"),
  ):
    notes = []
    if gains.get(key) is not None:
      side = "below" if gains[key] >= 0 else "above"
      notes.append(f"{abs(gains[key]):.1f} % {side} the mean pose")
    elif key == "pckh50":
      mean = results["mean_pose"]["pckh50"]
      notes.append(f"mean pose {mean:.3f}")
    if interval.get(key):
      low, high = interval[key]
      notes.append(f"95 % interval {low:.3f} to {high:.3f}")
    lines = "".join(f"<em>{note}</em>" for note in notes)
    out.append(
      f"<div><span>{name}</span><strong>{results[key]:.3f}</strong>{lines}"
      "</div>"
    )
  return f'<div class="tiles">{"".join(out)}</div>'


def _html_table(
  head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]
) -> str:
  """A table; each row is (class, cells), all text escaped here."""
  parts = ["<table><thead><tr>"]
  parts += [f"<th>{html.escape(cell)}</th>" for cell in head]
  parts.append("</tr></thead><tbody>")
  for kind, cells in rows:
    line = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    parts.append(f'<tr class="{kind}">{line}</tr>')
  parts.append("</tbody></table>")
  return "".join(parts)


def _score_section(results: Mapping[str, Any]) -> str:
  if results["rmse"] is None:
    return (
      "<section><h2>Results</h2><p>No ground truth in these recordings: "
      "predictions only.</p></section>"
    )
  rows, parts = [], []
  for key, name, row in table.model_rows(results):
    kind = "model" if key == "model" else ""
    rows.append((kind, (name, *table.figures(row), *table.gains(row))))
    parts.append(
      (
        kind,
        (
          name,
          *(table.part_figures(row, part) for part in table.PARTS),
        ),
      )
    )
  scores = _html_table(
    ("", "RMSE", "MAE", "PCKh@0.5", "RMSE vs mean pose", "MAE vs mean pose"),
    rows,
  )
  by_part = _html_table(("RMSE / MAE / PCKh@0.5", *table.PARTS), parts)
  return (
    f"<section><h2>Results</h2>{scores}</section>"
    f"<section><h2>By body part</h2>{by_part}</section>"
  )


def _joint_section(results: Mapping[str, Any]) -> str:
  parts = {
    part: [BODY21.joints[j] for j in joints]
    for part, joints in BODY21.parts.items()
  }
  bars = charts.joint_bars(
    results["per_joint"], results["mean_pose"].get("per_joint", {}), parts
  )
  if not bars:
    return ""
  return (
    "<section><h2>Mean absolute error of each joint, hip-spine lengths</h2>"
    f'{bars}<p class="note">The upright mark is the mean pose.</p></section>'
  )


def _group_section(results: Mapping[str, Any]) -> str:
  out = []
  for key, title in (
    ("per_track", "By track"),
    ("per_subject", "By subject"),
  ):
    groups = results.get(key) or {}
    if len(groups) < 2:  # one row would say what the tiles say
      continue
    rows = [
      (
        "",
        (
          name,
          str(row["windows"]),
          *table.figures(row),
          f"{row['mean_pose']['rmse']:.3f}",
        ),
      )
      for name, row in sorted(groups.items())
    ]
    head = ("", "windows", "RMSE", "MAE", "PCKh@0.5", "mean pose RMSE")
    out.append(f"<section><h2>{title}</h2>{_html_table(head, rows)}</section>")
  return f'<div class="columns">{"".join(out)}</div>' if out else ""


def _curve_section(curves: Sequence[Mapping[str, Any]]) -> str:
  main, other = charts.curves_html(curves)
  if not main and not other:
    return ""
  text = f'<section><h2>Training</h2><div class="charts">{main}</div>'
  if other:
    text += (
      "<details><summary>Norms, rates and counts</summary>"
      f'<div class="charts">{other}</div></details>'
    )
  return text + "</section>"


def _definition_section(results: Mapping[str, Any]) -> str:
  definitions = results.get("definitions") or {}
  if not definitions:
    return ""
  items = "".join(
    f"<dt>{html.escape(str(name))}</dt><dd>{html.escape(str(text))}</dd>"
    for name, text in definitions.items()
  )
  return f"<section><h2>What the figures mean</h2><dl>{items}</dl></section>"
