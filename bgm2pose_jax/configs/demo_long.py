"""The demo with more people, more minutes and more steps; 2 CPU cores.

Reproduces: nothing published, see `demo`.
Command: python -m bgm2pose_jax.main --setting=single --preset=demo_long
Hardware, time and score: BUILD_NOTES.md, "Measured".
"""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.config import Config, SimulateConfig
from bgm2pose_jax.configs import demo


def get_config() -> Config:
  """Returns the long demo."""
  short = demo.get_config()
  return dataclasses.replace(
    short,
    preset="demo_long",
    data=dataclasses.replace(
      short.data, simulate=SimulateConfig(subjects=9, minutes=6.0)
    ),
    optim=dataclasses.replace(short.optim, epochs=30),
  )
