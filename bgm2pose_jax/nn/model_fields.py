"""A model by its name, its frozen config from plain values.

Flags and files give plain values. A system's registry is a mapping of names to
entries; these functions are the same for all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, TypeVar

from flax import nnx

from bgm2pose_jax.base.errors import InputError


class ModelEntry(Protocol):
  """What every registry says of a model.

  Attributes:
    config: frozen dataclass of the model's fields, all with defaults.
    build: takes a config and the sizes as keywords, returns the module.
  """

  @property
  def config(self) -> type:
    """The class of its config."""
    ...

  @property
  def build(self) -> Callable[..., nnx.Module]:
    """What makes it of a config."""
    ...


Entry = TypeVar("Entry")


def entry_of(models: Mapping[str, Entry], name: str) -> Entry:
  """Looks a model up.

  Args:
    models: what a system has, by name.
    name: asked for.

  Raises:
    InputError: there is none of that name.
  """
  if name not in models:
    raise InputError(
      f"--model={name}", "unknown model", f"choose one of {', '.join(models)}"
    )
  return models[name]


def config_of(config: type, name: str, fields: Mapping[str, Any]) -> Any:
  """Builds a model's config.

  Args:
    config: frozen dataclass whose fields all have defaults.
    name: the name of the model, for messages.
    fields: values of its fields; the rest keep their defaults.

  Raises:
    InputError: an unknown field, a value of another type than the default's,
      or one that the config refuses.
  """
  known = {field.name: field for field in dataclasses.fields(config)}
  for field, value in fields.items():
    if field not in known:
      raise InputError(
        f"network.{field}", f"no field of {name}", f"known: {', '.join(known)}"
      )
    default = known[field].default
    wanted = (int, float) if isinstance(default, float) else type(default)
    is_flag = isinstance(default, bool)
    if not isinstance(value, wanted) or isinstance(value, bool) != is_flag:
      raise InputError(
        f"network.{field}",
        f"{value!r} is no {type(default).__name__}",
        f"give a value like {default!r}",
      )
  return config(**fields)


def make_config(
  models: Mapping[str, ModelEntry], name: str, fields: Mapping[str, Any]
) -> Any:
  """Builds a model's config from plain values.

  Args:
    models: what a system has, by name.
    name: the name of the model.
    fields: the model's own fields; the rest keep their defaults.

  Raises:
    InputError: for an unknown model, field or value.
  """
  return config_of(entry_of(models, name).config, name, fields)


def build(
  models: Mapping[str, ModelEntry],
  name: str,
  fields: Mapping[str, Any],
  **sizes: Any,
) -> nnx.Module:
  """Builds a model.

  Args:
    models: what a system has, by name.
    name: the name of the model.
    fields: the model's own fields, see its config class.
    **sizes: what data and run fix; the system's registry names them.

  Raises:
    InputError: for an unknown model, field or value.
  """
  return models[name].build(make_config(models, name, fields), **sizes)


def check(
  models: Mapping[str, ModelEntry],
  closed_form: Collection[str],
  name: str,
  fields: Mapping[str, Any],
) -> None:
  """Refuses an unknown model or network field before any work is done.

  Args:
    models: the networks of a system, by name.
    closed_form: its models that are no networks and have no fields.
    name: the name of the model.
    fields: the model's own fields.

  Raises:
    InputError: naming the model or the field.
  """
  if name not in closed_form:
    make_config(models, name, fields)
  elif fields:
    raise InputError(
      f"network.{next(iter(fields))}",
      f"no field of {name}",
      "it has none: drop it",
    )
