"""What a run of this system says: its table, and `report.html`."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.contract.report import Report
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.report import (
  charts,
  clips,
  curves,
  html_table,
  moments,
  packed_poses,
  player,
  run_words,
  timeline,
)
from bgm2pose_jax.report.page import SIMULATED, Page, Panel, Tile, render
from bgm2pose_jax.systems.bgm2pose import result_table as table
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import WINDOW_S
from bgm2pose_jax.systems.bgm2pose.heard import (
  SPECTROGRAM,
  heard,
  heard_image,
)
from bgm2pose_jax.systems.bgm2pose.metrics import METRICS
from bgm2pose_jax.systems.bgm2pose.verdict import PART_NAMES

_SIGN = "A + means better than the mean pose, a - worse."
BODY = packed_poses.body(BODY21, "Head")
BODY_CM = {**BODY, "girth": 9.0, "lengths": "cm"}


def page(
  results: Mapping[str, Any],
  lines: Sequence[Mapping[str, Any]],
  predictions: Mapping[str, np.ndarray],
  max_windows: int = clips.MAX_WINDOWS,
) -> str:
  """The page of a run as text.

  Args:
    results: content of `results.json`; figures may be None where there is no
      ground truth.
    lines: the lines of `metrics.jsonl`.
    predictions: arrays of `predictions.npz`, and those of `heard`; without
      `target` the page shows the prediction alone.
    max_windows: windows embedded at most; the page states it.
  """
  simulated = results["simulated"]
  return render(
    Page(
      title=table.headline(results),
      heading="3D pose from background music",
      banners=[(run_words.data_label(results), SIMULATED if simulated else "")],
      facts=_facts(results),
      summary=results.get("verdict", ""),
      tiles=_tiles(results),
      panels=(
        *_motion_panels(results),
        *_player_panels(results, predictions, max_windows),
        *_score_panels(results),
        *_joint_panels(results),
        _group_panels(results),
        *curves.panels(lines, table.TITLES),
        *run_words.definition_panels(results),
      ),
    )
  )


def _facts(results: Mapping[str, Any]) -> list[tuple[str, Any]]:
  return run_words.facts(
    results,
    [
      ("setting", results["setting"]),
      ("test track", ", ".join(map(str, results["test_tracks"]))),
      ("test subject", ", ".join(map(str, results["test_subjects"]))),
      *(
        [("people known by", results["subject_from"])]
        if results.get("subject_from")
        else []
      ),
      *(
        [("left out", table.left_out_line(results["left_out"]))]
        if results.get("left_out")
        else []
      ),
    ],
  )


def _tiles(results: Mapping[str, Any]) -> list[Tile]:
  if results["rmse"] is None:
    return []
  interval = results.get("interval_95") or {}
  gains = results.get("improvement_pct") or {}
  out = []
  still = results["mean_pose"]
  for figure in METRICS.figures:
    key = figure.key
    if figure.is_later and key not in results:
      continue
    notes = []
    if gains.get(key) is not None:
      side = "better" if gains[key] >= 0 else "worse"
      notes.append(f"{abs(gains[key]):.1f} % {side} than the mean pose")
    notes.append(f"mean pose {still[key]:.{figure.digits}f}")
    if interval.get(key):
      low, high = (f"{end:.{figure.digits}f}" for end in interval[key])
      notes.append(f"95 % interval {low} to {high}")
    unit = ", hip-spine lengths" if key in ("rmse", "mae") else ""
    value = f"{results[key]:.{figure.digits}f}"
    out.append(Tile(figure.title + unit, value, notes))
  return out


def _player_panels(
  results: Mapping[str, Any],
  predictions: Mapping[str, np.ndarray],
  max_windows: int,
) -> list[Panel]:
  track = np.asarray(predictions["track"])
  names = track.tolist()
  if "subject" in predictions:
    subject = np.asarray(predictions["subject"]).tolist()
    names = [f"subject {who}, {what}" for who, what in zip(subject, names)]
  target = predictions.get("target")
  packed = clips.pack(
    np.asarray(predictions["pred"]) * BODY21.unit_cm,
    None if target is None else np.asarray(target) * BODY21.unit_cm,
    recording=np.asarray(predictions.get("recording", track)),
    window_index=np.asarray(predictions["window_index"]),
    names=names,
    window_s=WINDOW_S,
    body=BODY_CM,
    simulated=results["simulated"],
    limit=max_windows,
  )
  shown = len(packed.rows)
  caption = f"{shown} of {results['windows']} test windows are in this page"
  if shown < results["windows"]:
    caption += (
      f" (at most {max_windows}, spread over the test); predictions.npz has all"
    )
  pictures = []
  if SPECTROGRAM in predictions and shown:
    level_db = np.asarray(predictions[SPECTROGRAM])[packed.rows]
    pictures.append(heard_image(level_db.reshape(-1, level_db.shape[-1])))
  return [
    player.panel(packed.data, caption=f"{caption}."),
    *timeline.panels(pictures, has_truth="target" in predictions),
    *moments.panels(packed.data, packed.worst),
  ]


def _motion_panels(results: Mapping[str, Any]) -> list[Panel]:
  """What is odd about captured people and their motion; none for others."""
  items = "".join(
    f"<li>{html.escape(str(sentence))}</li>"
    for sentence in results.get("motion_warnings") or ()
  )
  panel = Panel("Check the motion files", f"<ul>{items}</ul>")
  return [panel] if items else []


def _score_panels(results: Mapping[str, Any]) -> list[Panel]:
  if results["rmse"] is None:
    text = "No ground truth in these recordings: predictions only."
    return [Panel("Results", f"<p>{text}</p>")]
  rows = [
    ("model" if key == "model" else "", name, row)
    for key, name, row in table.model_rows(results)
  ]
  panels = []
  if table.has_cm(results):
    cells = [(k, (n, *table.in_cm(row, results))) for k, n, row in rows]
    note = f"{table.UNIT_NOTE} {BODY21.unit_cm:g} cm. {_SIGN}"
    panels.append(
      Panel(
        "Results in centimetres",
        html_table.table(
          [("", *table.CM_HEAD)], cells, caption="Results in centimetres"
        )
        + f'<p class="note">{note}</p>',
      )
    )
  cells = [(k, (n, *table.figures(r), *table.gains(r))) for k, n, r in rows]
  title = "Results in the paper's unit, hip-spine lengths"
  paper = html_table.table([("", *table.PAPER_HEAD)], cells, caption=title)
  panels.append(Panel(title, paper))
  return [*panels, _part_panel(rows)]


def _part_panel(rows: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Panel:
  """Each figure of the paper by part of the body, one a column."""
  names = tuple(PART_NAMES.values())
  groups = [
    html_table.Cell(html=html.escape(title), kind="group", columns=len(names))
    for title in table.PAPER.values()
  ]
  cells = []
  for kind, name, row in rows:
    found = (
      f"{row['per_part'][part][key]:.3f}"
      for key in table.PAPER
      for part in table.PARTS
    )
    cells.append((kind, (name, *found)))
  heads = [("", *groups), ("", *names * len(groups))]
  title = "By body part"
  return Panel(title, html_table.table(heads, cells, caption=title))


def _joint_panels(results: Mapping[str, Any]) -> list[Panel]:
  bars = joint_bars(
    results["per_joint"], results["mean_pose"].get("per_joint", {})
  )
  if not bars:
    return []
  unit = "MPJPE, cm" if table.has_cm(results) else "MAE, hip-spine lengths"
  return [
    Panel(
      f"Error of each joint ({unit})",
      f'{bars}<p class="note">The upright mark is the mean pose.</p>',
    )
  ]


def joint_bars(
  model: Mapping[str, Mapping[str, float]],
  reference: Mapping[str, Mapping[str, float]],
) -> str:
  """Error of each joint, the mean pose as a mark on the bar.

  Args:
    model: joint -> {"mpjpe_cm", "mae", "rmse", "pckh50"}; without centimetres
      the bars are the mean absolute error.
    reference: the same for the mean pose; may be empty.

  Returns:
    HTML, empty when there is nothing to draw.
  """
  groups: dict[str, list[charts.Bar]] = {}
  for part, joints in BODY21.parts.items():
    for joint in (BODY21.joints[j] for j in joints):
      if joint not in model:
        continue
      row = model[joint]
      key, form = ("mpjpe_cm", ".1f") if "mpjpe_cm" in row else ("mae", ".3f")
      title = table.TITLES[key]
      mark = reference.get(joint, {}).get(key)
      hint = f"{joint}: {title} {row[key]:{form}}"
      hint += f", PCKh@0.5 {row['pckh50']:.3f}"
      if mark is not None:
        hint += f"; mean pose {title} {mark:{form}}"
      groups.setdefault(part, []).append(
        charts.Bar(joint, row[key], hint, mark)
      )
  is_cm = any("mpjpe_cm" in row for row in model.values())
  return charts.bars(groups, digits=1 if is_cm else 3)


def _group_panels(results: Mapping[str, Any]) -> list[Panel]:
  out = []
  has_cm = table.has_cm(results)
  cm_head = ("MPJPE cm", "better than mean pose") if has_cm else ()
  head = ("", "windows", *cm_head, *table.PAPER.values(), "mean pose RMSE")
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
          *(table.group_cm(row) if has_cm else ()),
          *table.figures(row),
          f"{row['mean_pose']['rmse']:.3f}",
        ),
      )
      for name, row in sorted(groups.items())
    ]
    out.append(Panel(title, html_table.table([head], rows, caption=title)))
  return out


REPORT = Report(text=table.render, page=page, beside=heard)
