"""A run's configuration from the command line, of whichever system."""

from __future__ import annotations

from absl import flags

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.config import command_flags, schema, tree
from bgm2pose_jax.config.schema import Config
from bgm2pose_jax.systems import registry

_CLASSES = [system.config for system in registry.SYSTEMS]
_OWN = ("preset", "model", "ablation")


def define() -> None:
  """Adds `--model`, `--preset`, `--ablation` and every system's flags."""
  flags.DEFINE_string(
    "model", None, f"it implies the system. {registry.described('models')}"
  )
  flags.DEFINE_enum(
    "preset",
    None,
    registry.names("presets"),
    f"where to start. {registry.described('presets')}",
  )
  flags.DEFINE_enum(
    "ablation",
    "none",
    registry.names("ablations"),
    f"what is taken out. {registry.described('ablations')}",
  )
  command_flags.define(_CLASSES)
  command_flags.define_set()


def names() -> tuple[str, ...]:
  """Every flag that `define` adds but `--set`, which is laid over them."""
  return (*_OWN, *command_flags.names(_CLASSES))


def groups() -> dict[str, tuple[str, ...]]:
  """Returns {title: flags} of the flags that belong to some systems alone."""
  shared = command_flags.names([Config])
  found: dict[str, tuple[str, ...]] = {}
  for name in command_flags.names(_CLASSES):
    if name in shared:
      continue
    having = [
      system.name
      for system in registry.SYSTEMS
      if name in command_flags.names([system.config])
    ]
    title = f"For {' and '.join(having)}"
    found[title] = (*found.get(title, ()), name)
  return found


def config() -> Config:
  """Returns the preset with every given flag laid over it.

  Raises:
    InputError: for a value that cannot be right, or flags that exclude each
      other or belong to another system.
  """
  values = flags.FLAGS
  system = registry.of_model(values.model)
  foreign = command_flags.foreign(system.config, _CLASSES)
  if foreign:
    raise InputError(
      f"--{foreign[0]}", f"is no flag of {system.name}", "drop it"
    )
  preset = values.preset or next(iter(system.presets))
  for name, value in (("preset", preset), ("ablation", values.ablation)):
    known = getattr(system, f"{name}s")
    if value not in known:
      raise InputError(
        f"--{name}={value}",
        f"is no {name} of {system.name}",
        f"choose one of {', '.join(known)}",
      )
  made = system.make_config(
    preset, values.model or next(iter(system.models)), values.ablation
  )
  made = schema.overlay(made, system.settle(command_flags.given(system.config)))
  return schema.overlay(made, tree.parse_assignments(values.set))
