"""Which models there are, by name.

A model is called as `model(pose, audio, keys)`: poses [b, frames_in, joint=13,
3] and audio features [b, frame=150, column=35] to poses [b, frame=150, joint,
3].
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flax import nnx

from bgm2pose_jax.nn import model_fields
from bgm2pose_jax.systems.mapnet.models.lstm import LSTMConfig, LSTMPose
from bgm2pose_jax.systems.mapnet.models.mapnet import MAPnet, MAPnetConfig
from bgm2pose_jax.systems.mapnet.models.pot import PoT, PoTConfig


class ModelEntry(NamedTuple):
  """A model's config class, what builds it and what it reads.

  Attributes:
    config: frozen dataclass of the model's fields.
    build: takes a config and the sizes as keywords, returns the module.
    hears: whether it reads the audio.
  """

  config: type
  build: Callable[..., nnx.Module]
  hears: bool


MODELS: dict[str, ModelEntry] = {
  "mapnet": ModelEntry(MAPnetConfig, MAPnet, hears=True),
  "pot": ModelEntry(PoTConfig, PoT, hears=False),
  "lstm_pose": ModelEntry(LSTMConfig, LSTMPose, hears=False),
  "lstm_pose_audio": ModelEntry(
    LSTMConfig, functools.partial(LSTMPose, hears=True), hears=True
  ),
}


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
    **sizes: what data and run fix: `frames_in`, `rngs`, `dtype`.

  Raises:
    InputError: for an unknown model, field or value.
  """
  config = make_config(name, fields)
  return MODELS[name].build(config, **sizes)
