"""Which models there are, by name.

A model is called on arrays; what a batch's fields mean to it is its task's
business.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from flax import nnx

from bgm2pose_jax.nn import model_fields
from bgm2pose_jax.systems.bgm2pose.models.acousticpose import (
  AcousticPose,
  AcousticPoseConfig,
)
from bgm2pose_jax.systems.bgm2pose.models.bgm2pose import (
  BGM2Pose,
  BGM2PoseConfig,
)
from bgm2pose_jax.systems.bgm2pose.models.speech2gesture import (
  Speech2Gesture,
  Speech2GestureConfig,
)
from bgm2pose_jax.systems.bgm2pose.models.wipose import WiPose, WiPoseConfig


class ModelEntry(NamedTuple):
  """A model's config class, what builds it and what it reads.

  Attributes:
    config: frozen dataclass of the model's fields.
    build: takes a config and the sizes as keywords, returns the module.
    inputs: layout of its features, of `features.conditioning.LAYOUTS`; a
      configuration may ask for another.
  """

  config: type
  build: Callable[..., nnx.Module]
  inputs: str


MODELS: dict[str, ModelEntry] = {
  "bgm2pose": ModelEntry(BGM2PoseConfig, BGM2Pose, "difference"),
  "acousticpose": ModelEntry(AcousticPoseConfig, AcousticPose, "stacked"),
  "speech2gesture": ModelEntry(Speech2GestureConfig, Speech2Gesture, "logmel"),
  "wipose": ModelEntry(WiPoseConfig, WiPose, "logmel"),
}

# Fitted at once, with no network and no training: see `baselines`.
CLOSED_FORM = ("mean_pose", "ridge")

# Both take the name of a model and its own fields. `build` takes as keywords
# what data and run fix: `audio_channels`, `music_channels`, `bands`, `frames`,
# `context`, `rngs`, `axis_name`, `dtype`.
make_config = functools.partial(model_fields.make_config, MODELS)
build = functools.partial(model_fields.build, MODELS)
