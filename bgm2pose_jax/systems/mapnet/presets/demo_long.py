"""MAPnet with the paper's order of depths, small enough for 2 CPU cores.

Reproduces: nothing published; simulated violinists. Most layers come before
  the fusion, as in the paper, so that its ablations can be tried.
Command: python -m bgm2pose_jax.main --model=mapnet --preset=demo_long
Hardware, time and score: not measured.
"""

from __future__ import annotations

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.mapnet.config import Config
from bgm2pose_jax.systems.mapnet.presets import demo


def get_config() -> Config:
  """Returns the demo with late fusion, for longer."""
  return schema.overlay(
    demo.get_config(),
    {
      "preset": "demo_long",
      "network.branch_layers": 6,
      "network.fusion_layers": 1,
      "optim.epochs": 48,
    },
  )
