"""The files of one datapack, in a folder or in a zip archive.

Names are those of the datapack's XML. They lead to files of the datapack or
nowhere: no `..`, no absolute path, no link out of the folder, no member that
an honest archive does not have.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import archive_members, member_checks, plain_file
from bgm2pose_jax.files.archive_members import Archive, Limits, Member
from bgm2pose_jax.files.text_file import clip_text

# Videos of three views lie in a datapack too; they are never unpacked.
LIMITS = Limits(
  members=20_000, total_bytes=64 << 30, member_bytes=16 << 30, ratio=200.0
)
_MAX_SOUND_BYTES = 4 << 30
_FIX = "download the datapack again"


class PackFiles(Protocol):
  """What a folder and an archive have in common."""

  path: Path

  def names(self) -> list[str]:
    """Returns the names of all files, with `/`, sorted."""
    ...

  def where(self, name: str) -> str:
    """Returns how messages call a file."""
    ...

  def read(self, name: str, max_bytes: int) -> bytes:
    """Reads a file whole.

    Raises:
      InputError: not there, larger, or damaged.
    """
    ...

  def on_disk(self, name: str) -> contextlib.AbstractContextManager[Path]:
    """Gives a file a path for as long as the block lasts.

    Raises:
      InputError: not there, too large, or damaged.
    """
    ...


@contextlib.contextmanager
def opened(path: Path) -> Iterator[PackFiles]:
  """Opens a datapack.

  Args:
    path: a folder, or a zip archive.

  Yields:
    Its files.

  Raises:
    InputError: no folder and no archive, or a member that no honest archive
      has (see `member_checks`).
  """
  with system_errors.in_one_line(path):
    if path.is_dir():
      yield _Folder(path)
      return
    plain_file.check(path, "give a folder or a zip archive of a datapack")
    with archive_members.opened(path, LIMITS) as archive:
      yield _Zip(archive)


def resolve(folder: str, filename: str, where: object) -> str:
  """Returns the name that a `Filename` of the XML stands for.

  Args:
    folder: the XML's own folder in the datapack; empty for the top.
    filename: the filename, as the XML states it.
    where: the XML, for messages.

  Raises:
    InputError: a name that leads out of the datapack.
  """
  try:
    parts = member_checks.check_name(filename)
    if not parts:
      raise ValueError("its name is empty")
  except ValueError as error:
    raise InputError(
      where,
      f"names the file {clip_text(filename)!r}: {error}",
      "give the name of a file of the datapack, as it lies beside the XML",
    ) from None
  return str(PurePosixPath(folder, *parts))


class _Folder:
  """A datapack that was unpacked."""

  def __init__(self, path: Path):
    self.path = path

  def names(self) -> list[str]:
    found = []
    for base, folders, files in os.walk(self.path, followlinks=False):
      folders[:] = [name for name in folders if not name.startswith(".")]
      for file in files:
        if len(found) == LIMITS.members:
          raise InputError(
            self.path, f"holds more than {len(found)} files", _FIX
          )
        found.append(Path(base, file).relative_to(self.path).as_posix())
    return sorted(found)

  def where(self, name: str) -> str:
    return str(self.path / name)

  def read(self, name: str, max_bytes: int) -> bytes:
    return plain_file.read(self._inside(name), max_bytes, _FIX)

  @contextlib.contextmanager
  def on_disk(self, name: str) -> Iterator[Path]:
    path = self._inside(name)
    plain_file.check(path, _FIX)
    yield path

  def _inside(self, name: str) -> Path:
    path = self.path / name
    # Not `resolve`, which fails on links that lead in a circle.
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(self.path)):
      raise InputError(path, "is a link that leads out of the datapack", _FIX)
    return path


class _Zip:
  """A datapack as it is downloaded."""

  def __init__(self, archive: Archive):
    self.path = archive.path
    self._archive = archive
    self._members: dict[str, Member] = {}
    for member in archive.members:
      try:
        parts = member_checks.check_name(member.name)
        if member.problem is not None:
          raise ValueError(member.problem)
        name = "/".join(parts)
        if not member.is_folder and name in self._members:
          raise ValueError("is there twice")
      except ValueError as error:
        raise InputError(self.where(member.name), str(error), _FIX) from None
      if not member.is_folder:
        self._members[name] = member

  def names(self) -> list[str]:
    return sorted(self._members)

  def where(self, name: str) -> str:
    return f"{self.path}, {clip_text(name, 200)}"

  def read(self, name: str, max_bytes: int) -> bytes:
    return b"".join(self._blocks(name, max_bytes))

  @contextlib.contextmanager
  def on_disk(self, name: str) -> Iterator[Path]:
    # libsndfile tells MP3 from the rest by content, and by the name's ending
    # where the content is odd.
    ending = PurePosixPath(name).suffix.lower()
    with tempfile.TemporaryDirectory(prefix="datapack-") as folder:
      path = Path(folder, f"member{ending}")
      with open(path, "xb") as file:
        for block in self._blocks(name, _MAX_SOUND_BYTES):
          file.write(block)
      yield path

  def _blocks(self, name: str, max_bytes: int) -> Iterator[bytes]:
    member = self._members.get(name)
    if member is None:
      raise InputError(self.where(name), "no such file", _FIX)
    try:
      # Of what is not read, such as videos, the size is no matter.
      member_checks.check_content(member, LIMITS)
      if member.size > max_bytes:
        raise ValueError(f"is larger than {max_bytes} bytes")
    except ValueError as error:
      raise InputError(self.where(name), str(error), _FIX) from None
    count = 0
    for block in self._archive.read(member):
      count += len(block)
      if count > member.size:
        break
      yield block
    if count != member.size:
      amount = "more" if count > member.size else "less"
      raise InputError(
        self.where(name),
        f"holds {amount} than the {member.size} bytes that it states",
        _FIX,
      )
