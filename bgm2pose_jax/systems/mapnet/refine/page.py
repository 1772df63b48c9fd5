"""The page of a refined take: input, result and truth beside the sound."""

from __future__ import annotations

import base64
import html
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy import signal

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.report import html_table, packed_poses, player
from bgm2pose_jax.report.page import Page, Panel, Tile, render
from bgm2pose_jax.systems.mapnet.refine import measures
from bgm2pose_jax.systems.mapnet.refine.bridging import Gaps
from bgm2pose_jax.systems.mapnet.refine.result import RefinedTake
from bgm2pose_jax.systems.mapnet.refine.sound_beside import Sound, Stretch
from bgm2pose_jax.systems.mapnet.report import BODY, CM_PER_M

# Three minutes: with sound about ten megabytes.
MAX_FRAMES = 9_000
# Enough for the overtones of a violin that an ear misses first.
_SOUND_HZ = 22_050
_SIMULATED = (
  "The model was trained on a simulated violinist; how it does with a real one"
  " is not known."
)
_ABOUT = (
  "Acceleration is the mean size of the second difference of all joints; it"
  " measures jitter, and true motion has some too. Distances are in the frame"
  " of the poses given, unless a note says otherwise."
)
_HIPS = (BODY13.index("RBWT"), BODY13.index("LBWT"))


def write_page(
  path: str | os.PathLike[str],
  take: RefinedTake,
  *,
  title: str,
  sound: Sound,
  stretch: Stretch,
  figures: Mapping[str, Any],
  verdict: Sequence[str],
  gaps: Sequence[Gaps],
  max_frames: int = MAX_FRAMES,
) -> None:
  """Writes the page in one atomic step.

  Args:
    path: file to write or replace.
    take: the poses.
    title: the title of the page.
    sound: what is heard.
    stretch: where in it the poses begin.
    figures: from `measures.measure`.
    verdict: the lines from `measures.verdict`.
    gaps: the input's gaps, from `bridging.gaps`.
    max_frames: frames embedded at most, the first of the take; the page says
      so.
  """
  frames = min(len(take), max_frames)
  data = _packed(take, frames)
  data["clips"][0]["sound"] = _sound_uri(sound, stretch.first_row, frames)
  banner = f"TRAINED ON {'SIMULATED' if take.simulated else 'RECORDED'} DATA"
  notes = [*verdict, *take.notes]
  if frames < len(take):
    notes.append(
      f"This page holds the first {frames / FRAMES_PER_S:.0f} s of"
      f" {len(take) / FRAMES_PER_S:.0f} s; poses.npz has all."
    )
  text = render(
    Page(
      title=title,
      banners=[(banner, _SIMULATED if take.simulated else "")],
      facts=[
        ("from", f"{take.first_s:.2f} s"),
        ("to", f"{take.time_s[-1]:.2f} s"),
        ("poses", f"{len(take):,}, {FRAMES_PER_S} a second"),
      ],
      tiles=_tiles(figures, gaps),
      panels=(
        player.panel(data),
        Panel("What refining did", _sentences(notes)),
        _joints_panel(figures, gaps),
        Panel("Facts", html_table.facts(_flat(take.facts))),
      ),
    )
  )
  whole_file.write_text(Path(path), text)


def _packed(take: RefinedTake, frames: int) -> dict[str, Any]:
  """The figures in centimetres, on the floor and around the person."""
  middle = np.median(take.pose_m[:, _HIPS].mean(axis=1), axis=0)
  floor_m = np.percentile(take.pose_m[..., 1].min(axis=1), 5.0)
  origin = np.array([middle[0], floor_m, middle[2]])

  def placed(position_m: np.ndarray) -> np.ndarray:
    return (position_m[:frames] - origin) * CM_PER_M

  truth = None
  if take.truth_m is not None:
    truth = placed(_held(take.truth_m))
  return packed_poses.pack(
    placed(take.pose_m),
    truth,
    other=placed(take.input_m),
    clips=[
      {
        "first": 0,
        "first_s": take.first_s,
        "label": "",
        "start": 0,
        "windows": frames,
      }
    ],
    clip_frames=1,
    rate_hz=FRAMES_PER_S,
    simulated=take.simulated,
    body={
      **BODY,
      "names": {"pred": "Result", "target": "Truth", "other": "Input"},
    },
  )


