"""Which models there are, by name.

A model is called as `model(visual, sound)`: volumes [b, x, z, y, joint] and
[b, pair, x, z, y] to heatmaps [b, x, z, y, joint] of each stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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


MODELS: Mapping[str, ModelEntry] = {
  "posekernel": ModelEntry(PoseKernelConfig, PoseKernel),
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
    **sizes: what data and run fix: `inputs`, `rngs`, `dtype`.

  Raises:
    InputError: for an unknown model, field or value.
  """
  config = make_config(name, fields)
  return MODELS[name].build(config, **sizes)
