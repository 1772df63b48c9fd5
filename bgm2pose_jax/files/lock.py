"""One process at a time: in a folder, or at a piece of work.

The system's own file lock, which ends with the process that holds it, however
that process ends: a lock that was left behind stops nobody. The file itself
stays behind: to delete it would let a third process in beside one that has
just opened it.
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

import filelock
from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import own_file

NAME = ".lock"
_MOST_BYTES = 4096


@contextlib.contextmanager
def held(folder: pathlib.Path) -> Iterator[None]:
  """Keeps other processes out of a folder for the length of a block.

  Args:
    folder: a folder that is there.

  Raises:
    InputError: another process holds it, or the lock file cannot be made.
  """
  path = folder / NAME
  try:
    file = own_file.appending(path)
  except OSError as error:
    raise InputError(
      path,
      f"cannot be written ({error.strerror or error})",
      "free some space, or name a folder that may be written to",
    ) from error
  with file:
    try:
      if _take(file, folder):
        _sign(file)
    except BlockingIOError as error:
      raise InputError(
        folder,
        f"is being written by {_owner(file)}",
        "wait until it has ended, or name another folder",
      ) from error
    yield


@contextlib.contextmanager
def in_turn(path: pathlib.Path) -> Iterator[None]:
  """Lets one process at a time through; the others wait.

  Args:
    path: lock file, made when missing.

  Raises:
    InputError: a link, or no regular file, lies under the name.
  """
  path = pathlib.Path(path)
  # As open as its folder: several users may prepare data in one.
  mode = own_file.FILE_MODE | path.parent.stat().st_mode & 0o066
  with own_file.appending(path, mode) as file:
    try:
      _take(file, path)
    except BlockingIOError:
      logging.info("%s: another process makes this; waiting", path)
      filelock.lock_descriptor(file.fileno())
    yield


@contextlib.contextmanager
def attempt(path: pathlib.Path) -> Iterator[bool]:
  """Takes a lock for a block if no other process holds it.

  Args:
    path: lock file, made when missing.

  Yields:
    Whether it is ours; False too where it cannot be told.
  """
  with contextlib.ExitStack() as stack:
    try:
      mode = own_file.FILE_MODE | path.parent.stat().st_mode & 0o066
      file = stack.enter_context(own_file.appending(path, mode))
      is_ours = _take(file, path)
    except (OSError, InputError):
      is_ours = False
    yield is_ours


def _take(file: IO[bytes], where: pathlib.Path) -> bool:
  """Locks a file; false where the file system has no locks.

  Raises:
    BlockingIOError: another process holds it.
  """
  try:
    is_ours = filelock.lock_descriptor(file.fileno(), blocking=False)
  except OSError as error:
    # Some network file systems have none; the work itself needs none.
    logging.warning(
      "%s: cannot be locked here (%s): start no second process in it",
      where,
      error.strerror or error,
    )
    return False
  if not is_ours:
    raise BlockingIOError
  return True


def _sign(file: IO[bytes]) -> None:
  now = datetime.datetime.now(datetime.UTC)
  owner = {
    "host": platform.node(),
    "pid": os.getpid(),
    "since": now.isoformat(timespec="seconds"),
  }
  # What a full disk does not take is missing in a message, no more.
  with contextlib.suppress(OSError):
    file.truncate(0)
    # Where locked bytes cannot be read, it is the first that is locked.
    file.write(b" " + json.dumps(owner).encode())


def _owner(file: IO[bytes]) -> str:
  """Who holds the lock, as far as the file says."""
  try:
    try:
      file.seek(0)
      text = file.read(_MOST_BYTES)
    except PermissionError:
      file.seek(1)
      text = file.read(_MOST_BYTES)
    found = json.loads(text)
    return f"process {found['pid']} on {found['host']} since {found['since']}"
  except (OSError, ValueError, KeyError, TypeError, RecursionError):
    return "another process"
