"""Presets: one file each, its docstring the lab note."""

from __future__ import annotations

import importlib

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.config import Config

PRESETS = {
  "demo": "sized for 2 CPU cores, at most 20 minutes",
  "demo_long": "the same, at most 90 minutes",
  "paper": "full width as the text says",
  "official": "full width as the authors' code does",
}


def get_config(preset: str, model: str | None = None) -> Config:
  """Returns a preset.

  Args:
    preset: one of `PRESETS`.
    model: another network than the preset's; it gets its own fields.

  Raises:
    InputError: for another name.
  """
  if preset not in PRESETS:
    raise InputError(
      f"--preset={preset}", "unknown", f"choose one of {', '.join(PRESETS)}"
    )
  module = importlib.import_module(
    f"bgm2pose_jax.systems.bgm2pose.presets.{preset}"
  )
  config = module.get_config()
  if model is None or model == config.model:
    return config
  from bgm2pose_jax.systems.bgm2pose.presets import rivals

  if model not in rivals.MODELS:
    known = ", ".join((config.model, *rivals.MODELS))
    raise InputError(
      f"--model={model}", "unknown model", f"choose one of {known}"
    )
  return rivals.for_model(config, model)
