"""What a run of this system says: its table, and `report.html`."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.contract.report import Report
from bgm2pose_jax.poses.body15 import BODY15
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
from bgm2pose_jax.systems.posekernel import plan_view
from bgm2pose_jax.systems.posekernel import result_table as table
from bgm2pose_jax.systems.posekernel.figures import FIGURES
from bgm2pose_jax.systems.posekernel.metrics import METRICS

CM_PER_M = 100.0
# Poses are shown in centimetres; an arm is drawn 9 wide, see scene.js.
BODY = {
  **packed_poses.body(BODY15, head="Nose"),
  "girth": 9.0,
  "lengths": "cm",
}
# Samples are single poses; two a second can be looked at.
_SAMPLE_S = 0.5
_MAX_SAMPLES = 240
_ANKLES = (BODY15.index("RAnkle"), BODY15.index("LAnkle"))


def page(
  results: Mapping[str, Any],
  lines: Sequence[Mapping[str, Any]],
  predictions: Mapping[str, np.ndarray],
) -> str:
  """The page of a run as text.

  Args:
    results: content of `results.json`.
    lines: lines of `metrics.jsonl`.
    predictions: arrays of `predictions.npz`.
  """
  return render(
    Page(
      title=table.headline(results),
      heading="Metric poses from an image's keypoints and echoes",
      banners=[
        (
          run_words.data_label(results),
          SIMULATED if results["simulated"] else "",
        ),
        (results["keypoints"], ""),
      ],
      facts=run_words.facts(
        results, [("split by", results["fold_by"])], "samples"
      ),
      tiles=_tiles(results),
      panels=(
        Panel("Verdict", f"<p>{html.escape(FIGURES.verdict(results))}</p>"),
        *_player_panels(results, predictions),
        _plan_panel(results, predictions),
        _score_panel(results),
        _joint_panel(results),
        *_group_panels(results),
        *curves.panels(lines, table.TITLES),
        *run_words.definition_panels(results),
      ),
    )
  )


def _tiles(results: Mapping[str, Any]) -> list[Tile]:
  out = []
  for figure in METRICS.figures:
    notes = [
      f"{name} {results[key][figure.key]:.1f}"
      for key, name in table.FIGURES.baselines.items()
    ]
    if interval := results["interval_95"].get(figure.key):
      notes.append(f"95 % interval {interval[0]:.1f} to {interval[1]:.1f}")
    out.append(Tile(figure.title, f"{results[figure.key]:.1f}", notes))
  return out


def upright_cm(pose_m: np.ndarray, target_m: np.ndarray) -> np.ndarray:
  """Turns poses of the camera's frame so that the player can stand them up.

  Both arrays of a run are turned alike, so that errors stay.

  Args:
    pose_m: [n, joint, 3], metres: x right, y down, z forward.
    target_m: the true poses, of whose ankles the lowest stands on the floor.

  Returns:
    [n, joint, 3], centimetres: y up, z towards the camera; the origin is on
    the floor below the middle of all true mid-hips.
  """
  origin = np.median(target_m.reshape(-1, 3), axis=0)
  origin[1] = target_m[:, _ANKLES, 1].max()
  return CM_PER_M * (pose_m - origin) * np.array([1.0, -1.0, -1.0])


def _player_panels(
  results: Mapping[str, Any], predictions: Mapping[str, np.ndarray]
) -> list[Panel]:
  target = np.asarray(predictions["target"], np.float64)
  pred = np.asarray(predictions["pred"], np.float64)
  named = zip(predictions["environment"], predictions["person"])
  packed = clips.pack(
    upright_cm(pred, target)[:, None],
    upright_cm(target, target)[:, None],
    recording=np.asarray(predictions["recording"]),
    window_index=np.asarray(predictions["window_index"]),
    names=[f"{environment}, {person}" for environment, person in named],
    window_s=_SAMPLE_S,
    body=BODY,
    simulated=results["simulated"],
    limit=_MAX_SAMPLES,
    counted="sample",
  )
  caption = (
    f"{len(packed.rows)} of {results['windows']} test samples are in this "
    "page, two a second; predictions.npz has all. Samples are single poses."
  )
  return [
    player.panel(packed.data, caption=caption),
    *timeline.panels(has_truth=True),
    *moments.panels(packed.data, packed.worst),
  ]


def _plan_panel(
  results: Mapping[str, Any], predictions: Mapping[str, np.ndarray]
) -> Panel:
  heard = results["time_of_arrival"]["pairs"]
  names = np.asarray(predictions["environment"])
  drawn = []
  for name in sorted(set(names.tolist())):
    rows = names == name
    drawn.append(
      plan_view.chart(
        name,
        predictions["pred"][rows],
        predictions["target"][rows],
        predictions["pairs"][rows][0, :heard],
      )
    )
  return Panel("From above", f'<div class="charts">{"".join(drawn)}</div>')


def _score_panel(results: Mapping[str, Any]) -> Panel:
  rows = [
    ("model" if key == "model" else "", (name, *table.figures(row)))
    for key, name, row in table.model_rows(results)
  ]
  head = ("", *table.TITLES.values())
  note = f'<p class="note">{html.escape(table.read_out(results))}.</p>'
  return Panel(
    "Results", html_table.table([head], rows, caption="Results") + note
  )


def _joint_panel(results: Mapping[str, Any]) -> Panel:
  own, other = results["per_joint"], results["fixed_height"]["per_joint"]
  groups = {
    part: [
      charts.Bar(
        name,
        own[name]["mpjpe_cm"],
        f"{name}: {own[name]['mpjpe_cm']:.1f} cm; fixed height "
        f"{other[name]['mpjpe_cm']:.1f} cm",
        mark=other[name]["mpjpe_cm"],
      )
      for name in (BODY15.joints[joint] for joint in joints)
    ]
    for part, joints in BODY15.parts.items()
  }
  return Panel(
    "MPJPE of each joint, cm (marks: fixed height)",
    charts.bars(groups, digits=1),
  )


def _group_panels(results: Mapping[str, Any]) -> list[Panel]:
  out = []
  for key, title in table.GROUPS.items():
    rows = [("", row) for row in table.group_rows(results, key)]
    head = ("", *table.GROUP_HEAD)
    out.append(
      Panel(f"By {title}", html_table.table([head], rows, caption=title))
    )
  return out


REPORT = Report(text=table.render, page=page)
