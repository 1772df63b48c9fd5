"""The preset `paper` with plain gradient descent at a rate of 1.

Reproduces: the optimiser that is attributed to Yang et al. (CVPR 2022) and was
  not checked against its text. A rate of 1 belongs to that code's scale of the
  loss, which is not known: the mean over voxels that we take has other
  gradients. Voxels near joints weigh no more than others here.
Command: python -m bgm2pose_jax.main --model=posekernel --preset=paper_sgd
Hardware: one accelerator. Time and score: not measured.
"""

from __future__ import annotations

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.posekernel.config import Config
from bgm2pose_jax.systems.posekernel.presets import paper


def get_config() -> Config:
  """Returns the paper's size with the optimiser attributed to it."""
  return schema.overlay(
    paper.get_config(),
    {
      "preset": "paper_sgd",
      "optim.optimizer": "sgd",
      "optim.learning_rate": 1.0,
      "optim.learning_rate_min": 1.0,
      "optim.schedule": "constant",
      "loss.heat_pos_weight": 1.0,
    },
  )
