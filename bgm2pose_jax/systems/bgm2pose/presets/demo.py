"""BGM2Pose small enough for 2 CPU cores and 20 minutes, data included.

Reproduces: nothing published; simulated people, room and music. It shows that
  the whole chain learns: an eighth of the width, bands pooled by 4 early in
  the stems, inputs standardised by recording, poses around their mean.
Command: python -m bgm2pose_jax.main --setting=single
Hardware, time and score: docs/measurements/bgm2pose.md.
"""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.systems.bgm2pose.config import (
  BatchConfig,
  Config,
  DataConfig,
  LossConfig,
  OptimConfig,
  RunConfig,
  SimulateConfig,
)
from bgm2pose_jax.systems.bgm2pose.models.bgm2pose import BGM2PoseConfig


def get_config() -> Config:
  """Returns the demo."""
  return Config(
    preset="demo",
    network=dataclasses.asdict(
      # A quarter of the bands from the first pool on: 5 times quicker, and
      # at this width no worse. The residual lets the network start as one
      # without attention.
      BGM2PoseConfig(width=0.125, stem_pool=4, fa_residual=True)
    ),
    data=DataConfig(
      # The paper's norm leaves what the person does at a twentieth of a
      # deviation; a small network on little data needs it larger. And a
      # person's size and standing stay in a recording's mean, where a network
      # learns by heart whom it hears.
      feature_norm="per_recording",
      # Heights of 15 units would take thousands of steps to reach from zero.
      pose_norm="center",
      simulate=SimulateConfig(subjects=7, minutes=5.0),
    ),
    batch=BatchConfig(size=32),
    # Smoothness 100 holds the network at the mean pose for long.
    loss=LossConfig(smoothness=1.0, contrastive=0.1),
    optim=OptimConfig(
      epochs=24,
      learning_rate=3e-3,
      learning_rate_min=1e-4,
      # Six people are few: both keep the network from learning them by heart.
      weight_decay=0.03,
      input_noise=0.5,
      clip_norm=1.0,
      snapshot_average="eval_only",
    ),
    run=RunConfig(report_weights="best"),
  )
