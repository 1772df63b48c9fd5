"""The demo with four times the people; 2 CPU cores and 90 minutes at most.

Reproduces: nothing published, see `demo`. Six training people are learned by
  heart; 25 and some dropout carry further than more steps on six. Stronger
  dropout, decay or input noise were no better on an unseen person.
Command: python -m bgm2pose_jax.main --setting=single --preset=demo_long
Hardware, time and score: docs/measurements/bgm2pose.md.
"""

from __future__ import annotations

import dataclasses

from bgm2pose_jax.systems.bgm2pose.config import Config, SimulateConfig
from bgm2pose_jax.systems.bgm2pose.presets import demo


def get_config() -> Config:
  """Returns the long demo."""
  short = demo.get_config()
  return dataclasses.replace(
    short,
    preset="demo_long",
    network={**short.network, "dropout": 0.1},
    data=dataclasses.replace(
      short.data,
      simulate=SimulateConfig(subjects=26, minutes=5.0),
    ),
    optim=dataclasses.replace(short.optim, epochs=15),
  )
