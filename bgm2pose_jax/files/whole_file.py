"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import own_file


def write_text(
  path: str | os.PathLike[str], text: str, *, private: bool = False
) -> None:
  """Writes or replaces a text file, whole or not at all.

  Args:
    path: file; its folder is made when missing.
    text: written as UTF-8, line ends as they are.
    private: see `writing`.

  Raises:
    InputError: see `writing`.
  """
  path = Path(path)
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise _refused(path, error) from error
  with writing(path, private=private) as file:
    # Names of files need not be text; their odd bytes are shown as numbers.
    file.write(text.encode(errors="backslashreplace"))


@contextlib.contextmanager
def writing(
  path: str | os.PathLike[str], *, private: bool = False
) -> Iterator[BinaryIO]:
  """Opens a file beside the one to write; the name is given at the end.

  Readers see the old file or the new one, never a part. What was written is
  deleted if the block raises. A link under the name is replaced; what it leads
  to stays.

  Args:
    path: file to write or replace; its folder is there.
    private: for its owner alone, whatever the umask is.

  Yields:
    A file open for writing bytes.

  Raises:
    InputError: the system refuses, as it does when a disk is full or a folder
      missing or read-only; the message names `path`.
  """
  path = Path(path)
  # A name that nobody can have put a link under.
  part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
  try:
    with part.open("xb") as file:
      if private:
        part.chmod(own_file.FILE_MODE)
      yield file
      file.flush()
      os.fsync(file.fileno())
    os.replace(part, path)
  except OSError as error:
    raise _refused(path, error) from error
  finally:
    with contextlib.suppress(OSError):
      part.unlink()


def _refused(path: Path, error: OSError) -> InputError:
  return InputError(
    path,
    f"cannot be written ({error.strerror or error})",
    "free some space, or name a folder that exists and may be written to",
  )
