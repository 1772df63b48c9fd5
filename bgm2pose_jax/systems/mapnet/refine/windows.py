"""A take of any length through a network that sees three seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.inference.blending import Blender, starts
from bgm2pose_jax.poses.body13 import BODY13, FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.refine.pose_track import PoseTrack
from bgm2pose_jax.systems.mapnet.refine.refiner import Refiner
from bgm2pose_jax.systems.mapnet.refine.training_frame import Placing
from bgm2pose_jax.systems.mapnet.take import HOP_FRAMES, WINDOW_FRAMES

OVERLAPS = ("mean", "last")
# Windows that go through the network at once.
BATCH = 16

Progress = Callable[[Iterator[Any], int], Iterator[Any]]


def refined(
  refiner: Refiner,
  track: PoseTrack,
  placing: Placing,
  features: np.ndarray,
  first_s: float,
  *,
  overlap: str = "mean",
  progress: Progress | None = None,
) -> np.ndarray:
  """Refines a take, a batch of windows at a time.

  Windows lie a second apart; the last one ends with the take. A take shorter
  than a window is filled up with its last pose and sound.

  Args:
    refiner: the network.
    track: input poses.
    placing: the way from the poses' frame to that of the training.
    features: float32 [frames, 35], one row for each frame of the output.
    first_s: time of the first frame on the poses' clock.
    overlap: `mean` of all windows that hold a frame, or the `last` alone.
    progress: wraps an iterator over batches, given how many come.

  Returns:
    float32 [frames, joint=13, 3] metres, in the poses' own frame.

  Raises:
    InputError: the network gives other shapes, or values that are not finite.
  """
  frames = len(features)
  first = list(starts(max(frames, WINDOW_FRAMES), WINDOW_FRAMES, HOP_FRAMES))
  blender = Blender(
    np.ones(WINDOW_FRAMES), HOP_FRAMES, len(first), last=overlap == "last"
  )
  batches = [first[i : i + BATCH] for i in range(0, len(first), BATCH)]
  todo = iter(batches)
  if progress is not None:
    todo = progress(todo, len(batches))
  done, number = [], 0
  for batch in todo:
    # Every batch is full, so that the network is compiled once.
    filled = batch + [batch[-1]] * (min(BATCH, len(first)) - len(batch))
    poses_in = np.stack(
      [_input(refiner, track, placing, s, frames, first_s) for s in filled]
    )
    heard = np.stack([_rows(features, s) for s in filled])
    out = np.asarray(refiner.refine(poses_in, heard))
    _check(out, len(filled))
    for start, pose in zip(batch, out):
      number += 1
      following = first[number] if number < len(first) else None
      done.append(blender.push(start, placing.back(pose), following))
  done.append(blender.flush())
  poses = [part for part in done if len(part)]
  return np.concatenate(poses)[:frames]


def _input(
  refiner: Refiner,
  track: PoseTrack,
  placing: Placing,
  start: int,
  frames: int,
  first_s: float,
) -> np.ndarray:
  place = np.minimum(start + refiner.input_place, max(frames - 1, 0))
  poses = track.at(first_s + place / FRAMES_PER_S)
  return placing.into(poses).astype(np.float32)


def _rows(features: np.ndarray, start: int) -> np.ndarray:
  rows = np.minimum(start + np.arange(WINDOW_FRAMES), len(features) - 1)
  return features[rows]


def _check(out: np.ndarray, count: int) -> None:
  wanted = (count, WINDOW_FRAMES, BODY13.num_joints, 3)
  if out.shape != wanted:
    raise InputError(
      "the network", f"gives poses of shape {out.shape}", f"{wanted} is needed"
    )
  if not np.isfinite(out).all():
    raise InputError(
      "the network",
      "gives poses that are not finite",
      "train again with a lower learning rate",
    )
