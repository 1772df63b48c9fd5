"""Which models there are, by name.

A model is called on arrays; what a batch's fields mean to it is its task's
business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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


def make_config(name: str, fields: Mapping[str, Any]) -> Any:
  """Builds a model's config from plain values.

  Args:
    name: the name of the model.
    fields: the model's own fields; the rest keep their defaults.

  Raises:
    InputError: for an unknown model, field or value.
  """
  config = model_fields.entry_of(MODELS, name).config
  return model_fields.config_of(config, name, fields)


def build(name: str, fields: Mapping[str, Any], **sizes: Any) -> nnx.Module:
  """Builds a model.

  Args:
    name: the name of the model.
    fields: the model's own fields, see its config class.
    **sizes: what data and run fix: `audio_channels`, `music_channels`,
      `bands`, `frames`, `context`, `rngs`, `axis_name`, `dtype`.

  Raises:
    InputError: for an unknown model, field or value.
  """
  config = make_config(name, fields)
  return MODELS[name].build(config, **sizes)
