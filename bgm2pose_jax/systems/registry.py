"""Which systems there are: one line each.

A system of somebody's own is a module with a `SYSTEM`; the environment variable
`BGM2POSE_SYSTEMS` names such modules, separated by commas.
"""

from __future__ import annotations

import importlib
import os

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.contract.system import System
from bgm2pose_jax.systems.bgm2pose.system import SYSTEM as BGM2POSE
from bgm2pose_jax.systems.mapnet.system import SYSTEM as MAPNET
from bgm2pose_jax.systems.posekernel.system import SYSTEM as POSEKERNEL

PLUGINS = "BGM2POSE_SYSTEMS"


def _plugins() -> tuple[System, ...]:
  """The systems that the environment names."""
  names = filter(None, os.environ.get(PLUGINS, "").split(","))
  found = []
  for name in names:
    try:
      found.append(importlib.import_module(name).SYSTEM)
    except (ImportError, AttributeError) as error:
      raise InputError(
        f"{PLUGINS}={name}",
        f"is no module with a SYSTEM ({error})",
        "name one that Python can import",
      ) from error
  return tuple(found)


SYSTEMS: tuple[System, ...] = (BGM2POSE, MAPNET, POSEKERNEL, *_plugins())


def of_model(model: str | None) -> System:
  """Returns the system that a model belongs to.

  Args:
    model: its name; None is the first system's default.

  Raises:
    InputError: no system has it.
  """
  for system in SYSTEMS:
    if model is None or model in system.models:
      return system
  known = ", ".join(name for system in SYSTEMS for name in system.models)
  raise InputError(
    f"--model={model}", "unknown model", f"choose one of {known}"
  )


def names(field: str) -> list[str]:
  """Every system's models, presets or ablations, each once."""
  each = (getattr(system, field) for system in SYSTEMS)
  return list(dict.fromkeys(name for named in each for name in named))


def described(field: str) -> str:
  """The same with what each is, for the help of the command."""
  return " ".join(
    f"{name}: {text}." if text else f"{name}."
    for system in SYSTEMS
    for name, text in getattr(system, field).items()
  )
