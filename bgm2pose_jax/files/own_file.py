"""Files and folders that are ours alone: through no link, closed to others.

A work folder may come from somebody else, or lie where others write. A link
that was put there under the name of a log would have us write to whatever file
it leads to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from bgm2pose_jax.base.errors import InputError

FILE_MODE, FOLDER_MODE = 0o600, 0o700
_FIX = "take it away, or name another folder"
# Windows has none of these. A pipe must not hold us up.
_FLAGS = (
  getattr(os, "O_NOFOLLOW", 0)
  | getattr(os, "O_NONBLOCK", 0)
  | getattr(os, "O_CLOEXEC", 0)
  | getattr(os, "O_BINARY", 0)
)


def check_no_link(path: Path) -> None:
  """Refuses a link under a name of ours; nothing there is fine.

  Args:
    path: what is to be read or written.

  Raises:
    InputError: it is a link.
  """
  if path.is_symlink():
    raise InputError(path, f"is a link to {os.readlink(path)}", _FIX)


def check_no_links(folder: Path, names: Iterable[str]) -> None:
  """Refuses links under any of the names; the folder may be one.

  Args:
    folder: where a run writes; may not exist.
    names: those of the run's files and folders.

  Raises:
    InputError: naming the first.
  """
  for name in names:
    check_no_link(folder / name)


def check_tree(folder: Path) -> None:
  """Refuses links anywhere in a folder, and the folder where it is one.

  Args:
    folder: a folder of ours; may not exist.

  Raises:
    InputError: naming the first.
  """
  check_no_link(folder)
  for place, folders, files in os.walk(folder):
    check_no_links(Path(place), sorted((*folders, *files)))


def appending(path: Path, mode: int = FILE_MODE) -> BinaryIO:
  """Opens a file of ours to be read and appended to, without a buffer.

  Args:
    path: the file; made when missing.
    mode: who may use it then, whatever the umask is.

  Returns:
    The open file.

  Raises:
    InputError: a link, a second name of another file, or no regular file.
    OSError: the system refuses.
  """
  check_no_link(path)
  flags = os.O_RDWR | os.O_APPEND | _FLAGS
  try:
    number = os.open(path, flags | os.O_CREAT | os.O_EXCL, FILE_MODE)
    if hasattr(os, "fchmod"):
      os.fchmod(number, mode)
  except FileExistsError:
    check_no_link(path)
    number = os.open(path, flags)
  file = os.fdopen(number, "r+b", buffering=0)
  try:
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
      raise InputError(path, "is no regular file", _FIX)
    if found.st_nlink > 1:
      raise InputError(path, "is a second name of another file", _FIX)
  except BaseException:
    file.close()
    raise
  return file


def make_folder(folder: Path, mode: int = FOLDER_MODE) -> None:
  """Makes a folder, and those above it.

  Args:
    folder: what is there already stays as it is.
    mode: who may use those that are made, whatever the umask is.

  Raises:
    OSError: the system refuses.
  """
  for place in reversed((folder, *folder.parents)):
    if not place.is_dir():
      try:
        place.mkdir(FOLDER_MODE)
      except FileExistsError:
        if not place.is_dir():
          raise
      else:
        place.chmod(mode)
