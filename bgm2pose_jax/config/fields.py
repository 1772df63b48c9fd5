"""Fields of a configuration that know their range and their flag."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bgm2pose_jax.base.errors import InputError

_RULES = "rules"


@dataclasses.dataclass(frozen=True)
class Rules:
  """What a field may hold, and what the command line calls it.

  Attributes:
    choices: allowed values; None allows all.
    above: the value must be larger.
    at_least: the value must be as large.
    flag: name of the command line's flag; empty has none.
    help: the flag's text.
    replaces: the flag whose place this field takes; both exclude each other
      where that flag lists several.
    later: the field is younger than configurations on disk; at its default it
      is left out of a configuration's digest.
  """

  choices: tuple[Any, ...] | None = None
  above: float | None = None
  at_least: float | None = None
  flag: str = ""
  help: str = ""
  replaces: str = ""
  later: bool = False


def field(
  default: Any = dataclasses.MISSING,
  *,
  factory: Any = dataclasses.MISSING,
  choices: Sequence[Any] | None = None,
  **rules: Any,
) -> Any:
  """A dataclass field with `Rules`.

  Args:
    default: its value.
    factory: makes the value, instead of `default`.
    choices: allowed values.
    **rules: the other attributes of `Rules`.
  """
  made = Rules(choices=None if choices is None else tuple(choices), **rules)
  return dataclasses.field(
    default=default, default_factory=factory, metadata={_RULES: made}
  )


def walk(cls: type, prefix: str = "") -> Iterator[tuple[str, Any, Rules]]:
  """Yields (dotted key, dataclass field, rules) of every leaf of a class.

  Args:
    cls: dataclass whose fields may be dataclasses.
    prefix: what the keys begin with.
  """
  for each in dataclasses.fields(cls):
    if dataclasses.is_dataclass(each.default):
      yield from walk(type(each.default), f"{prefix}{each.name}.")
    else:
      rules = each.metadata.get(_RULES, Rules())
      yield f"{prefix}{each.name}", each, rules


def check(cls: type, values: Mapping[str, Any]) -> None:
  """Checks every value that has rules; numbers must be finite.

  Args:
    cls: class of the tree.
    values: {dotted key: value}; keys inside mappings have no rules.

  Raises:
    InputError: naming the first key that cannot be right.
  """
  for key, each, rules in walk(cls):
    value = values.get(key)
    if rules.choices is not None and value not in rules.choices:
      raise InputError(
        key,
        f"is {value!r}",
        f"choose one of {', '.join(c or 'null' for c in rules.choices)}",
      )
    if value is None:
      continue
    or_null = ", or null" if each.default is None else ""
    if rules.above is not None and not value > rules.above:
      raise InputError(
        key,
        f"is {value}",
        f"give a number above {_spelled(rules.above)}{or_null}",
      )
    if rules.at_least is not None and not value >= rules.at_least:
      raise InputError(
        key, f"is {value}", f"give {_spelled(rules.at_least)} or more{or_null}"
      )
  for key, value in values.items():
    if isinstance(value, float) and not math.isfinite(value):
      raise InputError(key, f"is {value}", "give a finite number")


def _spelled(number: float) -> str:
  return "zero" if number == 0 else f"{number:g}"
