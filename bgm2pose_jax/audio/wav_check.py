"""Is a WAV file as long as its header says, and can it be read as it is?

libsndfile shortens a truncated file to what is there and says nothing; a cut
recording would then lose its end unnoticed. It finds no samples where a
recorder that lost power left a length of 0, and does not know BW64, the form
of RF64 with a description of its channels (ITU-R BS.2088). Both hold ordinary
samples: they are read behind a header of our own.
"""

from __future__ import annotations

import dataclasses
import io
import os
import struct
from pathlib import Path
from typing import BinaryIO

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file

_FORMS = (b"RIFF", b"RF64", b"BW64")
# A writer that could not seek back leaves this as the length.
_UNKNOWN = 0xFFFFFFFF
# A gigabyte of empty ones would take minutes to walk.
_MOST_CHUNKS = 10_000
_LONGEST_FORMAT = 1 << 16
# The GUIDs of Sony Wave64 begin with the names of the chunks.
_W64 = b"riff\x2e\x91\xcf\x11"
_W64_DATA = b"data\xf3\xac\xd3\x11"


@dataclasses.dataclass(frozen=True)
class Samples:
  """Where the samples of a WAV file lie whose header cannot be used.

  Attributes:
    format: content of its `fmt ` chunk.
    start: byte at which the samples begin.
    length: bytes of samples.
    remark: what a person should know of it; None for nothing.
  """

  format: bytes
  start: int
  length: int
  remark: str | None


def check_wav_complete(path: Path) -> Samples | None:
  """Compares the length of the sample data with the file's size.

  Args:
    path: any file; one that is no RIFF, RF64, BW64 or Wave64 file is left
      alone.

  Returns:
    Where the samples lie, if the file is not to be read by its own header;
    else None.

  Raises:
    InputError: when the file ends before its samples do.
  """
  size = plain_file.check(path, "give a sound file").st_size
  with plain_file.opened(path, "give a sound file") as file:
    head = file.read(12)
    if head[:8] == _W64:
      _check_w64(path, file, size)
      return None
    if head[:4] not in _FORMS or head[8:12] != b"WAVE":
      return None
    return _walk(path, file, size, head[:4])


def _walk(path: Path, file: BinaryIO, size: int, form: bytes) -> Samples | None:
  """Goes from chunk to chunk until the samples begin."""
  long_data, sound_format, odd = None, b"", False
  for _ in range(_MOST_CHUNKS):
    at = file.tell()
    chunk = file.read(8)
    if len(chunk) == 8 and odd and chunk[:1] == b"\0" and _is_name(chunk[1:5]):
      # As it should be: a chunk of odd length is followed by a zero.
      file.seek(at + 1)
      chunk = file.read(8)
    elif odd and len(chunk) == 8 and not _is_name(chunk[:4]):
      file.seek(at + 1)
      chunk = file.read(8)
    elif odd and len(chunk) == 8:
      # Left out by some writers; libsndfile loses its way there.
      form = b"unpadded"
    if len(chunk) < 8:
      raise InputError(
        path, "ends before its samples begin", "copy the recording again"
      )
    name, length = chunk[:4], struct.unpack("<I", chunk[4:])[0]
    begin = file.tell()
    if name == b"ds64":
      long_data = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))[1]
    elif name == b"fmt ":
      sound_format = file.read(min(length, _LONGEST_FORMAT))
    elif name == b"data":
      if length == _UNKNOWN and long_data is not None:
        length = long_data
      return _found(path, file, size, form, sound_format, length)
    odd = bool(length % 2)
    file.seek(begin + length)
  raise InputError(
    path,
    f"has no samples in its first {_MOST_CHUNKS} chunks",
    "export it again",
  )


