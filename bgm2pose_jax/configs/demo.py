"""BGM2Pose small enough for 2 CPU cores and 20 minutes, data included."""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.config import (
  BatchConfig,
  Config,
  DataConfig,
  LossConfig,
  OptimConfig,
  RunConfig,
  SimulateConfig,
)
from bgm2pose_jax.models.bgm2pose import BGM2PoseConfig


def get_config() -> Config:
  """Returns the demo."""
  return Config(
    preset="demo",
    network=dataclasses.asdict(
      BGM2PoseConfig(width=0.125, fa_residual=True, fa_query="audio")
    ),
    data=DataConfig(
      feature_norm="per_band",
      pose_norm="center",
      simulate=SimulateConfig(subjects=7, minutes=5.0),
    ),
    batch=BatchConfig(size=32),
    loss=LossConfig(smoothness=1.0, contrastive=0.1),
    optim=OptimConfig(
      epochs=20,
      learning_rate=3e-3,
      learning_rate_min=1e-4,
      weight_decay=0.03,
      clip_norm=1.0,
      input_noise=0.5,
      snapshot_average="eval_only",
    ),
    run=RunConfig(report_weights="best"),
  )
