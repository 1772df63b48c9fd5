"""The demo with more data and more steps: 2 CPU cores, 90 minutes."""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.config import Config
from bgm2pose_jax.configs import demo


def get_config() -> Config:
  """Returns the long demo."""
  short = demo.get_config()
  return dataclasses.replace(
    short,
    preset="demo_long",
    optim=dataclasses.replace(short.optim, epochs=80),
  )
