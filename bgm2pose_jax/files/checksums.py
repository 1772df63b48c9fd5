"""SHA-256 of files, of JSON values and of what is known of many files."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bgm2pose_jax.base.errors import InputError


def of_file(path: str | os.PathLike[str]) -> str:
  """Returns the SHA-256 of a file's bytes, 64 hex digits.

  Raises:
    OSError: it cannot be read.
  """
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()


def of_json(values: Any) -> str:
  """Returns the SHA-256 of JSON values, 64 hex digits.

  The order of a mapping's keys makes no difference.
  """
  text = json.dumps(values, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def of_stats(root: str | os.PathLike[str], names: Iterable[str]) -> str:
  """Digests which files there are: names, sizes, times of change.

  Args:
    root: the folder.
    names: relative to it, with '/'; present or not.

  Returns:
    64 hex digits; another file, size or modification time gives others.
  """
  digest = hashlib.sha256()
  for name in sorted(set(names), key=lambda n: n.split("/")):
    try:
      stat = os.stat(os.path.join(root, name))
      state = (stat.st_size, stat.st_mtime_ns)
    except FileNotFoundError:
      state = None
    digest.update(json.dumps([name, state]).encode())
  return digest.hexdigest()


def of_folder(folder: str | os.PathLike[str]) -> str:
  """SHA-256 over names and contents of a folder's files (hidden ones aside).

  Contents are read again only when a file's size or time of change differs
  from the last call's.

  Raises:
    InputError: no such folder.
  """
  root = Path(folder)
  if not root.is_dir():
    raise InputError(root, "no such folder", "check the path")
  state = []
  for path in sorted(root.rglob("*")):
    if path.is_file() and not path.name.startswith("."):
      stat = path.stat()
      state.append((path, stat.st_size, stat.st_mtime_ns))
  return _content_digest(root, tuple(state))


@functools.lru_cache(maxsize=8)
def _content_digest(
  root: Path, state: tuple[tuple[Path, int, int], ...]
) -> str:
  digest = hashlib.sha256()
  for path, _, _ in state:
    # Names are bytes to the file system; they need not be UTF-8.
    digest.update(os.fsencode(path.relative_to(root).as_posix()) + b"\0")
    digest.update(bytes.fromhex(of_file(path)))
  return digest.hexdigest()
