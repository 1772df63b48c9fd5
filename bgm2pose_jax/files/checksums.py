"""SHA-256 of files and of JSON values."""

from __future__ import annotations

import hashlib
import json
import os
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
