"""Paths that flags name, checked before anything slow begins."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from absl import flags

from bgm2pose_jax.base.errors import InputError

_CHECK = "check the path"
# Addresses of buckets are not looked up here.
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


def files(values: flags.FlagValues, *names: str) -> None:
  """Refuses flags that name a file which is not there.

  What the file holds is its reader's to check.

  Args:
    values: the flags.
    *names: the names of the flags; one that is not given is left alone.

  Raises:
    InputError: naming the flag and the path.
  """
  for name, path in _given(values, names):
    if not os.path.lexists(path):
      raise InputError(f"--{name}={path}", "no such file", _CHECK)
    if os.path.isdir(path):
      raise InputError(
        f"--{name}={path}", "is a folder", "give the path of a file"
      )


def folders(values: flags.FlagValues, *names: str) -> None:
  """Refuses flags that name a folder which is not there.

  Args:
    values: the flags.
    *names: the names of the flags; one that is not given is left alone.

  Raises:
    InputError: naming the flag and the path.
  """
  for name, path in _given(values, names):
    if not os.path.lexists(path):
      raise InputError(f"--{name}={path}", "no such folder", _CHECK)
    if os.path.isfile(path):
      raise InputError(
        f"--{name}={path}", "is a file", "give the path of a folder"
      )


def either(values: flags.FlagValues, *names: str) -> None:
  """Refuses flags that name neither a file nor a folder that is there.

  Args:
    values: the flags.
    *names: the names of the flags; one that is not given is left alone.

  Raises:
    InputError: naming the flag and the path.
  """
  for name, path in _given(values, names):
    if not os.path.lexists(path):
      raise InputError(f"--{name}={path}", "no such file or folder", _CHECK)


def _given(
  values: flags.FlagValues, names: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
  for name in names:
    value: Any = values[name].value
    for path in value if isinstance(value, list) else [value]:
      if path and not _ADDRESS.match(path):
        yield name, path
