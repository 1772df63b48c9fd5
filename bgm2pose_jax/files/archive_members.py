"""Members of zip and tar archives, read without trust in their headers."""

from __future__ import annotations

import calendar
import contextlib
import copy
import dataclasses
import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from bgm2pose_jax.base.errors import InputError

_BLOCK_BYTES = 1 << 20
# About 300,000 members of a zip archive; Python reads this list at once.
_MOST_DIRECTORY_BYTES = 48 << 20
_DAMAGED = (
  zipfile.BadZipFile,
  zlib.error,
  tarfile.TarError,
  gzip.BadGzipFile,
  EOFError,
  NotImplementedError,
  RuntimeError,
  ValueError,
)
_AGAIN = "download the archive again"


@dataclasses.dataclass(frozen=True)
class Limits:
  """What an archive may at most be.

  Attributes:
    members: how many members it may list.
    total_bytes: how many bytes all contents may have.
    member_bytes: how many bytes one may have.
    ratio: the ratio of contents to what they take in the archive; sound and
      poses stay below 20, and deflate gives up to 1,032.
  """

  members: int = 400_000
  total_bytes: int = 200 << 30
  member_bytes: int = 8 << 30
  ratio: float = 200.0


@dataclasses.dataclass(frozen=True)
class Member:
  """What an archive says of one member.

  Attributes:
    name: the name, as it stands there.
    size: bytes of its content.
    packed: bytes that it takes in the archive; None where all members are
      compressed together.
    is_folder: holds nothing.
    problem: why it must not be unpacked; None for nothing.
    modified_s: seconds since 1970.
    handle: what the reader needs.
  """

  name: str
  size: int
  packed: int | None
  is_folder: bool
  problem: str | None
  modified_s: float
  handle: Any


@dataclasses.dataclass(frozen=True)
class Archive:
  """An open archive.

  Attributes:
    path: its file.
    size: bytes of the file.
    members: the members in their order.
    read: yields a member's bytes, and one more than it states where it holds
      more.
  """

  path: Path
  size: int
  members: Sequence[Member]
  read: Callable[[Member], Iterator[bytes]]


