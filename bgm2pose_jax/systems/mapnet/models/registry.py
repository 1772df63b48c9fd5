"""Which models there are, by name.

A model is called as `model(pose, audio, keys)`: poses [b, frames_in, joint=13,
3] and audio features [b, frame=150, column=35] to poses [b, frame=150, joint,
3].
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

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

# Both take the name of a model and its own fields. `build` takes as keywords
# what data and run fix: `frames_in`, `rngs`, `dtype`.
make_config = functools.partial(model_fields.make_config, MODELS)
build = functools.partial(model_fields.build, MODELS)
