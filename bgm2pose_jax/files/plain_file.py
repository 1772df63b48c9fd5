"""Files from strangers: opened only if they are files, read only up to a size.

A path may name a pipe, which would block for ever, or a device, which never
ends. Readers of single formats start here.
"""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

from bgm2pose_jax.base.errors import InputError

# Windows has neither the first nor, elsewhere, the last of them.
_FLAGS = (
  os.O_RDONLY
  | getattr(os, "O_NONBLOCK", 0)
  | getattr(os, "O_CLOEXEC", 0)
  | getattr(os, "O_BINARY", 0)
)

_Path = str | os.PathLike[str]


def check(path: _Path, fix: str = "give the path of a file") -> os.stat_result:
  """Checks that a path leads to a regular file, without opening it.

  Args:
    path: the file; links are followed.
    fix: what to do if it does not.

  Returns:
    What the system knows of it, `st_size` among it.

  Raises:
    InputError: nothing there, no regular file, or not to be reached.
  """
  try:
    found = os.stat(path)
  except FileNotFoundError:
    raise InputError(_name(path), "no such file", fix) from None
  except (OSError, ValueError) as error:
    raise _unreadable(path, error) from None
  _check_regular(path, found, fix)
  return found


def opened(path: _Path, fix: str = "give the path of a file") -> BinaryIO:
  """Opens a regular file for reading bytes.

  Args:
    path: the file; links are followed.
    fix: what to do if it is none.

  Returns:
    The open file, to be closed by the caller.

  Raises:
    InputError: as `check`, or no permission.
  """
  check(path, fix)
  try:
    number = os.open(path, _FLAGS)
  except (OSError, ValueError) as error:
    raise _unreadable(path, error) from None
  file = os.fdopen(number, "rb")
  try:
    # Something else may have come there in the meantime.
    _check_regular(path, os.fstat(number), fix)
  except BaseException:
    file.close()
    raise
  return file


def read(
  path: _Path, max_bytes: int, fix: str = "give the path of a file"
) -> bytes:
  """Reads a file whole.

  Args:
    path: the file.
    max_bytes: largest size accepted.
    fix: what to do if it cannot be used.

  Raises:
    InputError: as `opened`, or larger.
  """
  with opened(path, fix) as file:
    try:
      # As much as there is: a buffer for the limit would be taken whole.
      size = os.fstat(file.fileno()).st_size
      data = file.read(min(size, max_bytes) + 1)
    except OSError as error:
      raise _unreadable(path, error) from None
  if len(data) > max_bytes:
    size = f"{max_bytes >> 20} MiB" if max_bytes >> 20 else f"{max_bytes} bytes"
    raise InputError(_name(path), f"is larger than {size}", fix)
  return data


def _check_regular(path: _Path, found: os.stat_result, fix: str) -> None:
  if not stat.S_ISREG(found.st_mode):
    kind = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
    raise InputError(_name(path), f"is {kind}", fix)


def _unreadable(path: _Path, error: Exception) -> InputError:
  said = getattr(error, "strerror", None) or error
  return InputError(
    _name(path), f"cannot be read ({said})", "check its path and permissions"
  )


def _name(path: _Path) -> str:
  return os.fsdecode(path) or "''"
