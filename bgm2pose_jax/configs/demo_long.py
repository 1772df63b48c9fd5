"""The demo trained twice as long; 2 CPU cores.

Reproduces: nothing published, see `demo`.
Command: python -m bgm2pose_jax.main --setting=single --preset=demo_long
Hardware, time and score: BUILD_NOTES.md, "Measured". More people and minutes
  (`--set data.simulate.subjects=9 --set data.simulate.minutes=6`) help the
  network and ridge regression alike.
"""

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
    optim=dataclasses.replace(short.optim, epochs=48),
  )
