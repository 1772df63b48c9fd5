"""What a preset becomes for the networks that BGM2Pose is compared with.

Data, split, normalisation and budget stay the preset's. Hard negatives and the
contrastive loss are BGM2Pose's own. At full width batch and epochs are those
that the authors' code ships for the older networks (256 windows, 50 epochs);
for the comparison in the text they are not stated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from bgm2pose_jax.config import schema as config_lib
from bgm2pose_jax.systems.bgm2pose.config import Config
from bgm2pose_jax.systems.bgm2pose.models.acousticpose import AcousticPoseConfig
from bgm2pose_jax.systems.bgm2pose.models.registry import CLOSED_FORM
from bgm2pose_jax.systems.bgm2pose.models.speech2gesture import (
  Speech2GestureConfig,
)
from bgm2pose_jax.systems.bgm2pose.models.wipose import WiPoseConfig

# Preset's reading -> network -> its fields. The demo's widths bring each to
# about the parameters of its BGM2Pose.
NETWORKS: dict[str, dict[str, Callable[[], Any]]] = {
  "demo": {
    "acousticpose": lambda: AcousticPoseConfig(width=0.125),
    "speech2gesture": lambda: Speech2GestureConfig(width=0.125),
    "wipose": lambda: WiPoseConfig(width=0.25),
  },
  "paper": {
    "acousticpose": AcousticPoseConfig,
    "speech2gesture": Speech2GestureConfig,
    "wipose": WiPoseConfig,
  },
  "official": {
    # Raw ids modulo 5 are the code's classes, and names of simulated people
    # are no raw ids: dense here too.
    "acousticpose": AcousticPoseConfig.official,
    "speech2gesture": Speech2GestureConfig.official,
    "wipose": WiPoseConfig,
  },
}
_READING = {"demo_long": "demo"}
MODELS = (*NETWORKS["paper"], *CLOSED_FORM)


def for_model(config: Config, model: str) -> Config:
  """Returns a preset for another network.

  Args:
    config: a preset, as its file has it.
    model: one of `MODELS`.
  """
  if model in CLOSED_FORM:
    return dataclasses.replace(config, model=model, network={})
  reading = _READING.get(config.preset, config.preset)
  changes: dict[str, Any] = {"batch.grouping": "random", "batch.dedup": True}
  if reading != "demo":
    changes |= {"batch.size": 256, "optim.epochs": 50}
  config = dataclasses.replace(
    config,
    model=model,
    network=dataclasses.asdict(NETWORKS[reading][model]()),
    loss=dataclasses.replace(config.loss, contrastive=0.0),
  )
  return config_lib.overlay(config, changes)
