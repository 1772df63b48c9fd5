"""Presets: one file each, its docstring the lab note."""

from __future__ import annotations

import dataclasses
import importlib

from bgm2pose_jax.systems.mapnet.config import Config
from bgm2pose_jax.systems.mapnet.models import registry

PRESETS = {
  "demo": "sized for 2 CPU cores, at most 20 minutes",
  "demo_late": "late fusion as in the paper, short runs on 2 CPU cores",
  "paper": "full width as the text says",
}


def get_config(preset: str, model: str) -> Config:
  """Returns a preset for a model.

  Args:
    preset: one of `PRESETS`.
    model: another network than MAPnet gets those of the preset's fields that
      it has, and the depth of MAPnet's deepest part; a model that trains
      nothing gets none.
  """
  module = importlib.import_module(
    f"bgm2pose_jax.systems.mapnet.presets.{preset}"
  )
  config = module.get_config()
  network = {}
  if model in registry.MODELS:
    fields = dataclasses.fields(registry.MODELS[model].config)
    known = {field.name: field.default for field in fields}
    network = known | {
      name: value for name, value in config.network.items() if name in known
    }
    if "branch_layers" in network and "fusion_layers" not in network:
      network["branch_layers"] = max(
        config.network[f"{part}_layers"] for part in ("branch", "fusion")
      )
  return dataclasses.replace(config, model=model, network=network)
