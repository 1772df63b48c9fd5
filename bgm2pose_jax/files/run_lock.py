"""One process at a time in a run's folder.

The system's own file lock, which ends with the process that holds it, however
that process ends: a lock that was left behind stops nobody.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import pathlib
import platform
from collections.abc import Iterator
from typing import IO

from absl import logging

from bgm2pose_jax.base.errors import InputError

NAME = ".lock"
_MOST_BYTES = 4096


@contextlib.contextmanager
def held(workdir: pathlib.Path) -> Iterator[None]:
  """Keeps other processes out of a run's folder for the length of a block.

  The file stays behind: to delete it would let a third process in beside one
  that has just opened it.

  Args:
    workdir: folder that is there.

  Raises:
    InputError: another process holds it, or the file cannot be made.
  """
  path = workdir / NAME
  try:
    file = path.open("a+b", buffering=0)
  except OSError as error:
    raise InputError(
      path,
      f"cannot be written ({error.strerror or error})",
      "free some space, or give a --workdir that may be written to",
    ) from error
  with file:
    _take(workdir, file)
    yield


def _take(workdir: pathlib.Path, file: IO[bytes]) -> None:
  try:
    import fcntl
  except ImportError:
    logging.warning("%s: no file locks on this system", workdir)
    return
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    raise InputError(
      workdir,
      f"is being written by {_owner(file)}",
      "wait until it has ended, or give another --workdir",
    ) from error
  except OSError as error:
    # Some network file systems have none; the run itself needs none.
    logging.warning(
      "%s: cannot be locked here (%s): start no second run in it",
      workdir,
      error.strerror,
    )
    return
  now = datetime.datetime.now(datetime.UTC)
  owner = {
    "host": platform.node(),
    "pid": os.getpid(),
    "since": now.isoformat(timespec="seconds"),
  }
  # What a full disk does not take is missing in a message, no more.
  with contextlib.suppress(OSError):
    file.truncate(0)
    file.write(json.dumps(owner).encode())


def _owner(file: IO[bytes]) -> str:
  """Who holds the lock, as far as the file says."""
  try:
    file.seek(0)
    found = json.loads(file.read(_MOST_BYTES))
    return f"process {found['pid']} on {found['host']} since {found['since']}"
  except (OSError, ValueError, KeyError, TypeError, RecursionError):
    return "another process"
