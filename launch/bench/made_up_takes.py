"""Random windows of takes, of the size that MAPnet's have."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.poses.body13 import BODY13
from bgm2pose_jax.systems.mapnet.models.head import AUDIO_COLUMNS
from bgm2pose_jax.systems.mapnet.noise import MAX_EVENTS
from bgm2pose_jax.systems.mapnet.table import TakeWindows
from bgm2pose_jax.systems.mapnet.take import WINDOW_FRAMES


def windows(count: int, seed: int = 0) -> TakeWindows:
  """Random windows: points about a metre apart, columns near one.

  Nothing is swapped in them; an event that swaps takes as long as none.

  Args:
    count: how many windows.
    seed: of the numbers.
  """
  rng = np.random.default_rng(seed)
  zeros = np.zeros(count, np.int32)
  pose = rng.normal(size=(count, WINDOW_FRAMES, BODY13.num_joints, 3))
  audio = rng.normal(size=(count, WINDOW_FRAMES, AUDIO_COLUMNS))
  return TakeWindows(
    pose=pose.astype(np.float32),
    audio=audio.astype(np.float32),
    swaps=np.zeros((count, MAX_EVENTS, 4), np.float32),
    noise_key=zeros,
    first_frame=zeros,
    whole=np.ones(count, bool),
    recording=zeros,
    window_index=np.arange(count, dtype=np.int32),
    take=zeros,
    player=zeros,
    technique=zeros,
    variant=zeros,
    takes=("0",),
    players=("0",),
    techniques=("noise",),
    variants=("0",),
    recordings=("0",),
    spec={"audio": tuple(map(str, range(AUDIO_COLUMNS)))},
    simulated=True,
    fingerprint="made up",
  )
