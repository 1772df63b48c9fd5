"""Presets: one file each, its docstring the lab note."""

from __future__ import annotations

import dataclasses
import importlib

from bgm2pose_jax.systems.posekernel.config import Config
from bgm2pose_jax.systems.posekernel.models import registry

PRESETS = {
  "demo": "voxels of 10 cm, sized for 2 CPU cores",
  "demo_short": "the same with fewer and smaller steps, for tables",
  "paper": "voxels of 5 cm and six stages, as attributed to the paper",
  "paper_sgd": "the same with the optimiser attributed to it",
}


def get_config(preset: str, model: str) -> Config:
  """Returns a preset for a model.

  Args:
    preset: one of `PRESETS`.
    model: a network, which gets the preset's fields and its own defaults, or a
      model that trains nothing, which gets none.
  """
  module = importlib.import_module(
    f"bgm2pose_jax.systems.posekernel.presets.{preset}"
  )
  config = module.get_config()
  network = {}
  if model in registry.MODELS:
    fields = dataclasses.fields(registry.MODELS[model].config)
    network = {field.name: field.default for field in fields}
    network |= config.network
  return dataclasses.replace(config, model=model, network=network)
