"""A model's frozen config from plain values, as flags and files give them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from bgm2pose_jax.base.errors import InputError

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
