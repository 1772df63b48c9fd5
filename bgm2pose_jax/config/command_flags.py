"""Command-line flags made of a configuration's fields, each defined once."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from absl import flags

from bgm2pose_jax.config import fields
from bgm2pose_jax.config.fields import Rules

SET = "set"


def define(
  classes: Iterable[type],
  values: flags.FlagValues = flags.FLAGS,
  only: Collection[str] | None = None,
) -> None:
  """Adds a flag for every field that has one.

  Fields of several configurations may share a flag: it is defined once, with
  the choices and the texts of all. A flag that is not given is None: the
  preset's value stays.

  Args:
    classes: the configurations' classes.
    values: takes the flags.
    only: names of the flags to add; None adds all.
  """
  found: dict[str, list[tuple[Any, Rules]]] = {}
  for cls in classes:
    for name, _, hint, rules in _flagged(cls):
      known = found.setdefault(name, [])
      if (hint, rules) not in known:
        known.append((hint, rules))
  for name, alike in found.items():
    if only is None or name in only:
      _define_one(name, alike, values)


def define_set(values: flags.FlagValues = flags.FLAGS) -> None:
  """Adds `--set`, which reaches every field of a configuration."""
  flags.DEFINE_multi_string(
    SET,
    [],
    "key.path=value, repeatable: replaces one field of the configuration, e.g. "
    "--set batch.size=32 --set network.width=0.25",
    flag_values=values,
  )


def names(classes: Iterable[type]) -> tuple[str, ...]:
  """The flags that `define` adds for the same classes, each once."""
  flagged = (name for cls in classes for name, *_ in _flagged(cls))
  return tuple(dict.fromkeys(flagged))


def given(cls: type, values: flags.FlagValues = flags.FLAGS) -> dict[str, Any]:
  """Returns {dotted key: value} of the fields whose flags were given.

  Args:
    cls: class of the configuration; flags of others are left alone.
    values: holds the flags.
  """
  return {
    key: values[name].value
    for name, key, _, _ in _flagged(cls)
    if name in values and values[name].value is not None
  }


def foreign(
  cls: type, others: Iterable[type], values: flags.FlagValues = flags.FLAGS
) -> list[str]:
  """Names the flags that were given and belong to other configurations.

  Args:
    cls: class of the configuration in use.
    others: classes of all configurations.
    values: holds the flags.
  """
  own = {name for name, *_ in _flagged(cls)}
  named = {name for other in others for name, *_ in _flagged(other)}
  return sorted(n for n in named - own if values[n].value is not None)


def _flagged(cls: type) -> Iterable[tuple[str, str, Any, Rules]]:
  """(flag, dotted key, type, rules) of every field that has a flag."""
  for key, _, rules in fields.walk(cls):
    if rules.flag:
      yield rules.flag, key, _plain_type(cls, key), rules


def _plain_type(cls: type, key: str) -> type:
  """The annotated type of a field, without None."""
  *parents, leaf = key.split(".")
  for parent in parents:
    cls = typing.get_type_hints(cls)[parent]
  hint = typing.get_type_hints(cls)[leaf]
  if isinstance(hint, types.UnionType):
    (hint,) = [t for t in typing.get_args(hint) if t is not type(None)]
  return hint


def _define_one(
  name: str, alike: list[tuple[Any, Rules]], values: flags.FlagValues
) -> None:
  text = " ".join(dict.fromkeys(rules.help for _, rules in alike))
  hint, _ = alike[0]
  if any(other is not hint for other, _ in alike):
    raise ValueError(f"--{name} has several types")
  choices = [rules.choices for _, rules in alike]
  if hint is str and all(choice is not None for choice in choices):
    every = dict.fromkeys(c for choice in choices for c in choice or ())
    flags.DEFINE_enum(
      name, None, [c for c in every if c is not None], text, flag_values=values
    )
    return
  makers: Mapping[type, Any] = {
    bool: flags.DEFINE_bool,
    float: flags.DEFINE_float,
    int: flags.DEFINE_integer,
    tuple: flags.DEFINE_list,
    str: flags.DEFINE_string,
  }
  makers[hint](name, None, text, flag_values=values)
