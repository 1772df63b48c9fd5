"""Which windows of a run the page plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bgm2pose_jax.report import packed_poses

# 12 x 63 int16 numbers, twice, in base64: 4 kB a window, 1.6 MB in all.
MAX_WINDOWS = 400
_CLIP_WINDOWS = 25  # 15 s
_WINDOW_S = 0.6


def choose(
  recording: np.ndarray, window_index: np.ndarray, limit: int = MAX_WINDOWS
) -> list[np.ndarray]:
  """Picks clips of consecutive windows, spread evenly when there are many.

  Args:
    recording: [n] name of each window's recording.
    window_index: int [n].
    limit: windows at most.

  Returns:
    For each clip, the positions of its windows in order of time.
  """
  order = np.lexsort((window_index, recording))
  clips: list[np.ndarray] = []
  for name in sorted(set(recording.tolist())):
    rows = order[recording[order] == name]
    gaps = np.flatnonzero(np.diff(window_index[rows]) != 1) + 1
    for run in np.split(rows, gaps):
      pieces = range(_CLIP_WINDOWS, len(run), _CLIP_WINDOWS)
      clips.extend(np.split(run, list(pieces)))
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
  predictions: Mapping[str, np.ndarray],
  bones: Sequence[tuple[int, int]],
  *,
  simulated: bool,
  limit: int = MAX_WINDOWS,
) -> dict[str, Any]:
  """What the page's player needs, JSON-ready.

  Args:
    predictions: pred [n, 12, 21, 3], window_index [n], track [n], and where
      there are such, target like pred, recording [n], subject [n].
    bones: (parent, child) joint pairs.
    simulated: whether to mark the picture.
    limit: windows at most.

  Returns:
    Clips and their poses; see `poses.pack`.

  Raises:
    InputError: a pose that is not finite.
  """
  pred = np.asarray(predictions["pred"], np.float32)
  target = predictions.get("target")
  track = np.asarray(predictions["track"])
  window_index = np.asarray(predictions["window_index"])
  recording = np.asarray(predictions.get("recording", track))
  clips = choose(recording, window_index, limit)
  rows = np.concatenate(clips) if clips else np.zeros(0, int)
  subject = predictions.get("subject")
  entries = []
  start = 0
  for number, clip in enumerate(clips, 1):
    first, last = int(window_index[clip[0]]), int(window_index[clip[-1]])
    names = [str(track[clip[0]])]
    if subject is not None:
      names.insert(0, f"subject {np.asarray(subject)[clip[0]]}")
    label = f"{number}: {', '.join(names)}, windows {first} to {last}"
    if target is not None:
      error = pred[clip].astype(np.float64) - np.asarray(target)[clip]
      label += f", RMSE {np.sqrt(np.mean(np.square(error))):.3f}"
    entries.append(
      {"first": first, "label": label, "start": start, "windows": len(clip)}
    )
    start += len(clip)
  return packed_poses.pack(
    pred[rows],
    None if target is None else np.asarray(target, np.float32)[rows],
    clips=entries,
    clip_frames=pred.shape[1],
    rate_hz=pred.shape[1] / _WINDOW_S,
    simulated=simulated,
    bones=bones,
  )
