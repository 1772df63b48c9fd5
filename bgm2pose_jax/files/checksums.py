"""SHA-256 of files, of JSON values and of what is known of many files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from typing import Any


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
