"""MAPnet with the paper's order of depths, small enough for tables on 2 cores.

Reproduces: nothing published; simulated violinists. Most layers come before
  the fusion, as in the paper, so that its ablations can be tried.
Command: python -m launch.sweep --table=mapnet_main --preset=demo_late
Hardware, time and score: docs/measurements/mapnet.md.
"""

from __future__ import annotations

from bgm2pose_jax.config import schema
from bgm2pose_jax.systems.mapnet.config import Config
from bgm2pose_jax.systems.mapnet.presets import demo


def get_config() -> Config:
  """Returns the demo with late fusion, half of its takes and fewer steps."""
  return schema.overlay(
    demo.get_config(),
    {
      "preset": "demo_late",
      "network.branch_layers": 3,
      "network.fusion_layers": 1,
      "data.simulate.takes": 60,
      "optim.epochs": 5,
    },
  )
