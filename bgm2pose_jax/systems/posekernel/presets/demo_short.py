"""The demo with smaller steps and fewer, so that 2 CPU cores fill tables.

Reproduces: nothing published; simulated rooms and keypoints.
Command: python -m launch.sweep --table=posekernel_main --preset=demo_short
Hardware, time and score: docs/measurements/posekernel.md.
"""

from __future__ import annotations

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.posekernel.config import Config
from bgm2pose_jax.systems.posekernel.presets import demo


def get_config() -> Config:
  """Returns the demo with 300 steps of 2 samples in place of 700 of 4."""
  return schema.overlay(
    demo.get_config(),
    {
      "preset": "demo_short",
      "batch.size": 2,
      "optim.epochs": 2,
      "optim.steps_per_epoch": 150,
    },
  )
