"""What `--engine_option` tells each engine, read and checked here.

Slurm takes any long option of sbatch; the others know the keys of
`option_table`. The value of `env.NAME` and `secret.NAME` may be left out: it is
then taken from the environment, and stands in no history of a shell.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError
from launch.sweep.option_table import (
  ALIASES,
  KEYS,
  MAX_ARRAY_SIZE,
  OWNED,
  SLURM,
  Key,
)

_FLAG = "--engine_option"
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SBATCH_NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclasses.dataclass(frozen=True)
class Options:
  """What an engine is told beside its flags.

  Attributes:
    engine: its name.
    values: {key of the table: value}; a list or {name: value} where the key
      says so.
    sbatch: {long option of sbatch: value}; None for one without a value.
  """

  engine: str
  values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  sbatch: Mapping[str, str | None] = dataclasses.field(default_factory=dict)

  def place(self, content: dict[str, Any]) -> None:
    """Puts every value that has a place where it belongs.

    Args:
      content: what the engine is given; it grows.

    Raises:
      InputError: something else is there already.
    """
    for name, value in self.values.items():
      for place in KEYS[self.engine][name].places:
        _put(f"{_FLAG}={name}", content, place, value)

  def hidden(self) -> Options:
    """The same to look at: secrets are not in it."""
    values = {
      name: dict.fromkeys(value, "***")
      if KEYS[self.engine][name].is_secret
      else value
      for name, value in self.values.items()
    }
    return dataclasses.replace(self, values=values)

  def or_flag(self, name: str, flag: str, given: Any) -> Any:
    """The value of an option that is a flag, too.

    Args:
      name: the name of the option.
      flag: name of the flag.
      given: the flag's value, None where it is not given.

    Raises:
      InputError: both are given.
    """
    own = self.values.get(name, self.sbatch.get(name))
    if own is not None and given is not None:
      raise InputError(
        f"{_FLAG}={name}={own}", f"--{flag}={given} says it too", "give one"
      )
    return given if own is None else own


def read(engine: str, given: Sequence[str]) -> Options:
  """Reads KEY=VALUE texts for an engine.

  Args:
    engine: its name.
    given: the texts, as on the command line.

  Raises:
    InputError: for a key the engine does not know, or a value it cannot use.
  """
  values: dict[str, Any] = {}
  sbatch: dict[str, str | None] = {}
  for text in given:
    written, equals, value = text.partition("=")
    key, dot, name = written.strip().partition(".")
    if engine == SLURM and not dot and _snake(key) != MAX_ARRAY_SIZE:
      option = _sbatch_name(written.strip())
      _once(option, sbatch, written)
      one_line(f"{_FLAG}={option}", value)
      sbatch[option] = value if equals else None
      continue
    key, name = _known(engine, key), name.strip()
    known = KEYS[engine][key]
    if known.is_map:
      if not name and not known.is_secret:  # node_selector=NAME=VALUE
        name, equals, value = value.partition("=")
      found = _read(known, f"{key}.{name}", name, value, bool(equals))
      held = values.setdefault(key, {})
      _once(name, held, written)
      held[name] = found
    elif dot:
      raise InputError(
        f"{_FLAG}={written}", f"{key} takes no name", f"write {key}=VALUE"
      )
    else:
      found = _read(known, key, None, value, bool(equals))
      if known.is_list:
        values.setdefault(key, []).append(found)
      else:
        _once(key, values, written)
        values[key] = found
  return Options(engine, values, sbatch)


def help_text() -> str:
  """What each engine understands, for `--help`."""
  parts = [
    f"{engine}: " + ", ".join(_shown(name, key) for name, key in keys.items())
    for engine, keys in KEYS.items()
    if keys
  ]
  parts[0] += (
    ", and any long option of sbatch (account=lab, qos=low, mem=16G, "
    "constraint=a100, exclusive)"
  )
  return (
    "KEY=VALUE, repeatable: what the engine is told beside its own flags; "
    f"{'; '.join(parts)}. env.NAME and secret.NAME alone take the value from "
    "the environment"
  )


def one_line(where: str, text: str) -> str:
  """Refuses characters that end or hide a line of a script.

  Args:
    where: names the value in messages.
    text: the value.

  Returns:
    The value.

  Raises:
    InputError: it has a control character, or bytes that are no text.
  """
  for c in text:
    if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp"):
      name = {"\n": "a line break", "\r": "a carriage return", "\t": "a tab"}
      raise InputError(
        where,
        f"holds {name.get(c, f'the character U+{ord(c):04X}')}, which a line "
        "of a script cannot carry",
        "give one without",
      )
  return text


def _shown(name: str, key: Key) -> str:
  return f"{name}.NAME" if key.is_map else name


def _snake(key: str) -> str:
  """The way the table writes a key: nodeSelector is node_selector."""
  parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key[:100])
  return parted.replace("-", "_").lower()


def _known(engine: str, key: str) -> str:
  keys = KEYS[engine]
  name = _snake(key)
  name = name if name in keys else ALIASES.get(name, name)
  if name in keys:
    return name
  if not keys:
    raise InputError(
      f"{_FLAG}={key}", f"--engine={engine} takes no options", "drop it"
    )
  others = [alias for alias, own in ALIASES.items() if own in keys]
  near = difflib.get_close_matches(name, [*keys, *others], 1, 0.6)
  listed = ", ".join(_shown(name, key) for name, key in keys.items())
  raise InputError(
    f"{_FLAG}={key}",
    f"is not known to {engine}",
    f"did you mean {near[0]}?" if near else f"it knows {listed}",
  )


def _sbatch_name(written: str) -> str:
  name = written.replace("_", "-")
  if not _SBATCH_NAME.fullmatch(name):
    raise InputError(
      f"{_FLAG}={written}",
      "is no long option of sbatch",
      "write e.g. account=lab or exclusive",
    )
  # sbatch knows none like it.
  if difflib.get_close_matches(_snake(name), [MAX_ARRAY_SIZE], 1, 0.8):
    raise InputError(
      f"{_FLAG}={written}",
      "is no long option of sbatch",
      f"did you mean {MAX_ARRAY_SIZE}?",
    )
  # sbatch takes beginnings of names, too.
  if owned := [own for own in OWNED if own.startswith(name)]:
    raise InputError(
      f"{_FLAG}={written}", f"--{owned[0]} is the sweep's to set", "drop it"
    )
  return name


def _once(name: str, held: Mapping[str, Any], written: str) -> None:
  if name in held:
    raise InputError(f"{_FLAG}={written}", "is given twice", "give it once")


def _read(
  known: Key, key: str, name: str | None, value: str, is_given: bool
) -> Any:
  """The value of a key of the table; messages do not show secrets."""
  where = f"{_FLAG}={key}"
  if name is not None:
    if not name or (known.is_secret and not _ENV_NAME.fullmatch(name)):
      raise InputError(where, "has no name that can be", f"write {key}NAME=...")
    one_line(_FLAG, name)
  if not is_given and known.is_secret and name is not None:
    if name not in os.environ:
      raise InputError(
        where, f"${name} is not set here", "set it, or give a value"
      )
    value = os.environ[name]
  elif not is_given or not (value or known.is_secret):
    raise InputError(where, "has no value", f"write {key}=VALUE")
  one_line(where, value)
  try:
    return known.read(value)
  except ValueError as error:
    raise InputError(f"{where}={value}", "is not right", str(error)) from None


def _put(
  where: str, content: Any, place: Sequence[str | int], value: Any
) -> None:
  """Puts a value into a tree; maps and lists grow, nothing is laid over."""
  *parents, last = place
  for step in parents:
    if isinstance(step, int):
      content = content[step]
    else:
      content = content.setdefault(step, {})
  if isinstance(value, list):
    content.setdefault(last, []).extend(value)
    return
  held, added = content, {last: value}
  if isinstance(value, dict):
    held, added = content.setdefault(last, {}), value
  if twice := [name for name in added if name in held]:
    raise InputError(
      where, f"{twice[0]} is set already", "give one flag or option for it"
    )
  held |= added
