"""Folders that appear complete or not at all.

A folder is made under another name and renamed when it is whole. The name says
who makes it, so that what a killed process left can be told from what a living
one still writes.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from absl import logging

# Of another machine nothing is known but how long it has been quiet.
MAX_AGE_S = 24 * 3600.0

_NAME = re.compile(r"\..+\.incomplete-(?P<host>.*)-(?P<pid>\d+)-[0-9a-f]+")


def temporary(path: Path) -> Path:
  """Returns a name beside a path that says who makes it.

  Args:
    path: the final name of a file or folder.
  """
  owner = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
  return path.with_name(f".{path.name}.incomplete-{owner}")


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
  """Makes a folder atomically.

  Args:
    folder: the final name; its parent is made when missing.

  Yields:
    An empty folder beside it. It becomes `folder` when the block ends, and is
    removed when the block raises. If another process has finished `folder`
    meanwhile, that one stays and this one is removed.
  """
  folder.parent.mkdir(parents=True, exist_ok=True)
  stage = temporary(folder)
  stage.mkdir()
  try:
    yield stage
    try:
      os.rename(stage, folder)
    except OSError:
      if not folder.is_dir():
        raise
      logging.info("%s was made by another process meanwhile", folder)
  finally:
    shutil.rmtree(stage, ignore_errors=True)


def sweep(parent: Path, max_age_s: float = MAX_AGE_S) -> list[Path]:
  """Removes what killed processes left in a folder.

  Args:
    parent: where `staged` and `temporary` made their names; may be missing.
    max_age_s: what nothing has changed in for this long is removed too, whoever
      made it.

  Returns:
    The folders and files removed.
  """
  removed = []
  for path in parent.glob(".*.incomplete-*"):
    match = _NAME.fullmatch(path.name)
    if match is None or path.is_symlink():
      continue
    dead = match["host"] == _host() and not _alive(int(match["pid"]))
    # Also on this machine: another process may have got the number.
    if dead or quiet_s(path) > max_age_s:
      remove(path)
      logging.info("removed %s, left by a process that ended", path)
      removed.append(path)
  return removed


def remove(path: Path) -> None:
  """Removes a file or a folder with all it holds, as far as it can be."""
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path, ignore_errors=True)
  else:
    with contextlib.suppress(OSError):
      path.unlink()


def quiet_s(path: Path) -> float:
  """Returns the seconds since something changed in a file or folder."""
  newest = 0.0
  for each in (path, *path.rglob("*")):
    with contextlib.suppress(OSError):
      newest = max(newest, each.lstat().st_mtime)
  return time.time() - newest


def _host() -> str:
  return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())


def _alive(pid: int) -> bool:
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  except (PermissionError, OverflowError):
    pass
  return True
