"""The page of lifted poses: person, pairs and echoes, sample by sample."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.poses.body15 import BODY15
from bgm2pose_jax.report import axes, document, html_table
from bgm2pose_jax.report.page import Page, Panel, Tile, render
from bgm2pose_jax.systems.posekernel.lift import drawing, shells
from bgm2pose_jax.systems.posekernel.lift.result import LiftedPoses
from bgm2pose_jax.systems.posekernel.lift.shells import Shell

# Six kilobytes each.
MAX_SAMPLES = 150
_PACKAGE = "bgm2pose_jax.systems.posekernel.lift"
_SIMULATED = (
  "The model was trained on simulated rooms and persons; how it does with real"
  " ones is not known."
)
_ABOUT = (
  "Each pair's strongest echoes mean spheres around it; drawn is where they cut"
  " the plane through the middle of the hips. A circle that passes through the"
  " person is an echo that the pose explains; one beyond the person came by way"
  " of a wall."
)
_STEPPER = (
  '<div class="stepper" id="stepper" hidden role="group"'
  ' aria-label="Samples"><button id="before" type="button">Before</button>'
  '<input id="step" type="range" min="0" max="0" value="0" step="1"'
  ' aria-label="Sample"><button id="after" type="button">Next</button></div>'
)


def write_page(
  path: str | os.PathLike[str],
  found: LiftedPoses,
  *,
  title: str,
  figures: Mapping[str, Any] | None,
  max_samples: int = MAX_SAMPLES,
) -> None:
  """Writes the page in one atomic step.

  Args:
    path: file to write or replace.
    found: the poses.
    title: the title of the page.
    figures: from `truth.measure`; None without truth.
    max_samples: samples drawn at most, evenly spread; the page says so.
  """
  shown = np.unique(
    np.linspace(0, len(found) - 1, min(len(found), max_samples)).round()
  ).astype(int)
  notes = [*found.warnings, *found.notes]
  if len(shown) < len(found):
    notes.append(
      f"This page draws {len(shown)} of {len(found)} samples, evenly spread;"
      " poses.npz has all."
    )
  banner = f"TRAINED ON {'SIMULATED' if found.simulated else 'RECORDED'} DATA"
  text = render(
    Page(
      title=title,
      banners=[(banner, _SIMULATED if found.simulated else "")],
      facts=[
        ("samples", f"{len(found):,}"),
        ("pairs", len(found.rig_file.names)),
        ("model", found.facts.get("model", "")),
      ],
      tiles=_tiles(found, figures),
      panels=(
        _samples_panel(found, shown.tolist()),
        Panel("What was noticed", _sentences(notes)),
        _joints_panel(found, figures),
        Panel("Facts", html_table.facts(_flat(found.facts))),
      ),
    )
  )
  whole_file.write_text(Path(path), text)


def _samples_panel(found: LiftedPoses, shown: Sequence[int]) -> Panel:
  above, side = drawing.views(found)
  parts = [_legend(found), _STEPPER]
  for number in shown:
    name = html.escape(found.names[number])
    echoes = [shells.strongest(kernel) for kernel in found.kernels[number]]
    figures = "".join(
      (
        drawing.picture(found, number),
        drawing.room(found, number, above, echoes),
        drawing.room(found, number, side, echoes),
      )
    )
    parts.append(
      f'<div class="sample" data-name="{name}"><h3>Sample {name}</h3>'
      f'<div class="charts">{figures}</div>'
      f"{_echoes_table(found, number, echoes)}</div>"
    )
  parts.append(f'<p class="note">{html.escape(_ABOUT)}</p>')
  return Panel(
    "Samples",
    "".join(parts),
    name="samples",
    styles=(document.asset("samples.css", _PACKAGE),),
    scripts=(document.asset("samples.js", _PACKAGE),),
  )


def _legend(found: LiftedPoses) -> str:
  """The colours of result, truth and pairs."""
  keys = [("Result", axes.colour(0))]
  if found.truth_m is not None:
    keys.append(("Truth", axes.colour(1)))
  keys += [
    (name, drawing.pair_colour(pair))
    for pair, name in enumerate(found.rig_file.names)
  ]
  spans = "".join(
    f'<span class="key {colour}">{html.escape(name)}</span>'
    for name, colour in keys
  )
  return f'<p class="names">{spans}</p>'


def _echoes_table(
  found: LiftedPoses, number: int, echoes: Sequence[Sequence[Shell]]
) -> str:
  """Radii of the spheres, and the joint that each passes nearest to."""
  pose = found.pose_m[number].astype(np.float64)
  rows = []
  for pair, name in enumerate(found.rig_file.names):
    away_m = np.linalg.norm(pose - found.rig_file.rig.pairs_m[pair], axis=1)
    said = []
    for shell in echoes[pair]:
      gaps_m = np.abs(away_m - shell.radius_m)
      joint = int(gaps_m.argmin())
      said.append(
        f"{shell.radius_m:.2f} m ({BODY15.joints[joint]},"
        f" {100 * gaps_m[joint]:.0f} cm off)"
      )
    middle = f"{away_m[drawing.ROOT]:.2f}"
    rows.append(("", [name, middle, "; ".join(said) or "none"]))
  heads = ["pair", "to MidHip, m", "strongest echoes, nearest joint"]
  return html_table.table([heads], rows)


def _tiles(found: LiftedPoses, figures: Mapping[str, Any] | None) -> list[Tile]:
  far_m = np.linalg.norm(found.pose_m[:, drawing.ROOT], axis=1)
  tiles = [
    Tile(
      "median distance of MidHip from the camera, m",
      f"{np.median(far_m):.2f}",
      [f"{far_m.min():.2f} to {far_m.max():.2f}"],
    ),
    Tile(
      "joints not found in the picture",
      f"{found.missing.sum():,}",
      [f"of {found.missing.size:,}"],
    ),
  ]
  if figures is not None:
    for title, key in (
      ("mean joint distance to the truth, cm", "mpjpe_cm"),
      ("MidHip's distance to the truth, cm", "root_cm"),
    ):
      tiles.append(Tile(title, f"{figures[key]:.1f}"))
  return tiles


def _sentences(sentences: Sequence[str]) -> str:
  items = "".join(f"<li>{html.escape(text)}</li>" for text in sentences)
  return f"<ul>{items}</ul>"


def _joints_panel(
  found: LiftedPoses, figures: Mapping[str, Any] | None
) -> Panel:
  heads = ["joint", "not found in"]
  if figures is not None:
    heads.append("to the truth, cm")
  counts = found.missing.sum(axis=0).tolist()
  rows = []
  for joint, count in zip(BODY15.joints, counts):
    cells = [joint, f"{count:,}"]
    if figures is not None:
      cells.append(f"{figures['per_joint'][joint]['mpjpe_cm']:.1f}")
    rows.append(("", cells))
  return Panel("Joints", html_table.table([heads], rows))


def _flat(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
  return [
    (name, value if isinstance(value, str) else json.dumps(value, default=str))
    for name, value in facts.items()
  ]
