"""PoseKernelLifter small enough for 2 CPU cores, data included.

Reproduces: nothing published; simulated rooms, and keypoints simulated from the
  true poses. It shows that echoes say how far a person is.
Command: python -m bgm2pose_jax.main --model=posekernel
Hardware, time and score: docs/measurements/posekernel.md.
"""

from __future__ import annotations

from bgm2pose_jax.config.schema import BatchConfig, OptimConfig, RunConfig
from bgm2pose_jax.systems.posekernel.config import (
  AugmentConfig,
  Config,
  LossConfig,
)


def get_config() -> Config:
  """Returns the demo."""
  return Config(
    preset="demo",
    # A ray is known to a centimetre, a voxel to five.
    read_out="ray",
    # Less than the default's six stages of 32 channels, which take minutes to
    # compile. The mean over pairs shows where echoes of several meet.
    network={
      "width": 16,
      "sound_width": 2,
      "stages": 2,
      "depth": 2,
      "groups": 4,
      "pool": "max_mean",
    },
    # Few samples and four rooms: no sample is seen twice alike, and no camera
    # and no side of a room is learnt by heart.
    augment=AugmentConfig(
      detector="fresh",
      shift_m=0.2,
      mirror=True,
      turn_deg=30.0,
      tilt_deg=5.0,
      move_m=0.3,
    ),
    # Targets of two voxels are found sooner than narrow ones.
    loss=LossConfig(sigma_m=0.2),
    batch=BatchConfig(size=4),
    optim=OptimConfig(
      epochs=7,
      steps_per_epoch=100,
      learning_rate=5e-3,
      learning_rate_min=1e-5,
      snapshot_average="off",
    ),
    run=RunConfig(report_weights="best", eval_batch=4),
  )
