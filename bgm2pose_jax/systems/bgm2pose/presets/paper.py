"""BGM2Pose as its text describes it, at full width.

Reproduces: Shibata et al., arXiv 2503.00389, section 3 (model and loss) and 4
(training); where the text is silent, the authors' code decides.
Command: python -m bgm2pose_jax.main --preset=paper --setting=single
  --ampl_dir=AMPL
Hardware: one accelerator. Time: not measured.
Published score (single, mean of 5 folds and 3 tracks or one: not stated):
  RMSE 0.923, MAE 0.453, PCKh@0.5 0.573. Ours on AMPL: not measured.
"""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.systems.bgm2pose.config import (
  BatchConfig,
  Config,
  DataConfig,
  LossConfig,
  OptimConfig,
)
from bgm2pose_jax.systems.bgm2pose.models.bgm2pose import BGM2PoseConfig


def get_config() -> Config:
  """Returns the text's reading."""
  return Config(
    preset="paper",
    network=dataclasses.asdict(BGM2PoseConfig()),
    # The text is silent; the code has one set of constants for all folds,
    # computed over recordings of test subjects too.
    data=DataConfig(feature_norm="track_channel", norm_stats="table"),
    batch=BatchConfig(size=64, grouping="segment", dedup=True),
    # Temperature 0.07 and smoothness 100: project page.
    loss=LossConfig(smoothness=100.0, contrastive_scale=1.0 / 0.07),
    # Snapshot averaging is in the code alone; the text has plain Adam.
    optim=OptimConfig(epochs=30, snapshot_average="off"),
  )
