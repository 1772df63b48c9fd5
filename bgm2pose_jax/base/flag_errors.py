"""What is wrong with a command line, as one line for the user."""

from __future__ import annotations

import re

from absl import flags

from bgm2pose_jax.base import help_text, near_names
from bgm2pose_jax.base.errors import InputError

_SEE_HELP = "see --help"
_ILLEGAL = re.compile(r"flag --(?P<name>\w+)=(?P<value>.*): (?P<said>.*)", re.S)
_MISSING = re.compile(r"Missing value for flag -+(?P<name>\w+)")


def explained(error: flags.Error, values: flags.FlagValues) -> InputError:
  """Returns the error to show for one of absl's.

  Args:
    error: what reading the flags raised.
    values: the flags that are defined.
  """
  if isinstance(error, flags.UnrecognizedFlagError):
    return _unknown(error.flagname, values)
  if isinstance(error, flags.CantOpenFlagFileError):
    said = str(error).partition("flagfile: ")[2] or str(error)
    return InputError(
      "--flagfile", f"cannot be read ({said})", "check its path"
    )
  said = str(error)
  if found := _ILLEGAL.fullmatch(said):
    return _illegal(found["name"], found["value"], found["said"], values)
  if found := _MISSING.search(said):
    return InputError(
      f"--{found['name']}", "has no value", f"write --{found['name']}=VALUE"
    )
  return InputError("flags", said, _SEE_HELP)


def _unknown(name: str, values: flags.FlagValues) -> InputError:
  own = help_text.own_names(values)
  fix = near_names.did_you_mean(name, own, _SEE_HELP, "--")
  return InputError(f"--{name}", "no such flag", fix)


def _illegal(
  name: str, value: str, said: str, values: flags.FlagValues
) -> InputError:
  choices = getattr(values[name].parser, "enum_values", None)
  if choices:
    every = f"choose one of {', '.join(choices)}"
    found = near_names.near(value, choices)
    fix = f"did you mean {found[0]}? {every}" if found else every
    return InputError(f"--{name}={value}", "is not a choice", fix)
  return InputError(f"--{name}={value}", said, _SEE_HELP)
