"""A hand-made prediction of a person whose arms swing, for page tests."""

from __future__ import annotations

import numpy as np

from bgm2pose_jax.systems.bgm2pose.predict.pose_track import PoseTrack


def make_track(frames=80, *, truth=True, spread=True, **changes):
  """A `PoseTrack` of `frames` poses, with `changes` laid over it."""
  rng = np.random.default_rng(0)
  pose = np.broadcast_to(rng.normal(0, 2, (21, 3)), (frames, 21, 3)).copy()
  pose[..., 1] += 8
  pose[..., 0] += 3 * np.sin(np.arange(frames)[:, None] / 5)
  pose = pose.astype(np.float32)
  arguments = {
    "pose": pose,
    "first_s": 0.025,
    "simulated": True,
    "spread": rng.uniform(0.1, 0.9, (frames, 21)) if spread else None,
    "target": pose + np.float32(1) if truth else None,
    "facts": {"model": {"steps": 7}},
  }
  return PoseTrack(**{**arguments, **changes})


def make_maps(frames=80, bands=128):
  """(spectrogram, attention) [frames, bands]."""
  rng = np.random.default_rng(1)
  heard = rng.normal(-40, 10, (frames, bands)).astype(np.float32)
  weights = rng.uniform(0, 1, (frames, bands)).astype(np.float32)
  return heard, weights / weights.sum(axis=1, keepdims=True)
