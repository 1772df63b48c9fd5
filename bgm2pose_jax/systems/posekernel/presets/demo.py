"""PoseKernelLifter small enough for 2 CPU cores, data included.

Reproduces: nothing published; simulated rooms, and keypoints simulated from the
  true poses. It shows that echoes say how far a person is.
Command: python -m bgm2pose_jax.main --model=posekernel
Hardware, time and score: not measured yet.
"""

from __future__ import annotations

from bgm2pose_jax.config.schema import BatchConfig, OptimConfig, RunConfig
from bgm2pose_jax.systems.posekernel.config import Config


def get_config() -> Config:
  """Returns the demo."""
  return Config(
    preset="demo",
    # Less than the default's six stages of 32 channels, which take minutes to
    # compile.
    network={"width": 16, "stages": 2, "depth": 2},
    batch=BatchConfig(size=4),
    optim=OptimConfig(
      epochs=10,
      steps_per_epoch=60,
      learning_rate=1e-3,
      learning_rate_min=1e-5,
      snapshot_average="off",
    ),
    run=RunConfig(report_weights="best", eval_batch=4),
  )
