"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bgm2pose_jax.errors import InputError


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
  """Opens a file beside the one to write; the name is given at the end.

  Readers see the old file or the new one, never a part. What was written is
  deleted if the block raises.

  Args:
    path: file to write or replace; its folder is there.

  Yields:
    A file open for writing bytes.

  Raises:
    InputError: the system refuses, as it does when a disk is full or a folder
      missing or read-only; the message names `path`.
  """
  path = Path(path)
  part = path.with_name(f".{path.name}.{os.getpid()}.part")
  try:
    with part.open("wb") as file:
      yield file
      file.flush()
      os.fsync(file.fileno())
    os.replace(part, path)
  except OSError as error:
    raise InputError(
      path,
      f"cannot be written ({error.strerror or error})",
      "free some space, or name a folder that exists and may be written to",
    ) from error
  finally:
    with contextlib.suppress(OSError):
      part.unlink()
