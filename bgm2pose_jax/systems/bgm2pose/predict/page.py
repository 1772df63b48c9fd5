"""The page of a prediction: a skeleton to play beside what was heard."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bgm2pose_jax.files import whole_file
from bgm2pose_jax.report import (
  document,
  html_table,
  moments,
  packed_poses,
  player,
  timeline,
)
from bgm2pose_jax.report.page import Page, Panel, render
from bgm2pose_jax.systems.bgm2pose.predict import tracks
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import RATE_HZ, PoseTrack
from bgm2pose_jax.systems.bgm2pose.report import BODY_CM

_PACKAGE = "bgm2pose_jax.systems.bgm2pose.predict"
_SIMULATED = (
  "The model was trained on recordings from a simulator; how it does in a real"
  " room is not known."
)


def write_page(
  path: str | os.PathLike[str],
  track: PoseTrack,
  *,
  spectrogram: np.ndarray | None = None,
  attention: np.ndarray | None = None,
  title: str,
  summary: str = "",
  facts: Sequence[tuple[str, Any]] = (),
  max_frames: int = packed_poses.MAX_FRAMES,
) -> None:
  """Writes the page of a prediction in one atomic step.

  Args:
    path: file to write or replace.
    track: the prediction; its own facts close the table.
    spectrogram: [frames, bands], log-mel dB of the recording's channel W;
      None draws none.
    attention: [frames, bands], how much each frequency band was attended to,
      not negative, in any scale; None draws none.
    title: the title of the page.
    summary: how good the poses are, in a sentence; empty says nothing.
    facts: (name, value) rows of the table.
    max_frames: frames embedded at most, the first of the track; the page
      states it.

  Raises:
    InputError: an array of another length than the track, or with values that
      are not finite.
  """
  text = _render(
    track, spectrogram, attention, title, summary, facts, max_frames
  )
  whole_file.write_text(Path(path), text)


def _render(
  track: PoseTrack,
  spectrogram: np.ndarray | None,
  attention: np.ndarray | None,
  title: str,
  summary: str,
  facts: Sequence[tuple[str, Any]],
  max_frames: int,
) -> str:
  frames = min(len(track), max_frames)
  target, spread = (
    None if array is None else array[:frames] * track.unit_cm
    for array in (track.target, track.spread)
  )
  data = packed_poses.pack(
    track.pose[:frames] * track.unit_cm,
    target,
    spread,
    clips=[
      {
        "first": 0,
        "first_s": track.first_s,
        "label": "",
        "start": 0,
        "windows": frames,
      }
    ],
    clip_frames=1,
    rate_hz=RATE_HZ,
    simulated=track.simulated,
    body=BODY_CM,
  )
  times = timeline.panels(
    tracks.pictures(track, frames, spectrogram, attention),
    tracks.lines(track, frames),
    per_column=tracks.per_column(frames),
    has_truth=track.target is not None,
    caption=_left_out(track, frames, tracks.per_column(frames)),
  )
  worst = []
  if track.target is not None:
    off = (track.pose[:frames] - track.target[:frames]) * track.unit_cm
    distance = np.linalg.norm(off, axis=-1)
    worst = moments.worst(distance, [frames], RATE_HZ)
  return render(
    Page(
      title=title,
      styles=(document.asset("page.css", _PACKAGE),),
      banners=[
        (
          f"TRAINED ON {'SIMULATED' if track.simulated else 'RECORDED'} DATA",
          _SIMULATED if track.simulated else "",
        ),
        *_sound_banner(track.facts.get("sound")),
        *(("", text) for text in track.facts.get("warnings", ())),
      ],
      facts=_short_facts(track),
      summary=summary,
      panels=(
        (player.panel(data, in_focus=True), *times),
        *moments.panels(data, worst),
        Panel("Facts", html_table.facts((*facts, *_flat(track.facts)))),
      ),
    )
  )


def _sound_banner(sound: str | None) -> list[tuple[str, str]]:
  """What is known of the recording: the simulator made it, or nothing."""
  if sound is None:
    return []
  if sound == "simulated":
    return [("SIMULATED SOUND", "The simulator made this recording.")]
  return [("SOUND WITHOUT A SCENE FILE", "It is taken to be recorded.")]


def _short_facts(track: PoseTrack) -> list[tuple[str, str]]:
  """What the line below the title says."""
  last_s = float(track.time_s[-1])
  facts = [
    ("from", f"{track.first_s:.2f} s"),
    ("to", f"{last_s:.2f} s"),
    ("poses", f"{len(track):,}, {RATE_HZ:g} a second"),
  ]
  if track.spread is not None:
    spread = float(track.spread.mean())
    facts.append(("mean spread", f"{spread:.2f} hip-spine lengths"))
  if track.target is not None:
    error = np.linalg.norm(track.pose - track.target, axis=-1).mean()
    text = f"{error * track.unit_cm:.1f} cm"
    facts.append(("mean joint distance to the truth (MPJPE)", text))
  return facts


def _left_out(track: PoseTrack, frames: int, per_column: int) -> str:
  """What the page does not show, in words."""
  said = []
  if frames < len(track):
    said.append(
      f"This page holds the first {frames:,} of {len(track):,} poses"
      f" ({frames / RATE_HZ / 60:.1f} of {len(track) / RATE_HZ / 60:.1f}"
      " minutes); poses.npz has all."
    )
  if per_column > 1:
    said.append(f"Images and lines are means of {per_column} poses.")
  return " ".join(said)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterable:
  """(name, value) of nested facts, names joined by dots."""
  for name, value in values.items():
    if isinstance(value, Mapping):
      yield from _flat(value, f"{prefix}{name}.")
    elif isinstance(value, str):
      yield prefix + str(name), value
    else:
      yield prefix + str(name), json.dumps(value, default=str)
