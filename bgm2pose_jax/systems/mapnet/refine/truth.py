"""True poses beside a refined take."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.refine.pose_track import PoseTrack
from bgm2pose_jax.systems.mapnet.refine.sound_beside import Stretch
from bgm2pose_jax.systems.mapnet.refine.thirteen_joints import median_pose
from bgm2pose_jax.systems.mapnet.refine.training_frame import (
  Placing,
  yaw_between,
)

_LEAST_FRAMES = 25


def beside(
  truth: PoseTrack, stretch: Stretch, track: PoseTrack
) -> tuple[np.ndarray, tuple[str, ...]]:
  """True poses at the times of a refined take.

  Where one of the files goes along with the hips and the other does not, they
  have no frame in common. Then the truth's median pose is laid on that of the
  input, by one shift and one turn about the vertical for the whole take.

  Args:
    truth: the true poses as read, on the poses' clock.
    stretch: the times wanted.
    track: the input poses.

  Returns:
    float32 [frames, joint=13, 3], NaN where the truth does not reach, and
    what was done, sentences.

  Raises:
    InputError: less than half a second of the take has truth.
  """
  time_s = stretch.time_s
  there = (time_s > truth.time_s[0] - 1e-6) & (time_s < truth.end_s - 1e-6)
  if there.sum() < _LEAST_FRAMES:
    raise InputError(
      truth.where,
      f"lasts from {truth.time_s[0]:.2f} to {truth.end_s:.2f} s, the refined"
      f" poses from {time_s[0]:.2f} to {time_s[-1]:.2f} s",
      "give the truth of this take, on the poses' clock",
    )
  out = np.full((len(time_s), BODY13.num_joints, 3), np.nan, np.float32)
  poses = truth.at(time_s[there])
  notes: tuple[str, ...] = ()
  if truth.hip_centred != track.hip_centred:
    middle, wanted = median_pose(poses), median_pose(track.at(time_s[there]))
    turned = Placing(middle.mean(axis=0), yaw_between(middle, wanted))
    poses = turned.into(poses) + wanted.mean(axis=0)
    notes = (
      "Input and truth have no frame in common: the truth's median pose was"
      " laid on that of the input, by one shift and one turn.",
    )
  out[there] = poses
  if not there.all():
    share = there.mean()
    notes += (f"The truth reaches over {100 * share:.0f} % of the take.",)
  return out, notes
