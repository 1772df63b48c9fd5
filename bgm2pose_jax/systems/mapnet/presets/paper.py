"""MAPnet at full size, as far as its paper says.

Reproduces: Shrestha et al., arXiv 2203.12829, sections 3 and 5; what the text
  leaves open is listed in BUILD_NOTES.md, "MAPnet".
Command: python -m bgm2pose_jax.main --model=mapnet --preset=paper
  --split_by=random_variant --mapdat_dir=TELMI
Hardware: one accelerator. Time: not measured.
Published score (TELMI, random variants): MPJPE 26.60 mm at tau 0.33. Ours on
  TELMI: not measured.
"""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.config.schema import BatchConfig, OptimConfig, RunConfig
from bgm2pose_jax.systems.mapnet.config import Config
from bgm2pose_jax.systems.mapnet.models.mapnet import MAPnetConfig


def get_config() -> Config:
  """Returns the text's reading."""
  return Config(
    preset="paper",
    network=dataclasses.asdict(MAPnetConfig()),
    batch=BatchConfig(size=128),
    # The text has Adam and no more; rate and decay are those of the same
    # laboratory's later code.
    optim=OptimConfig(
      epochs=100,
      learning_rate=1e-4,
      learning_rate_min=0.0,
      schedule="exponential",
      schedule_by="epoch",
      decay=0.95,
      clip_norm=1.0,
      snapshot_average="off",
    ),
    run=RunConfig(report_weights="best"),
  )