def _is_name(name: bytes) -> bool:
  return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _found(
  path: Path,
  file: BinaryIO,
  size: int,
  form: bytes,
  sound_format: bytes,
  length: int,
) -> Samples | None:
  """What follows from the length that the samples should have."""
  start = file.tell()
  behind = size - start
  if length in (0, _UNKNOWN) and behind > 0 and sound_format:
    if length == 0 and _is_chunks(file, size):
      return None
    return Samples(
      sound_format,
      start,
      behind,
      f"its header says {'0 bytes' if not length else 'no length'} of samples,"
      f" and {behind} bytes follow: the recorder was stopped, or wrote through"
      " a pipe, and could not finish the file; all of them are read",
    )
  if length == _UNKNOWN:
    return None
  if length > behind:
    raise InputError(
      path,
      f"is truncated: {length - behind} of {length} bytes of samples are"
      " missing",
      "copy the recording again",
    )
  remark = _remark_on_rest(file, size, start + length, sound_format)
  if sound_format and (remark or form in (b"BW64", b"unpadded")):
    return Samples(sound_format, start, length, remark)
  return None


def _remark_on_rest(
  file: BinaryIO, size: int, end: int, sound_format: bytes
) -> str | None:
  """What to say of a second or more of samples that no header counts."""
  rest = size - end
  second = struct.unpack("<I", sound_format[8:12].ljust(4, b"\0"))[0]
  if rest <= max(second, 8):
    return None
  file.seek(end + end % 2)
  if _is_name(file.read(4)):
    return None
  return (
    f"{rest} bytes follow the samples that its header counts: they are left"
    " out; if the recorder was stopped they are sound"
  )


def _is_chunks(file: BinaryIO, size: int) -> bool:
  """Whether only whole chunks follow: the file has no samples."""
  at = file.tell()
  for _ in range(_MOST_CHUNKS):
    file.seek(at)
    chunk = file.read(8)
    if len(chunk) < 8 or not _is_name(chunk[:4]):
      return False
    length = struct.unpack("<I", chunk[4:])[0]
    at += 8 + length + length % 2
    if at >= size:
      return at - length % 2 <= size
  return False


def _check_w64(path: Path, file: BinaryIO, size: int) -> None:
  """Walks the chunks of a Sony Wave64 file; lengths hold their own header."""
  at = 40
  for _ in range(_MOST_CHUNKS):
    file.seek(at)
    head = file.read(24)
    if len(head) < 24:
      raise InputError(
        path, "ends before its samples begin", "copy the recording again"
      )
    length = struct.unpack("<Q", head[16:])[0]
    if head[:8] == _W64_DATA:
      missing = at + length - size
      if missing > 0:
        raise InputError(
          path,
          f"is truncated: {missing} of {length - 24} bytes of samples are"
          " missing",
          "copy the recording again",
        )
      return
    at += max(24, length + -length % 8)
  raise InputError(
    path,
    f"has no samples in its first {_MOST_CHUNKS} chunks",
    "export it again",
  )


class BehindHeader(io.RawIOBase):
  """The samples of a file behind a header that libsndfile reads."""

  def __init__(self, file: BinaryIO, samples: Samples):
    """Takes an open file.

    Args:
      file: read and closed with this.
      samples: where its samples lie.
    """
    super().__init__()
    form = samples.format + b"\0" * (len(samples.format) % 2)
    self._head = (
      b"RIFF\xff\xff\xff\xffWAVEfmt "
      + struct.pack("<I", len(samples.format))
      + form
      + b"data\xff\xff\xff\xff"
    )
    self._file, self._samples, self._at = file, samples, 0

  def readable(self) -> bool:
    """Always."""
    return True

  def seekable(self) -> bool:
    """Always."""
    return True

  def tell(self) -> int:
    """The position, the header counted."""
    return self._at

  def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
    """Moves there; see `io.IOBase.seek`."""
    base = {
      os.SEEK_SET: 0,
      os.SEEK_CUR: self._at,
      os.SEEK_END: len(self._head) + self._samples.length,
    }[whence]
    self._at = max(0, base + offset)
    return self._at

  def readinto(self, buffer) -> int:
    """Reads what comes next; 0 at the end."""
    view = memoryview(buffer).cast("B")
    if self._at < len(self._head):
      part = self._head[self._at : self._at + len(view)]
    else:
      done = self._at - len(self._head)
      count = max(0, min(len(view), self._samples.length - done))
      self._file.seek(self._samples.start + done)
      part = self._file.read(count)
    view[: len(part)] = part
    self._at += len(part)
    return len(part)

  def close(self) -> None:
    """Closes the file, too."""
    self._file.close()
    super().close()
