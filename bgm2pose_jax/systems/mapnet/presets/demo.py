"""MAPnet small enough for 2 CPU cores and 20 minutes, data included.

Reproduces: nothing published; simulated violinists. It shows that the sound
  says what the bow arm does between the frames of a poor pose.
Command: python -m bgm2pose_jax.main --model=mapnet
Hardware, time and score: docs/measurements/mapnet.md.
"""

from __future__ import annotations

from bgm2pose_jax.config.schema import BatchConfig, OptimConfig, RunConfig
from bgm2pose_jax.systems.mapnet.config import (
  Config,
  DataConfig,
  SimulateConfig,
)


def get_config() -> Config:
  """Returns the demo."""
  return Config(
    preset="demo",
    network={
      "width": 64,
      "heads": 4,
      "mlp": 128,
      # Early fusion, where the paper's is late: in so few steps it learns more.
      "branch_layers": 1,
      "fusion_layers": 3,
      # Half of the paper's: the fusion is what costs most.
      "hidden": 75,
      "dropout": 0.0,
    },
    data=DataConfig(
      # Noise that never repeats keeps poses from being learnt by heart, and
      # variants are for testing alone. The sound does repeat: with a quarter
      # of these takes, the network learns by heart what moves to which sound.
      noise="fresh",
      variants=2,
      audio_scale="training",
      simulate=SimulateConfig(players=4, takes=120, take_s=20.0),
    ),
    batch=BatchConfig(size=16),
    optim=OptimConfig(
      epochs=24,
      steps_per_epoch=250,
      learning_rate=2e-3,
      learning_rate_min=2e-5,
      clip_norm=1.0,
      snapshot_average="off",
    ),
    run=RunConfig(report_weights="best"),
  )
