"""What a run of this system says: its table, and `report.html`."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.contract.report import Report
from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
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
from bgm2pose_jax.systems.mapnet import result_table as table
from bgm2pose_jax.systems.mapnet.figures import FIGURES
from bgm2pose_jax.systems.mapnet.take import HOP_FRAMES, WINDOW_FRAMES

CM_PER_M = 100.0
# Poses are shown in centimetres; an arm is drawn 9 wide, see scene.js.
BODY = {**packed_poses.body(BODY13), "girth": 9.0, "lengths": "cm"}
# Windows of 150 frames as int16 numbers, twice, in base64: 31 kB each.
_MAX_WINDOWS = 40
_GROUPS = {
  "per_category": "By kind of motion",
  "per_player": "By player",
  "per_technique": "By technique",
}


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
  banners = [
    (run_words.data_label(results), SIMULATED if results["simulated"] else "")
  ]
  if results["targets_in_training"]:
    banners.append((results["targets_in_training"], ""))
  return render(
    Page(
      title=table.headline(results),
      heading="Poses refined by sound",
      banners=banners,
      facts=run_words.facts(results, [("split by", results["fold_by"])]),
      tiles=_tiles(results),
      panels=(
        Panel("Verdict", f"<p>{html.escape(FIGURES.verdict(results))}</p>"),
        *_player_panels(results, predictions),
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
  for key, title in list(table.TITLES.items())[:3]:
    notes = [
      f"raw input {results['raw'][key]:.1f}",
      f"moving average {results['sma'][key]:.1f}",
    ]
    if interval := results["interval_95"].get(key):
      notes.append(f"95 % interval {interval[0]:.1f} to {interval[1]:.1f}")
    out.append(Tile(title, f"{results[key]:.1f}", notes))
  return out


def _player_panels(
  results: Mapping[str, Any], predictions: Mapping[str, np.ndarray]
) -> list[Panel]:
  # Windows that stand end to end, of one variant of each take.
  index = np.asarray(predictions["window_index"])
  every = WINDOW_FRAMES // HOP_FRAMES
  first = np.asarray(predictions["variant"]) == min(predictions["variant"])
  rows = np.flatnonzero(first & (index % every == 0))
  named = zip(
    *(np.asarray(predictions[k])[rows] for k in ("take", "player", "technique"))
  )
  packed = clips.pack(
    CM_PER_M * predictions["pred"][rows],
    CM_PER_M * predictions["target"][rows],
    recording=np.asarray(predictions["recording"])[rows],
    window_index=index[rows] // every,
    names=[
      f"take {take}, player {player}, {technique}"
      for take, player, technique in named
    ],
    window_s=WINDOW_FRAMES / FRAMES_PER_S,
    body=BODY,
    simulated=results["simulated"],
    limit=_MAX_WINDOWS,
  )
  caption = (
    f"{len(packed.rows)} of {results['windows']} test windows are in this "
    "page; "
    "predictions.npz has all."
  )
  return [
    player.panel(packed.data, caption=caption),
    *timeline.panels(has_truth=True),
    *moments.panels(packed.data, packed.worst),
  ]


def _score_panel(results: Mapping[str, Any]) -> Panel:
  rows = [
    ("model" if key == "model" else "", (name, *table.figures(row)))
    for key, name, row in table.model_rows(results)
  ]
  head = ("", *table.TITLES.values())
  return Panel("Results", html_table.table([head], rows, caption="Results"))


def _joint_panel(results: Mapping[str, Any]) -> Panel:
  own, sma = results["per_joint"], results["sma"]["per_joint"]
  groups = {
    part: [
      charts.Bar(
        name,
        own[name]["mpjpe_mm"],
        f"{name}: {own[name]['mpjpe_mm']:.1f} mm; moving average "
        f"{sma[name]['mpjpe_mm']:.1f} mm",
      )
      for name in (BODY13.joints[joint] for joint in joints)
    ]
    for part, joints in BODY13.parts.items()
  }
  return Panel("MPJPE of each joint, mm", charts.bars(groups, digits=1))


def _group_panels(results: Mapping[str, Any]) -> list[Panel]:
  out = []
  titles = {f.key: f.title for f in table.FIGURES.metrics.figures}
  head = ("", "windows", *titles.values(), "raw MPJPE")
  for key, title in _GROUPS.items():
    rows = [
      (
        "",
        (
          str(table.CATEGORIES.get(name, name)),
          str(row["windows"]),
          *(f"{row[figure]:.1f}" for figure in titles),
          f"{row['raw']['mpjpe_mm']:.1f}",
        ),
      )
      for name, row in results[key].items()
    ]
    out.append(Panel(title, html_table.table([head], rows, caption=title)))
  return out


REPORT = Report(text=table.render, page=page)
