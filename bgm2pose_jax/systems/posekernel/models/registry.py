"""Which models there are, by name.

A model is called as `model(visual, sound)`: volumes [b, x, z, y, joint] and
[b, pair, x, z, y] to heatmaps [b, x, z, y, joint] of each stage.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

from flax import nnx

from bgm2pose_jax.nn import model_fields
from bgm2pose_jax.systems.posekernel.models.posekernel import (
  PoseKernel,
  PoseKernelConfig,
)


class ModelEntry(NamedTuple):
  """A model's config class and what builds it.

  Attributes:
    config: frozen dataclass of the model's fields.
    build: takes a config and the sizes as keywords, returns the module.
  """

  config: type
  build: Callable[..., nnx.Module]


MODELS: dict[str, ModelEntry] = {
  "posekernel": ModelEntry(PoseKernelConfig, PoseKernel),
}

# Both take the name of a model and its own fields. `build` takes as keywords
# what data and run fix: `inputs`, `rngs`, `dtype`.
make_config = functools.partial(model_fields.make_config, MODELS)
build = functools.partial(model_fields.build, MODELS)
