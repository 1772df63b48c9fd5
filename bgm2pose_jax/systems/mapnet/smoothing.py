"""Baselines without training: the input as it is, and its moving average.

Shrestha et al. (arXiv 2203.12829) smooth with a simple moving average (SMA) and
fill in the frames left out with midpoints. The width is not stated. We take
three frames: the error of 300 mm of white noise per axis is then 276 mm, not
counting swapped joints, where the paper's is 292 mm. Where two frames were left
out, straight lines take the place of midpoints.
"""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES


def interpolated(pose: np.ndarray, frames: int = WINDOW_FRAMES) -> np.ndarray:
  """Straight lines between the frames of the input; the last one is held.

  Args:
    pose: [n, t, joint, 3] at the input's rate, from the window's first frame.
    frames: frames wanted, a multiple of t.

  Returns:
    float32 [n, frames, joint, 3].

  Raises:
    InputError: frames that are no multiple of t.
  """
  given = pose.shape[1]
  if given == 0 or frames % given:
    raise InputError(
      "pose",
      f"{given} frames",
      f"give a number of frames that divides {frames}",
    )
  step = frames // given
  pose = np.asarray(pose, np.float32)
  after = np.concatenate([pose[:, 1:], pose[:, -1:]], axis=1)
  out = np.empty((len(pose), frames, *pose.shape[2:]), np.float32)
  for place in range(step):
    weight = np.float32(place / step)
    out[:, place::step] = (1 - weight) * pose + weight * after
  return out


def moving_average(pose: np.ndarray) -> np.ndarray:
  """Mean of each frame and its neighbours: three frames, two at the ends.

  Args:
    pose: [n, t, joint, 3], at any rate.

  Returns:
    float32, the same shape.
  """
  pose = np.asarray(pose, np.float32)
  total, count = pose.copy(), np.ones(pose.shape[1], np.float32)
  total[:, 1:] += pose[:, :-1]
  total[:, :-1] += pose[:, 1:]
  count[1:] += 1
  count[:-1] += 1
  return total / count[:, None, None]


def smoothed(pose: np.ndarray, frames: int = WINDOW_FRAMES) -> np.ndarray:
  """The SMA baseline: `moving_average` at the input's rate, `interpolated`.

  Args:
    pose: [n, t, joint, 3] at the input's rate, from the window's first frame.
    frames: frames wanted, a multiple of t.

  Returns:
    float32 [n, frames, joint, 3].

  Raises:
    InputError: frames that are no multiple of t.
  """
  return interpolated(moving_average(pose), frames)
