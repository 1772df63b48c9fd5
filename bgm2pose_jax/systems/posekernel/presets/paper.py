"""PoseKernelLifter at the size that is attributed to the paper.

Reproduces: Yang et al., CVPR 2022 (arXiv 2112.00216), as far as it is known.
  Its abstract says that a multi-stage 3D CNN fuses sound and image. Voxels of
  5 cm in 70 x 70 x 50, six stages and the count of audio convolutions are
  widely attributed to the paper and were not checked against its text. Widths,
  loss weights, batch and optimiser are ours: Adam, 1e-3 to 1e-5.
Command: python -m bgm2pose_jax.main --model=posekernel --preset=paper
  --posekernel_dir=PoseKernelLifter
Hardware: one accelerator. Time and score: not measured. No figure of the paper
  could be read.
"""

from __future__ import annotations

from bgm2pose_jax.config.schema import BatchConfig, OptimConfig, RunConfig
from bgm2pose_jax.systems.posekernel.config import Config, EncodingConfig


def get_config() -> Config:
  """Returns the size that is attributed to the paper."""
  return Config(
    preset="paper",
    network={"stages": 6},
    encoding=EncodingConfig(grid=(70, 70, 50), voxel_m=0.05),
    batch=BatchConfig(size=4),
    optim=OptimConfig(
      # Attributed to the paper, not checked.
      epochs=70,
      learning_rate=1e-3,
      learning_rate_min=1e-5,
      snapshot_average="off",
    ),
    run=RunConfig(report_weights="best", eval_batch=4),
  )
