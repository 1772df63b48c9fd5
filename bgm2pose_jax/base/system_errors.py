"""What the system refuses, in one line: full disks, closed folders."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from bgm2pose_jax.base.errors import InputError

# What a user can do where a path is wrong.
PATH = "check the path"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
# {error number: what a user can do about it}
FIXES: dict[int, str] = {
  **dict.fromkeys(_FULL, "free some room, or name a folder on another disk"),
  **dict.fromkeys(_CLOSED, "change its permissions, or name another"),
  errno.EEXIST: "move it away, or give the name of a folder",
  errno.ENOTDIR: "give the name of a folder",
  errno.ENOENT: PATH,
  errno.EISDIR: PATH,
  errno.ENAMETOOLONG: PATH,
  errno.ELOOP: PATH,
  errno.ENXIO: PATH,
  errno.EIO: "copy it again; the disk or the network may fail",
  errno.ESTALE: "copy it again; the disk or the network may fail",
  errno.ETXTBSY: "end the program that uses it",
  errno.EBUSY: "end the program that uses it",
  errno.EMFILE: "allow more open files (ulimit -n)",
  errno.ENFILE: "allow more open files (ulimit -n)",
}


@contextlib.contextmanager
def in_one_line(where: str | os.PathLike[str]) -> Iterator[None]:
  """Turns what the system refuses in a block into one line for the user.

  Args:
    where: the folder worked in, named where the system names no file.

  Raises:
    InputError: for an OSError in the block, or for an error that comes from a
      full disk or a closed folder: libraries wrap those, and the ones that are
      not written in Python only quote the system's words.
  """
  try:
    yield
  except InputError:
    raise
  except Exception as error:
    found = _refusal(error)
    if found is None:
      raise
    number, path = found
    fix = FIXES.get(number, "check the disk")
    raise InputError(
      path or Path(where),
      f"cannot be used ({os.strerror(number)})",
      f"{fix}; what is done is kept" if number in _FULL else fix,
    ) from error


def _refusal(error: BaseException) -> tuple[int, str | None] | None:
  """The system's error number behind an error, and the file it names."""
  chain: list[BaseException] = []
  following: BaseException | None = error
  while following is not None and following not in chain:
    chain.append(following)
    following = following.__cause__ or following.__context__
  for each in chain:
    if not isinstance(each, OSError) or each.errno is None:
      continue
    # An error further back may have been dealt with, and another be the cause.
    if each is error or each.errno in (*_FULL, *_CLOSED):
      name = each.filename
      return each.errno, None if name is None else os.fsdecode(name)
  for each in chain:
    for number in (*_FULL, *_CLOSED):
      if os.strerror(number) in str(each):
        return number, None
  return None
