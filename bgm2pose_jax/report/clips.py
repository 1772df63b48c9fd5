"""Which windows of a run the page plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.report import packed_poses

# With 250 points a window as int16 numbers, twice, in base64: 4 kB a window,
# 1.6 MB in all.
MAX_WINDOWS = 400
_CLIP_S = 15.0


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
  error: Callable[[np.ndarray, np.ndarray], str],
  window_s: float,
  body: Mapping[str, Any],
  simulated: bool,
  limit: int = MAX_WINDOWS,
) -> dict[str, Any]:
  """What the page's player needs, JSON-ready.

  Args:
    predicted: [n, frame, joint, 3] poses of windows.
    target: the same shape, ground truth; None where there is none.
    recording: [n] name of each window's recording.
    window_index: int [n], number of each window within its recording.
    names: [n] what a clip that begins with this window is called.
    error: (predicted, target) of a clip's windows -> text for its label.
    window_s: length of a window in seconds.
    body: the body from `packed_poses.body`.
    simulated: whether to mark the picture.
    limit: windows at most.

  Returns:
    Clips and their poses; see `packed_poses.pack`.

  Raises:
    InputError: a pose that is not finite.
  """
  predicted = np.asarray(predicted, np.float32)
  if target is not None:
    target = np.asarray(target, np.float32)
  length = max(1, round(_CLIP_S / window_s))
  clips = choose(recording, window_index, length=length, limit=limit)
  rows = np.concatenate(clips) if clips else np.zeros(0, int)
  entries = []
  start = 0
  for number, clip in enumerate(clips, 1):
    first, last = int(window_index[clip[0]]), int(window_index[clip[-1]])
    label = f"{number}: {names[clip[0]]}, windows {first} to {last}"
    if target is not None:
      label += f", {error(predicted[clip], target[clip])}"
    entries.append(
      {"first": first, "label": label, "start": start, "windows": len(clip)}
    )
    start += len(clip)
  return packed_poses.pack(
    predicted[rows],
    None if target is None else target[rows],
    clips=entries,
    clip_frames=predicted.shape[1],
    rate_hz=predicted.shape[1] / window_s,
    simulated=simulated,
    body=body,
  )
