"""Windows of one person's one recording, for tests that need no more."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.systems.bgm2pose import features
from bgm2pose_jax.systems.bgm2pose.table import MusicWindows


def one_recording(x: np.ndarray, pose: np.ndarray) -> MusicWindows:
  """A table of these features [n, 12, 128, 9] and poses [n, 12, 21, 3]."""
  zeros = np.zeros(len(x), np.int32)
  return MusicWindows(
    features=x,
    pose=pose,
    subject=zeros,
    track=zeros,
    genre=zeros,
    recording=zeros,
    label=zeros,
    window_index=np.arange(len(x), dtype=np.int32),
    valid=np.ones(len(x), bool),
    has_pose=np.ones(len(x), bool),
    subjects=("0",),
    tracks=("haze",),
    genres=("ambient",),
    recordings=("r",),
    labels=("wave",),
    spec=features.get_feature_set("logmel_intensity").spec,
    simulated=True,
    fingerprint="0",
  )
