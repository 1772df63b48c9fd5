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
  packed_poses,
  player,
  run_words,
)
from bgm2pose_jax.report.page import SIMULATED, Page, Panel, Tile, render
from bgm2pose_jax.systems.bgm2pose import result_table as table
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import WINDOW_S

BODY = packed_poses.body(BODY21, "Head")


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
    predictions: arrays of `predictions.npz`; without `target` the page shows
      the prediction alone.
    max_windows: windows embedded at most; the page states it.
  """
  simulated = results["simulated"]
  return render(
    Page(
      title=table.headline(results),
      heading="3D pose from background music",
      banners=[(run_words.data_label(results), SIMULATED if simulated else "")],
      facts=_facts(results),
      tiles=_tiles(results),
      panels=(
        *_motion_panels(results),
        _player_panel(results, predictions, max_windows),
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
    ],
  )


def _tiles(results: Mapping[str, Any]) -> list[Tile]:
  if results["rmse"] is None:
    return []
  interval = results.get("interval_95") or {}
  gains = results.get("improvement_pct") or {}
  out = []
  for key, title in table.TITLES.items():
    notes = []
    if gains.get(key) is not None:
      side = "below" if gains[key] >= 0 else "above"
      notes.append(f"{abs(gains[key]):.1f} % {side} the mean pose")
    elif key == "pckh50":
      notes.append(f"mean pose {results['mean_pose'][key]:.3f}")
    if interval.get(key):
      low, high = interval[key]
      notes.append(f"95 % interval {low:.3f} to {high:.3f}")
    unit = "" if key == "pckh50" else ", hip-spine lengths"
    out.append(Tile(title + unit, f"{results[key]:.3f}", notes))
  return out


def _player_panel(
  results: Mapping[str, Any],
  predictions: Mapping[str, np.ndarray],
  max_windows: int,
) -> Panel:
  track = np.asarray(predictions["track"])
  names = track.tolist()
  if "subject" in predictions:
    subject = np.asarray(predictions["subject"]).tolist()
    names = [f"subject {who}, {what}" for who, what in zip(subject, names)]
  data = clips.pack(
    predictions["pred"],
    predictions.get("target"),
    recording=np.asarray(predictions.get("recording", track)),
    window_index=np.asarray(predictions["window_index"]),
    names=names,
    error=_rmse,
    window_s=WINDOW_S,
    body=BODY,
    simulated=results["simulated"],
    limit=max_windows,
  )
  shown = sum(clip["windows"] for clip in data["clips"])
  caption = f"{shown} of {results['windows']} test windows are in this page"
  if shown < results["windows"]:
    caption += (
      f" (at most {max_windows}, spread over the test); predictions.npz has all"
    )
  return player.panel(data, caption=f"{caption}.")


def _rmse(predicted: np.ndarray, target: np.ndarray) -> str:
  error = predicted.astype(np.float64) - target
  return f"RMSE {np.sqrt(np.mean(np.square(error))):.3f}"


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
  titles = tuple(table.TITLES.values())
  rows, parts = [], []
  for key, name, row in table.model_rows(results):
    kind = "model" if key == "model" else ""
    of_parts = (table.part_figures(row, part) for part in table.PARTS)
    rows.append((kind, (name, *table.figures(row), *table.gains(row))))
    parts.append((kind, (name, *of_parts)))
  head = ("", *titles, "RMSE vs mean pose", "MAE vs mean pose")
  part_head = (" / ".join(titles), *table.PARTS)
  return [
    Panel("Results", html_table.table([head], rows)),
    Panel("By body part", html_table.table([part_head], parts)),
  ]


def _joint_panels(results: Mapping[str, Any]) -> list[Panel]:
  bars = joint_bars(
    results["per_joint"], results["mean_pose"].get("per_joint", {})
  )
  if not bars:
    return []
  return [
    Panel(
      "Mean absolute error of each joint, hip-spine lengths",
      f'{bars}<p class="note">The upright mark is the mean pose.</p>',
    )
  ]


def joint_bars(
  model: Mapping[str, Mapping[str, float]],
  reference: Mapping[str, Mapping[str, float]],
) -> str:
  """Mean absolute error of each joint, the mean pose as a mark on the bar.

  Args:
    model: joint -> {"mae", "rmse", "pckh50"}.
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
      mark = reference[joint]["mae"] if joint in reference else None
      hint = f"{joint}: MAE {row['mae']:.3f}, PCKh@0.5 {row['pckh50']:.3f}"
      if mark is not None:
        hint += f"; mean pose MAE {mark:.3f}"
      groups.setdefault(part, []).append(
        charts.Bar(joint, row["mae"], hint, mark)
      )
  return charts.bars(groups)


def _group_panels(results: Mapping[str, Any]) -> list[Panel]:
  out = []
  head = ("", "windows", *table.TITLES.values(), "mean pose RMSE")
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
    out.append(Panel(title, html_table.table([head], rows)))
  return out


REPORT = Report(text=table.render, page=page)
