"""Trees of frozen dataclasses as nested dicts and dotted keys.

What `config` needs to be read, laid over and written, for any dataclass.
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import json
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from bgm2pose_jax.base import near_names
from bgm2pose_jax.base.errors import InputError


def to_dict(tree: Any) -> dict[str, Any]:
  """Returns a dataclass tree as plain dicts that JSON can hold."""
  out = {}
  for field in dataclasses.fields(tree):
    value = getattr(tree, field.name)
    if dataclasses.is_dataclass(value):
      value = to_dict(value)
    elif isinstance(value, Mapping):
      value = dict(value)
    out[field.name] = value
  return out


def flatten(tree: Any) -> dict[str, Any]:
  """Returns {dotted key: value} of every leaf."""
  out: dict[str, Any] = {}

  def walk(prefix: str, value: Any):
    if isinstance(value, dict) and (value or not prefix):
      for key, item in value.items():
        walk(f"{prefix}.{key}" if prefix else key, item)
    else:
      out[prefix] = value

  walk("", to_dict(tree))
  return out


def overlaid(tree: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
  """Returns `to_dict(tree)` with some leaves replaced.

  Args:
    tree: where to start.
    settings: {dotted key: value}.

  Raises:
    InputError: for an unknown key, or a value of another type inside a
      mapping (whose leaves have no annotation).
  """
  values = to_dict(tree)
  known = flatten(tree)
  for key, value in settings.items():
    if key not in known:
      raise InputError(f"--set {key}", "no such field", _near_field(key, known))
    node: Any = values
    owner: Any = tree
    *parents, leaf = key.split(".")
    for parent in parents:
      node = node[parent]
      owner = getattr(owner, parent)
    if isinstance(owner, Mapping):
      value = parse(value, type(node[leaf]), key)
    node[leaf] = value
  return values


def _near_field(key: str, known: Iterable[str]) -> str:
  """What may have been meant by an unknown dotted key."""
  known = list(known)
  leaf = key.rpartition(".")[2]
  same_leaf = [name for name in known if name.rpartition(".")[2] == leaf]
  if same_leaf:
    return f"did you mean {' or '.join(same_leaf)}?"
  section = key.rpartition(".")[0]
  within = [name for name in known if name.rpartition(".")[0] == section]
  # A misspelt leaf of a section that there is, before one of another section.
  by_leaf = {name.rpartition(".")[2]: name for name in within}
  found = [by_leaf[name] for name in near_names.near(leaf, by_leaf)]
  found = found if section and found else near_names.near(key, known)
  if found:
    return f"did you mean {' or '.join(found)}?"
  if section and within:
    return f"fields of {section} are {', '.join(sorted(by_leaf))}"
  sections = {name.rpartition(".")[0] for name in known} - {""}
  return f"write SECTION.FIELD; sections are {', '.join(sorted(sections))}"


def parse_assignments(assignments: Iterable[str]) -> dict[str, str]:
  """Splits `key.path=value` strings.

  Args:
    assignments: the assignments, as given on the command line.

  Returns:
    {key: text}.

  Raises:
    InputError: when one has no "=".
  """
  out = {}
  for text in assignments:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
      raise InputError(
        f"--set {text}", "no key=value", "write e.g. --set batch.size=32"
      )
    out[key.strip()] = value.strip()
  return out


def build(cls: type, values: Mapping[str, Any], prefix: str = "") -> Any:
  """Builds a tree of dataclasses from nested dicts, checking names and types.

  Args:
    cls: the root's class. A field annotated as a Mapping is taken as it is.
    values: nested dicts.
    prefix: dotted path of `values`, for messages.

  Returns:
    An instance of `cls`.

  Raises:
    InputError: for an unknown field or a value of the wrong type.
  """
  if not isinstance(values, Mapping):
    raise InputError(prefix.rstrip(".") or "config", "holds no fields",
                     "give an object of fields and values")  # fmt: skip
  hints = typing.get_type_hints(cls)
  names = {f.name for f in dataclasses.fields(cls)}
  for key in values:
    if key not in names:
      raise InputError(
        f"{prefix}{key}", "no such field", f"fields are {sorted(names)}"
      )
  built = {}
  for key, value in values.items():
    hint = hints[key]
    if dataclasses.is_dataclass(hint):
      built[key] = build(typing.cast(type, hint), value, f"{prefix}{key}.")
    elif typing.get_origin(hint) is collections.abc.Mapping:
      if not isinstance(value, Mapping):
        raise InputError(
          f"{prefix}{key}", f"is {value!r}", "give an object of names"
        )
      built[key] = dict(value)
    else:
      built[key] = parse(value, hint, f"{prefix}{key}")
  return cls(**built)


def parse(value: Any, hint: Any, key: str) -> Any:
  """Reads a value as an annotated type; strings from the shell as JSON.

  Args:
    value: the value, as given.
    hint: the field's annotation.
    key: dotted name, for the message.

  Raises:
    InputError: when the value is of another type.
  """
  if typing.get_origin(hint) is tuple:
    return _parse_tuple(value, typing.get_args(hint), key)
  options = typing.get_args(hint) or (hint,)
  is_json = str not in options or (value == "null" and type(None) in options)
  if isinstance(value, str) and is_json:
    # ValueError: also numbers of more digits than Python takes.
    with contextlib.suppress(ValueError, RecursionError):
      value = json.loads(value)
  # A bool is an int to Python, never to a user.
  if not isinstance(value, bool) or bool in options:
    if isinstance(value, options):
      return value
    if isinstance(value, int) and float in options:
      return float(value)
    if isinstance(value, list) and tuple in options:
      return tuple(value)
  names = " or ".join(
    "null" if t is type(None) else getattr(t, "__name__", str(t))
    for t in options
  )
  raise InputError(key, f"is {value!r}", f"give a value of type {names}")


def _parse_tuple(
  value: Any, hints: tuple[Any, ...], key: str
) -> tuple[Any, ...]:
  """Reads values of given types, as many as there are types."""
  if isinstance(value, str):
    with contextlib.suppress(ValueError, RecursionError):
      value = json.loads(value)
  if not isinstance(value, (list, tuple)) or len(value) != len(hints):
    names = ", ".join(getattr(each, "__name__", str(each)) for each in hints)
    raise InputError(key, f"is {value!r}", f"give a list of {names}")
  return tuple(
    parse(each, hint, f"{key}[{number}]")
    for number, (each, hint) in enumerate(zip(value, hints))
  )
