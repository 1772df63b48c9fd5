"""`report.html`: one page with everything a run found, and no network.

Every name that comes from files or folders is escaped; the page also carries a
content policy that forbids loading anything.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from bgm2pose_jax import skeleton
from bgm2pose_jax.report import charts, clips, table


def write_page(
  path: str | os.PathLike[str],
  *,
  results: Mapping[str, Any],
  curves: Sequence[Mapping[str, Any]],
  predictions: Mapping[str, np.ndarray],
  bones: Sequence[tuple[int, int]] = skeleton.BONES,
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
  write_text(Path(path), text)


def write_text(path: Path, text: str) -> None:
  """Writes a file in one atomic step, and its folder where there is none.

  Args:
    path: file to write or replace.
    text: written as UTF-8.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
  try:
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)


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
    "title": html.escape(table.headline(results)),
    "css": asset("page.css"),
    "banner": _banner(results),
    "facts": _facts(results),
    "tiles": _tiles(results),
    "cap": html.escape(cap + ". Drag to turn, wheel to zoom."),
    "body": "".join(body),
    "data": _script_json(data),
    "js": asset("page.js"),
  }
  # One pass, so that nothing inserted is searched for fields again.
  return re.sub(
    "<!--([a-z]+)-->", lambda m: fields[m.group(1)], asset("page.html")
  )


def asset(name: str, package: str = "bgm2pose_jax.report") -> str:
  """A file of a package, such as page.css of this one, as text."""
  return resources.files(package).joinpath(name).read_text("utf-8")


def _script_json(value: Any) -> str:
  """JSON that cannot end the script element it stands in."""
  text = json.dumps(value, sort_keys=True, allow_nan=False)
  for char in "<>&\u2028\u2029":
    text = text.replace(char, f"\\u{ord(char):04x}")
  return text


def _banner(results: Mapping[str, Any]) -> str:
  label = table.data_label(results)
  if not results["simulated"]:
    return f'<div class="banner recorded"><b>{label}</b></div>'
  return (
    f'<div class="banner"><b>{label}</b><span>These recordings come '
    "from a simulator; the figures do not carry over to a real room.</span>"
    "</div>"
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
  return " · ".join(
    f"{html.escape(name)} <b>{html.escape(str(value))}</b>"
    for name, value in facts
  )


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
    part: [skeleton.JOINTS[j] for j in joints]
    for part, joints in skeleton.PARTS.items()
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
