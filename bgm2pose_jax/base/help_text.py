"""The text of `--help`: one command's own flags, in groups.

absl lists flags in alphabetical order, joins the lines of examples and ends
with exit code 1. Here the text before the flags keeps its lines, flags stand
in groups in the order that the command gives, and no line is wider than
`WIDEST` columns.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from absl import flags

WIDEST = 98
NARROWEST = 60
# The installed command.
PROGRAM = __name__.partition("_")[0]
# Where the texts of flags begin.
_COLUMN = 28
# An enumeration longer than this is listed in the text, not behind the flag.
_LONGEST_CHOICES = 36
_PACKAGES = (__name__.partition(".")[0], "launch")
# The last word of a number's name, where it is a unit.
_UNITS = ("db", "gb", "hz", "m", "ms", "ppm", "s")
_REPEATED = re.compile(r";\s+repeat this option to specify a list of values$")
_CHOICES = re.compile(r"^<[^>]*>:\s*")
_REST = "Other flags"
_FOREIGN = "Flags of libraries"
_COMMON = "Every command has"
_COMMON_TEXTS = {
  "--help": "show this text",
  "--helpfull": "show this text and the flags of libraries",
  "--version": "show the version and end",
  "--quiet": "show results, warnings and errors; no progress",
  "--verbose": "show all log lines, and the traceback of an error",
  "--flagfile=FILE": "read flags from a file, one in each line",
}


@dataclasses.dataclass(frozen=True)
class Help:
  """What a command says of itself.

  Attributes:
    name: the command as typed, `PROGRAM` first.
    about: what it does and examples; its lines stay as they are.
    groups: {title: names of flags}; the flags of `REQUIRED` are named in the
      usage line.
    only: leaves out flags that are in no group.
  """

  name: str
  about: str
  groups: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
  only: bool = False


REQUIRED = "Required"


def of_main_module() -> Help:
  """Returns the help of a command that brings none: its docstring."""
  module = sys.modules["__main__"]
  spec = getattr(module, "__spec__", None)
  name = sys.argv[0] if spec is None else f"python -m {spec.name}"
  return Help(name.removesuffix(".__main__"), module.__doc__ or "")


def render(
  told: Help,
  values: flags.FlagValues,
  *,
  everything: bool = False,
  width: int | None = None,
) -> str:
  """Returns the text of `--help`.

  Args:
    told: what the command says of itself.
    values: its flags, and those of libraries.
    everything: adds the flags of libraries.
    width: columns; None takes the terminal's, within `NARROWEST` and `WIDEST`.

  Raises:
    KeyError: a group names a flag that is not defined.
  """
  columns = width or shutil.get_terminal_size().columns
  columns = min(max(columns, NARROWEST), WIDEST)
  own, foreign = _sorted_out(values)
  parts = [_usage(told, values, columns), textwrap.dedent(told.about).strip()]
  left = dict(own)
  for title, names in told.groups.items():
    parts.append(_group(title, [values[name] for name in names], columns))
    for name in names:
      left.pop(name, None)
  if left and not told.only:
    title = _REST if told.groups else "Flags"
    parts.append(_group(title, list(left.values()), columns))
  if everything:
    parts.append(_group(_FOREIGN, foreign, columns))
  common = [
    line
    for name, text in _COMMON_TEXTS.items()
    for line in _entry(name, text, columns)
  ]
  parts.append("\n".join([f"{_COMMON}:", *common]))
  return "\n\n".join(part for part in parts if part) + "\n"


def own_names(values: flags.FlagValues) -> list[str]:
  """Returns the names of this project's flags, and of what all commands have.

  Args:
    values: the flags that are defined.
  """
  own, _ = _sorted_out(values)
  common = (name.partition("=")[0].removeprefix("--") for name in _COMMON_TEXTS)
  return [*own, *common]


def _sorted_out(
  values: flags.FlagValues,
) -> tuple[dict[str, Any], list[Any]]:
  """This project's flags by name, and those of libraries."""
  own, foreign = {}, []
  for module, found in values.flags_by_module_dict().items():
    is_own = module.partition(".")[0] in _PACKAGES or module == sys.argv[0]
    for flag in found:
      if not is_own:
        foreign.append(flag)
      elif f"--{flag.name}" not in _COMMON_TEXTS:
        own[flag.name] = flag
  return own, foreign


def _usage(told: Help, values: flags.FlagValues, columns: int) -> str:
  required = [_shown(values[n]) for n in told.groups.get(REQUIRED, ())]
  line = " ".join(["Usage:", told.name, *required, "[flags]"])
  return textwrap.fill(
    line, columns, subsequent_indent=" " * 7, break_on_hyphens=False
  )


def _group(title: str, found: Sequence[Any], columns: int) -> str:
  lines = [f"{title}:"]
  for flag in found:
    lines += _entry(_shown(flag), _text(flag), columns)
  return "\n".join(lines)


def _entry(name: str, text: str, columns: int) -> Iterator[str]:
  """The lines of one flag: its name, and its text in a column beside it."""
  name = f"  {name}"
  lines = textwrap.wrap(
    text, columns - _COLUMN, break_on_hyphens=False
  ) or [""]  # fmt: skip
  if len(name) > _COLUMN - 2:
    yield name
  else:
    yield f"{name:<{_COLUMN}}{lines.pop(0)}".rstrip()
  yield from (f"{'':<{_COLUMN}}{line}" for line in lines)


def _shown(flag: Any) -> str:
  """A flag as it is typed, such as `--fold=N`."""
  choices = "|".join(getattr(flag.parser, "enum_values", None) or ())
  if flag.boolean and flag.parser.flag_type() == "bool":
    return f"--[no]{flag.name}"
  if flag.boolean:
    return f"--{flag.name}[={_last_word(flag.name)}]"
  if choices and len(choices) <= _LONGEST_CHOICES:
    return f"--{flag.name}={choices}"
  if choices:
    return f"--{flag.name}=CHOICE"
  if flag.name == "set":
    return f"--{flag.name}=KEY.PATH=VALUE"
  if flag.parser.flag_type() in ("int", "float"):
    last = flag.name.rpartition("_")[2]
    return f"--{flag.name}={last.upper() if last in _UNITS else 'N'}"
  if flag.parser.flag_type().startswith("comma"):
    return f"--{flag.name}=A,B,..."
  return f"--{flag.name}={_last_word(flag.name)}"


def _last_word(name: str) -> str:
  return name.rpartition("_")[2].upper()


def _text(flag: Any) -> str:
  """What a flag is for, with its choices and its default."""
  text = _REPEATED.sub("", flag.help or "")
  text = " ".join(_CHOICES.sub("", text).split())
  if text.endswith("(a comma separated list)"):
    text = text.removesuffix("(a comma separated list)").rstrip()
  is_multiple = isinstance(flag, flags.MultiFlag)
  if is_multiple and "repeat" not in text and "several times" not in text:
    text = f"{text}; may be given several times"
  choices = getattr(flag.parser, "enum_values", None) or ()
  if len("|".join(choices)) > _LONGEST_CHOICES:
    unsaid = [name for name in choices if f"{name}" not in text]
    if unsaid:
      text = f"{text}; one of {', '.join(choices)}"
  default = _default(flag.default)
  if default and "default" not in text:
    text = f"{text} (default: {default})"
  return text


def _default(value: Any) -> str:
  if value is None or value is False or value == [] or value == "":
    return ""
  if value is True:
    return "on"
  if isinstance(value, float):
    return f"{value:g}"
  if isinstance(value, (list, tuple)):
    return ",".join(map(str, value))
  return str(value)
