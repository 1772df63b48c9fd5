"""Looks over a folder of published windows: every line and every file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import tqdm

from bgm2pose_jax.base import progress as progress_lib
from bgm2pose_jax.systems.bgm2pose.ampl import (
  recording_index,
  released_layout,
  released_windows,
)
from bgm2pose_jax.systems.bgm2pose.ampl.released_layout import (
  BARE_FOLDER,
  FOLDER,
  ReleasedIndex,
  ReleasedRecording,
)
from bgm2pose_jax.systems.bgm2pose.ampl.released_table import ReleasedWindow
from bgm2pose_jax.systems.bgm2pose.doctor import layouts
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings
from bgm2pose_jax.systems.bgm2pose.doctor.raw_recording import Facts

# Poses are stored as float32, in hip-spine lengths.
_TOLERANCE = 1e-3
_MICROPHONE = 4
_COPY = "copy the published files again"


def examine_released(
  folder: Path, found: Findings, *, progress: bool = True
) -> tuple[ReleasedIndex | None, dict[str, Facts]]:
  """Examines a folder of published windows.

  Args:
    folder: holds `dataset_spec_2400`.
    found: takes the findings.
    progress: show a bar on stderr.

  Returns:
    The recordings, None where there is none, and {name: facts}.
  """
  for name in (FOLDER, BARE_FOLDER):
    known = {released_layout.TABLE, "music_with_intensity"}
    known |= {recording_index.TRACKS_FILE, recording_index.SIMULATED_FILE}
    for path in layouts.check_links(folder / name, found):
      if path.name not in known:
        found.note(
          "unused file", path, "belongs to nothing, is ignored", "move it away"
        )
    layouts.check_links(folder / name / "music_with_intensity", found)
  index = None
  with found.guard(folder, "table"):
    index = released_layout.scan_released(folder, found.refused("table"))
  if index is None:
    return None, {}
  for note in index.notes:
    found.note("table", folder / FOLDER, note, "nothing to do")
  used = [r for r in index.recordings if r.subject not in index.excluded]
  facts = {}
  digests: dict[bytes, str] = {}
  with progress_lib.bar(
    total=sum(len(r.windows) for r in used),
    desc="check",
    unit="window",
    disable=not progress,
  ) as bar:
    for recording in used:
      facts[recording.name] = _examine(index, recording, digests, found, bar)
  return index, facts


def _examine(
  index: ReleasedIndex,
  recording: ReleasedRecording,
  digests: dict[bytes, str],
  found: Findings,
  bar: tqdm.tqdm,
) -> Facts:
  """Reads all windows of a recording; the windows of it that can be used."""
  good = 0
  for window in recording.windows:
    features = pose = None
    with found.guard(index.root / window.sound, "window file"):
      features = released_windows.read_features(index.root, window)
      _check_features(index.root, window, features, digests, found)
    with found.guard(index.root / (window.joint or ""), "window file"):
      pose = released_windows.read_pose(index.root, window)
      if window.joint is not None:
        _check_pose(index.root / window.joint, pose, found)
    good += features is not None and pose is not None
    bar.update(1)
  return Facts(recording.name, windows=len(recording.windows), kept=good)


def _check_features(
  root: Path,
  window: ReleasedWindow,
  features: np.ndarray,
  digests: dict[bytes, str],
  found: Findings,
) -> None:
  """Features [t, f, c] that another window has, or that say nothing."""
  path = root / window.sound
  digest = hashlib.blake2b(features.tobytes(), digest_size=16).digest()
  first = digests.setdefault(digest, window.sound)
  if first != window.sound:
    found.error(
      "same window twice",
      path,
      f"holds the features of {first}: a test window may be one of training",
      _COPY,
    )
    return
  sound = features[..., :_MICROPHONE]
  if (sound == sound[:1, :1]).all():
    found.error(
      "silence", path, "all bands and frames have one level: no sound", _COPY
    )
  elif (sound == sound[..., :1]).all():
    found.error(
      "channels", path, "W, X, Y and Z are the same: copies of one", _COPY
    )


def _check_pose(path: Path, pose: np.ndarray, found: Findings) -> None:
  """Poses [t, joint, 3] that are not normalised as published ones are."""
  length = np.linalg.norm(pose[:, 1] - pose[:, 0], axis=-1)
  aside = np.abs(pose[:, 0, [0, 2]]).max()
  lowest = np.abs(pose[..., 1].min(axis=1)).max()
  normalise = (
    "store body21.normalize_pose(positions): hip-spine units, y up, hips at"
    " x = z = 0, lowest joint at y = 0"
  )
  if not pose.any():
    found.error(
      "lost person", path, "holds zeros alone", "leave the window out"
    )
  elif np.abs(length - 1).max() > _TOLERANCE:
    found.error(
      "pose unit",
      path,
      f"Hips to Spine is {float(np.median(length)):.4g} long, not 1",
      normalise,
    )
  elif max(aside, lowest) > _TOLERANCE * 10:
    found.error(
      "pose unit",
      path,
      f"hips lie {aside:.3g} aside and the lowest joint {lowest:.3g} off the"
      " floor, not 0",
      normalise,
    )