@contextlib.contextmanager
def opened(path: Path, limits: Limits) -> Iterator[Archive]:
  """Opens a zip or tar(.gz) archive and lists its members.

  Args:
    path: the archive.
    limits: members and bytes beyond them are not even listed.

  Yields:
    The archive.

  Raises:
    InputError: neither of them, or damaged; also while members are read.
    OSError: a file that cannot be read.
  """
  with open(path, "rb") as file:
    begin = file.read(512)
    file.seek(0)
    with contextlib.ExitStack() as stack:
      with _whole(path):
        if begin[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
          archive = _zip(path, file, limits, stack)
        elif begin[:2] == b"\x1f\x8b":
          plain = stack.enter_context(gzip.GzipFile(fileobj=file))
          archive = _tar(path, plain, limits, stack)
        elif begin[257:262] == b"ustar":
          archive = _tar(path, file, limits, stack)
        else:
          raise InputError(
            path,
            "is no zip, tar or tar.gz archive",
            "pack its files as one of them",
          )
      yield archive


@contextlib.contextmanager
def _whole(where: object) -> Iterator[None]:
  try:
    yield
  except InputError:
    raise
  except _DAMAGED as error:
    reason = ascii(str(error) or type(error).__name__)[:200]
    raise InputError(where, f"is damaged ({reason})", _AGAIN) from None


def _zip(
  path: Path,
  file: IO[bytes],
  limits: Limits,
  stack: contextlib.ExitStack,
) -> Archive:
  size = file.seek(0, 2)
  _check_directory(path, file, size)
  source = stack.enter_context(zipfile.ZipFile(file))

  def read(member: Member) -> Iterator[bytes]:
    # One byte more than stated: what comes then is too much. The sum (CRC-32)
    # is checked at the end of what is there.
    info = copy.copy(member.handle)
    info.file_size += 1
    with _whole(f"{path}, {member.name!r}"), source.open(info) as content:
      while block := content.read(_BLOCK_BYTES):
        yield block

  infos = source.infolist()
  if len(infos) > limits.members:
    raise InputError(
      path, f"lists more than {limits.members} members", "unpack it by hand"
    )
  return Archive(path, size, [*map(_zip_member, infos)], read)


def _zip_member(info: zipfile.ZipInfo) -> Member:
  kind = stat.S_IFMT(info.external_attr >> 16)
  problem = None
  if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
    problem = "is a link or a device"
  elif info.flag_bits & 0x41:
    problem = "is encrypted"
  elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
    problem = f"is compressed by method {info.compress_type}"
  try:
    modified_s = float(calendar.timegm((*info.date_time, 0, 0, 0)))
  except (ValueError, OverflowError):
    modified_s = 0.0
  return Member(
    # Not `filename`, which ends at a NUL.
    name=info.orig_filename,
    size=info.file_size,
    packed=info.compress_size,
    is_folder=info.orig_filename.endswith("/"),
    problem=problem,
    modified_s=modified_s,
    handle=info,
  )


def _check_directory(path: Path, file: IO[bytes], size: int) -> None:
  """Refuses a list of members that would fill the memory."""
  file.seek(max(0, size - (1 << 16) - 98))
  tail = file.read()
  file.seek(0)
  at = tail.rfind(b"PK\x05\x06")
  if at < 0:
    raise InputError(path, "has no list of members at its end", _AGAIN)
  length = int.from_bytes(tail[at + 12 : at + 16], "little")
  # Archives beyond 4 GiB have another record before this one.
  wide = at - 76
  if wide >= 0 and tail[wide : wide + 4] == b"PK\x06\x06":
    length = int.from_bytes(tail[wide + 40 : wide + 48], "little")
  if length > _MOST_DIRECTORY_BYTES:
    raise InputError(path, f"has a list of members of {length} bytes", _AGAIN)


class _Bounded:
  """A file of which neither much at once nor too much in all can be read.

  A tar header may claim that gigabytes of names follow, and a few kilobytes of
  a compressed file may be gigabytes of zeros.
  """

  def __init__(
    self, path: Path, file: IO[bytes] | gzip.GzipFile, most_bytes: int
  ):
    self._path = path
    self._file = file
    self._most = most_bytes

  def read(self, size: int) -> bytes:
    if not 0 <= size <= _BLOCK_BYTES:
      raise ValueError(f"a header claims {size} bytes")
    self._check(self._file.tell() + size)
    return self._file.read(size)

  def seek(self, place: int) -> int:
    self._check(place)
    return self._file.seek(place)

  def tell(self) -> int:
    return self._file.tell()

  def _check(self, place: int) -> None:
    if place > self._most:
      raise InputError(
        self._path,
        f"unpacks to more than {self._most} bytes",
        "get the archive from where it was published",
      )


def _tar(
  path: Path,
  file: IO[bytes] | gzip.GzipFile,
  limits: Limits,
  stack: contextlib.ExitStack,
) -> Archive:
  size = path.stat().st_size
  # Few and small members are mostly headers and zeros at the end.
  most_bytes = round(limits.ratio * size) + (1 << 20)
  plain = _Bounded(
    path, file, min(most_bytes, 2 * limits.total_bytes + (2 << 20))
  )
  source = stack.enter_context(
    tarfile.TarFile(fileobj=plain)  # type: ignore[arg-type]
  )
  infos = []
  for info in source:
    infos.append(info)
    if len(infos) > limits.members:
      raise InputError(
        path, f"lists more than {limits.members} members", "unpack it by hand"
      )
  # tarfile takes a damaged header for the end; there only zeros may follow.
  end = 0
  if infos:
    last = infos[-1]
    end = last.offset_data + (-(-last.size // 512) * 512 if last.isreg() else 0)
  plain.seek(end)
  zeros = 0
  while block := plain.read(1 << 16):
    zeros += len(block)
    if block.strip(b"\0"):
      raise tarfile.ReadError("a header is damaged")
  if zeros < 512:
    raise tarfile.ReadError("ends too early")

  def read(member: Member) -> Iterator[bytes]:
    with _whole(f"{path}, {member.name!r}"):
      content = source.extractfile(member.handle)
      while content is not None and (block := content.read(_BLOCK_BYTES)):
        yield block

  return Archive(path, size, [*map(_tar_member, infos)], read)


def _tar_member(info: tarfile.TarInfo) -> Member:
  problem = None
  if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE):
    problem = "is a link or a device"
  elif info.sparse is not None:
    problem = "has holes"
  return Member(
    name=info.name,
    size=info.size,
    packed=None,
    is_folder=info.isdir(),
    problem=problem,
    modified_s=float(info.mtime),
    handle=info,
  )