def _held(position_m: np.ndarray) -> np.ndarray:
  """Frames that are missing take the nearest one that is there."""
  there = np.flatnonzero(np.isfinite(position_m).all(axis=(1, 2)))
  frames = np.arange(len(position_m))
  return position_m[np.clip(frames, there[0], there[-1])]


def _sound_uri(sound: Sound, first_row: int, frames: int) -> str:
  """The sound of the frames as a data URI: FLAC, 16 bits, 22 to 44 kHz."""
  start = round(first_row / FRAMES_PER_S * sound.rate_hz)
  stop = round((first_row + frames) / FRAMES_PER_S * sound.rate_hz)
  samples = sound.samples[start:stop]
  times = max(1, sound.rate_hz // _SOUND_HZ)
  if times > 1:
    samples = signal.resample_poly(samples, 1, times)
  # Loud enough to hear, and never clipped.
  peak = float(np.abs(samples).max(initial=0.0))
  if peak > 1.0:
    samples = samples / peak
  buffer = io.BytesIO()
  soundfile.write(
    buffer,
    samples,
    sound.rate_hz // times,
    format="FLAC",
    subtype="PCM_16",
  )
  text = base64.b64encode(buffer.getvalue()).decode("ascii")
  return f"data:audio/flac;base64,{text}"


def _tiles(figures: Mapping[str, Any], gaps: Sequence[Gaps]) -> list[Tile]:
  given, made = figures["input"], figures["result"]
  name = measures.ACCELERATION
  tiles = [
    Tile(
      "mean acceleration, m/s²",
      f"{made[name]:.3g}",
      [f"input {given[name]:.3g}"],
    )
  ]
  if "truth" in figures:
    for title, key in (
      ("mean joint distance to the truth, cm", "mpjpe_mm"),
      ("the same, hips in one place, cm", "mpjpe_root_mm"),
    ):
      note = f"input {given[key] / 10:.1f}"
      tiles.append(Tile(title, f"{made[key] / 10:.1f}", [note]))
  joints = sum(each.frames for each in gaps)
  longest_s = max((each.longest_s for each in gaps), default=0.0)
  note = f"longest gap {longest_s:.2f} s" if gaps else "every joint was seen"
  tiles.append(Tile("joints bridged", f"{joints:,}", [note]))
  return tiles


def _sentences(sentences: Sequence[str]) -> str:
  items = "".join(f"<li>{html.escape(text)}</li>" for text in sentences)
  return f'<ul>{items}</ul><p class="note">{html.escape(_ABOUT)}</p>'


def _joints_panel(figures: Mapping[str, Any], gaps: Sequence[Gaps]) -> Panel:
  has_truth = "truth" in figures
  heads = ["joint", "poses bridged", "longest gap, s"]
  if has_truth:
    heads += ["input to truth, cm", "result to truth, cm"]
  found = {each.joint: each for each in gaps}
  rows = []
  for joint in BODY13.joints:
    gap = found.get(joint)
    cells = [joint, "0" if gap is None else f"{gap.frames:,}"]
    cells.append("–" if gap is None else f"{gap.longest_s:.2f}")
    if has_truth:
      cells += [
        f"{figures[name]['per_joint'][joint]['mpjpe_mm'] / 10:.1f}"
        for name in ("input", "result")
      ]
    rows.append(("", cells))
  return Panel("Joints", html_table.table([heads], rows))


def _flat(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
  return [
    (name, value if isinstance(value, str) else json.dumps(value, default=str))
    for name, value in facts.items()
  ]
