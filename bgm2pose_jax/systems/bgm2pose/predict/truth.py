"""Ground truth beside a prediction, cut as training cuts it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bgm2pose_jax import poses
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.evaluation.metrics import measure
from bgm2pose_jax.poses.body21 import (
  BODY21,
  in_own_heading,
  normalize_pose,
)
from bgm2pose_jax.poses.windows import resample_windows
from bgm2pose_jax.systems.bgm2pose import metrics
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import POSE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.predict.pose_track import PoseTrack
from bgm2pose_jax.systems.bgm2pose.predict.sound_pair import SoundPair
from bgm2pose_jax.systems.bgm2pose.verdict import verdict
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_FRAMES, WINDOW_S


class Truth(NamedTuple):
  """Captured poses for the frames of a prediction.

  Attributes:
    pose: float32 [frames, joint, 3], normalised; whole windows alone.
    hip_spine_cm: the person's own mean distance of Hips and Spine.
  """

  pose: np.ndarray
  hip_spine_cm: float


def read(
  path: Path, pair: SoundPair, lag_s: float = 0.0, heading: str = "room"
) -> Truth:
  """Reads captured poses for the frames of a pair.

  Args:
    path: CSV of positions at 120 a second, see `mocap.read_position_csv`.
    pair: gives the first frame.
    lag_s: time of the recording at which the pose track begins.
    heading: axes of the model's poses, see `config.DataConfig`.

  Returns:
    As many whole windows as there are both sound and poses.

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
  if heading == "own":
    pose = in_own_heading(pose)
  if not np.isfinite(pose).all():
    bad = int(np.argmin(np.isfinite(pose).all(axis=(1, 2, 3))))
    raise InputError(
      path,
      f"Hips and Spine are in one place {bad * WINDOW_S:.1f} s in",
      "fill the gaps in the capture software",
    )
  used = positions[first : first + round(count * WINDOW_S * POSE_RATE_HZ)]
  hips, spine = (used[:, BODY21.index(name)] for name in ("Hips", "Spine"))
  length_cm = 100 * float(np.linalg.norm(spine - hips, axis=-1).mean())
  return Truth(pose.reshape(-1, *pose.shape[2:]), length_cm)


def beside(
  track: PoseTrack, truth: Truth, mean_pose: np.ndarray
) -> tuple[PoseTrack, dict[str, Any]]:
  """Puts ground truth beside a prediction.

  Args:
    track: the prediction.
    truth: the poses from `read`; may end earlier.
    mean_pose: float32 [joint, 3], what guessing gives.

  Returns:
    The track, cut to the frames that have both, and figures: `mpjpe_cm` in the
    person's own length, `hip_spine_cm`, `rmse`, `mae`, `pckh50`, `per_part`,
    `per_joint`, the same of `mean_pose`, and the `verdict`.
  """
  target = truth.pose
  frames = len(target)
  cut = dataclasses.replace(
    track,
    pose=track.pose[:frames],
    spread=None if track.spread is None else track.spread[:frames],
    target=target,
    unit_cm=truth.hip_spine_cm,
  )
  own = metrics.PoseMetrics(truth.hip_spine_cm)
  found = measure(own, cut.pose[None], target[None])
  found["hip_spine_cm"] = truth.hip_spine_cm
  if mean_pose.any():  # weights from elsewhere come without one
    still = np.broadcast_to(mean_pose, target.shape)
    found["mean_pose"] = measure(own, still[None], target[None])
    found["verdict"] = verdict({**found, "model": track.facts["model"]})
  return cut, found


def lines(figures: Mapping[str, Any]) -> list[str]:
  """What a person reads of the figures, a line each.

  Args:
    figures: what `beside` returned.
  """
  still = figures.get("mean_pose")
  guessed = f"; mean pose {still['mpjpe_cm']:.1f} cm" if still else ""
  said = [
    f"against the true poses: MPJPE {figures['mpjpe_cm']:.1f} cm (the person's "
    f"own hip-spine length is {figures['hip_spine_cm']:.2f} cm){guessed}"
  ]
  if "verdict" in figures:
    said.append(figures["verdict"])
  paper = f"RMSE {figures['rmse']:.4f}, MAE {figures['mae']:.4f}, "
  paper += f"PCKh@0.5 {figures['pckh50']:.3f}"
  if still:
    paper += (
      f"; mean pose RMSE {still['rmse']:.4f}, MAE {still['mae']:.4f}, PCKh@0.5 "
      f"{still['pckh50']:.3f}"
    )
  return [*said, f"in hip-spine lengths: {paper}"]
