"""Presets: one file each, its docstring the lab note."""

from __future__ import annotations

import importlib

from bgm2pose_jax.config import Config
from bgm2pose_jax.errors import InputError

PRESETS = ("demo", "demo_long", "paper", "official")


def get_config(preset: str) -> Config:
  """Returns a preset.

  Args:
    preset: one of `PRESETS`.

  Raises:
    InputError: for another name.
  """
  if preset not in PRESETS:
    raise InputError(
      f"--preset={preset}", "unknown", f"choose one of {', '.join(PRESETS)}"
    )
  module = importlib.import_module(f"bgm2pose_jax.configs.{preset}")
  return module.get_config()
