"""Which windows of a run the page plays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.report import moments, packed_poses
from bgm2pose_jax.report.moments import Moment

# With 250 points a window as int16 numbers, twice, in base64: 4 kB a window,
# 1.6 MB in all.
MAX_WINDOWS = 400
_CLIP_S = 15.0


@dataclasses.dataclass(frozen=True)
class Packed:
  """The clips of a page.

  Attributes:
    data: what the player needs, JSON-ready; see `packed_poses.pack`. A clip
      has its `error` as well, the mean joint distance, where there is ground
      truth.
    rows: int [m], positions of the windows shown, clips one behind the other.
    worst: the moments with the largest error; none without ground truth.
  """

  data: dict[str, Any]
  rows: np.ndarray
  worst: Sequence[Moment]


def choose(
  recording: np.ndarray,
  window_index: np.ndarray,
  *,
  length: int,
  limit: int = MAX_WINDOWS,
) -> list[np.ndarray]:
  """Picks clips of consecutive windows, spread evenly when there are many.

  Args:
    recording: [n] name of each window's recording.
    window_index: int [n], number of each window within its recording.
    length: windows of a clip at most.
    limit: windows of all clips at most.

  Returns:
    For each clip, the positions of its windows in order of time.
  """
  order = np.lexsort((window_index, recording))
  clips: list[np.ndarray] = []
  for name in sorted(set(recording.tolist())):
    rows = order[recording[order] == name]
    gaps = np.flatnonzero(np.diff(window_index[rows]) != 1) + 1
    for run in np.split(rows, gaps):
      clips.extend(np.split(run, list(range(length, len(run), length))))
  clips = [clip for clip in clips if len(clip)]
  if sum(map(len, clips)) <= limit:
    return clips
  # The fewest evenly spread clips that fill the page, the last one cut.
  chosen: list[np.ndarray] = []
  for wanted in range(1, len(clips) + 1):
    spread = np.linspace(0, len(clips) - 1, wanted).round().astype(int)
    chosen = [clips[index] for index in np.unique(spread)]
    if sum(map(len, chosen)) >= limit:
      break
  before = np.cumsum([0, *map(len, chosen)])
  cut = [clip[: limit - at] for clip, at in zip(chosen, before) if at < limit]
  return cut


def pack(
  predicted: np.ndarray,
  target: np.ndarray | None,
  *,
  recording: np.ndarray,
  window_index: np.ndarray,
  names: Sequence[str],
  window_s: float,
  body: Mapping[str, Any],
  simulated: bool,
  limit: int = MAX_WINDOWS,
  counted: str = "",
) -> Packed:
  """Chooses and packs the clips of a page's player.

  Args:
    predicted: [n, frame, joint, 3] poses of windows.
    target: the same shape, ground truth; None where there is none.
    recording: [n] name of each window's recording.
    window_index: int [n], number of each window within its recording.
    names: [n] what a clip that begins with this window is called.
    window_s: length of a window in seconds.
    body: the body from `packed_poses.body`.
    simulated: whether to mark the picture.
    limit: windows at most.
    counted: what a frame is, such as "sample", where frames are no moments in
      time; empty names the clips by their seconds.

  Raises:
    InputError: a pose that is not finite.
  """
  predicted = np.asarray(predicted, np.float32)
  if target is not None:
    target = np.asarray(target, np.float32)
  length = max(1, round(_CLIP_S / window_s))
  clips = choose(recording, window_index, length=length, limit=limit)
  rows = np.concatenate(clips) if clips else np.zeros(0, int)
  rate_hz = predicted.shape[1] / window_s
  unit = body["lengths"]
  distance, entries = None, []
  if target is not None:
    off = predicted[rows].astype(np.float64) - target[rows]
    distance = np.linalg.norm(off, axis=-1).reshape(-1, predicted.shape[2])
  start = 0
  for number, clip in enumerate(clips, 1):
    first, last = int(window_index[clip[0]]), int(window_index[clip[-1]])
    first_s, end_s = first * window_s, (last + 1) * window_s
    stretch = f"{first_s:.1f} to {end_s:.1f} s"
    if counted:
      stretch = f"{counted}s {first} to {last}"
    entry = {
      "first": first,
      "first_s": round(first_s, 6),
      "label": f"{number}: {names[clip[0]]}, {stretch}",
      "start": start,
      "windows": len(clip),
    }
    if distance is not None:
      frames = predicted.shape[1]
      own = distance[start * frames : (start + len(clip)) * frames]
      entry["error"] = round(float(own.mean()), 6)
      entry["label"] += f", error {own.mean():.2f} {unit}"
    entries.append(entry)
    start += len(clip)
  data = packed_poses.pack(
    predicted[rows],
    None if target is None else target[rows],
    clips=entries,
    clip_frames=predicted.shape[1],
    rate_hz=rate_hz,
    simulated=simulated,
    body=body,
  )
  if counted:
    data["counted"] = counted
  found: list[Moment] = []
  if distance is not None:
    lengths = [len(clip) * predicted.shape[1] for clip in clips]
    found = moments.worst(distance, lengths, rate_hz)
  return Packed(data, rows, found)
