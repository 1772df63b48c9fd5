"""Ground truth beside a prediction, cut as training cuts it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bgm2pose_jax import poses
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import normalize_pose
from bgm2pose_jax.poses.windows import resample_windows
from bgm2pose_jax.systems.bgm2pose import metrics
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import POSE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import PoseTrack
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import SoundPair
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_FRAMES, WINDOW_S


def read(path: Path, pair: SoundPair, lag_s: float = 0.0) -> np.ndarray:
  """Reads captured poses for the frames of a pair.

  Args:
    path: CSV of positions at 120 a second, see `mocap.read_position_csv`.
    pair: gives the first frame.
    lag_s: time of the recording at which the pose track begins.

  Returns:
    float32 [frames, joint, 3], normalised; as many whole windows as there are
    both sound and poses.

  Raises:
    InputError: a file that cannot be read, or no window covered.
  """
  positions = poses.read_position_csv(path, POSE_RATE_HZ)
  before_s = pair.first_sample / SAMPLE_RATE_HZ - lag_s
  first = round(before_s * POSE_RATE_HZ)
  if first < 0:
    raise InputError(
      path,
      f"begins {-before_s:.2f} s after the first frame of the music",
      "give a pose track that covers the recording, or the right --poses_lag_s",
    )
  windows = resample_windows(
    positions[first:], POSE_RATE_HZ, WINDOW_S, WINDOW_FRAMES
  )
  count = min(len(windows), pair.frames // WINDOW_FRAMES)
  if not count:
    raise InputError(
      path,
      f"{len(positions) / POSE_RATE_HZ:.1f} s of poses cover no window",
      "give the pose track of this recording",
    )
  pose = np.asarray(normalize_pose(windows[:count]), np.float32)
  if not np.isfinite(pose).all():
    bad = int(np.argmin(np.isfinite(pose).all(axis=(1, 2, 3))))
    raise InputError(
      path,
      f"Hips and Spine are in one place {bad * WINDOW_S:.1f} s in",
      "fill the gaps in the capture software",
    )
  return pose.reshape(-1, *pose.shape[2:])


def beside(
  track: PoseTrack, target: np.ndarray
) -> tuple[PoseTrack, Mapping[str, Any]]:
  """Puts ground truth beside a prediction.

  Args:
    track: the prediction.
    target: the poses from `read`; may end earlier.

  Returns:
    The track, cut to the frames that have both, and `metrics.pose_metrics`.
  """
  frames = len(target)
  cut = dataclasses.replace(
    track,
    pose=track.pose[:frames],
    spread=None if track.spread is None else track.spread[:frames],
    target=target,
  )
  found = metrics.pose_metrics(cut.pose[None], target[None])
  return cut, found
