"""Tables of many runs: BGM2Pose, its ablations and its rivals."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.contract.comparison import (
  ByName,
  Comparison,
  Control,
  Course,
  Curve,
  Literature,
)
from bgm2pose_jax.poses.body21 import BODY21
from bgm2pose_jax.systems.bgm2pose import published
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_FRAMES, WINDOW_S


def _frames(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
  """MPJPE at each frame of the window, [12] centimetres."""
  distance = np.linalg.norm(pred.astype(np.float64) - target, axis=-1)
  return BODY21.unit_cm * distance.mean(axis=(0, 2))


COMPARISON = Comparison(
  heading="3D pose from background music: models compared",
  titles={
    "main": "Models compared",
    "cross_genre": "Models compared on a genre never heard",
    "ablation": "What each part contributes",
    "noise": "Models compared under noise",
  },
  whole=("bgm2pose", "none"),
  window=(WINDOW_FRAMES, BODY21.num_joints, 3),
  sections=("train_tracks", "test_tracks"),
  expected=lambda keys: {
    "test_tracks": [keys["track"]],
    "setting": keys["setting"],
  },
  data_label=published.data_label,
  literature=Literature(
    source=published.SOURCE, data=published.DATA, figures=published.figures
  ),
  controls=(
    Control(
      ablation="music_only",
      limit_pct=2.0,
      lacking="hears the music alone",
      meaning="the music or a leak tells the pose",
    ),
  ),
  by_name=(
    ByName(
      title="Error of each joint (MPJPE, cm; upright mark: mean pose)",
      block="per_joint",
      figure="mpjpe_cm",
      names=tuple(
        BODY21.joints[joint]
        for joints in BODY21.parts.values()
        for joint in joints
      ),
      is_marked=True,
    ),
    ByName(
      title="Error of each subject (MPJPE, cm)",
      block="per_subject",
      figure="mpjpe_cm",
    ),
  ),
  curve=Curve(
    title="Error over the 12 frames of a window (MPJPE, cm)",
    x_name="frame",
    values=_frames,
  ),
  course=Course(
    title="Error over each recording (MPJPE in cm, mean of 30 s)",
    figure="mpjpe_cm",
    window_s=WINDOW_S,
    smooth=50,
  ),
)
