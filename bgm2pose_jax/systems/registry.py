"""Every system, and whose a model is."""

from __future__ import annotations

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.systems.bgm2pose.system import SYSTEM

SYSTEMS: tuple[System, ...] = (SYSTEM,)


def of_model(model: str) -> System:
  """Returns the system of a model.

  Raises:
    InputError: for a model of no system.
  """
  for system in SYSTEMS:
    if model in system.models:
      return system
  models = [name for system in SYSTEMS for name in system.models]
  raise InputError(
    f"--model={model}", "unknown model", f"choose one of {', '.join(models)}"
  )
