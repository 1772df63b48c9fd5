"""Arrays from NumPy's files of strangers, and to files of ours.

Nothing in them is executed. Headers and archives say how large the arrays are;
that is compared with what the file can hold before memory is taken.
"""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO

import numpy as np
from numpy.lib import format as npy

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file, whole_file

# NumPy refuses longer headers itself; they are read before anything is known.
MAX_HEADER_BYTES = 10_000
# Eighty thousand windows with their truth.
MAX_BYTES = 1 << 30
_MAX_MEMBERS = 1000
# Deflate cannot do more.
_MAX_RATIO = 1100
# Text, numbers and truth values: no objects, records or raw bytes.
_KINDS = "biufU"
_CHUNK_BYTES = 1 << 20


def read_npz(
  path: str | os.PathLike[str],
  names: Sequence[str],
  fix: str,
  *,
  max_bytes: int = MAX_BYTES,
  optional: Sequence[str] = (),
) -> dict[str, np.ndarray]:
  """Reads arrays of a .npz file.

  Args:
    path: the file.
    names: arrays wanted; others are not read.
    fix: what to do if it cannot be used.
    max_bytes: most that all its arrays may take.
    optional: arrays that are read where they are there.

  Raises:
    InputError: no regular file, no archive, an array missing, larger than it
      can be, damaged, or of objects; the message names file and array.
  """
  with plain_file.opened(path, fix) as file:
    try:
      archive = zipfile.ZipFile(file)
      entries = {entry.filename: entry for entry in archive.infolist()}
    except Exception as error:
      raise _damaged(path, error, fix) from None
    size = sum(entry.file_size for entry in entries.values())
    if len(entries) > _MAX_MEMBERS or size > max_bytes:
      raise InputError(
        path, f"holds {len(entries)} arrays of {size} bytes", fix
      )
    found = {}
    for name in (*names, *optional):
      entry = entries.get(f"{name}.npy")
      if entry is None and name in optional:
        continue
      if entry is None:
        raise InputError(path, f"holds no array {name!r}", fix)
      if entry.file_size > _MAX_RATIO * (entry.compress_size + 1):
        raise InputError(
          path,
          f"{name} claims {entry.file_size} bytes in {entry.compress_size}",
          fix,
        )
      try:
        with archive.open(entry) as member:
          found[name] = _read(name, member, entry.file_size, fix)
      except MemoryError:
        raise
      except InputError as error:
        said = f"cannot be read ({name} {error.found})"
        raise InputError(path, said, fix) from None
      except Exception as error:
        # Zip files reach parsers that know a dozen kinds of errors.
        raise _damaged(path, error, fix) from None
  return found


def read_npy(
  path: str | os.PathLike[str], fix: str, *, max_bytes: int = MAX_BYTES
) -> np.ndarray:
  """Reads the array of a .npy file.

  Args:
    path: the file.
    fix: what to do if it cannot be used.
    max_bytes: the largest size that is read.

  Raises:
    InputError: no regular file, no such array, larger than allowed or than the
      file, or of objects.
  """
  with plain_file.opened(path, fix) as file:
    size = os.fstat(file.fileno()).st_size
    if size > max_bytes:
      raise InputError(path, f"has {size} bytes of {max_bytes} at most", fix)
    return _read(os.fspath(path), file, size, fix)


def read_header(
  path: object, file: IO[bytes], fix: str
) -> tuple[tuple[int, ...], bool, np.dtype]:
  """Reads the header of a .npy file.

  Args:
    path: names it in messages.
    file: the file at its start; it stands behind the header afterwards.
    fix: what to do if there is none.

  Returns:
    Shape, whether in Fortran order, and dtype, none of them checked.

  Raises:
    InputError: no header of NumPy's first two versions.
  """
  readers = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
  }
  try:
    version = npy.read_magic(file)
    if version not in readers:
      raise ValueError(f"version {version}")
    return readers[version](file, max_header_size=MAX_HEADER_BYTES)
  except Exception as error:
    # NumPy's parser of headers lets errors of Python's own parsers through.
    # Messages of NumPy may quote the whole header.
    reason = ascii(str(error).partition("\n")[0][:120])
    raise InputError(path, f"is no .npy file ({reason})", fix) from None


def _read(where: str, file: IO[bytes], size: int, fix: str) -> np.ndarray:
  """Reads an array of `size` bytes, header and all."""
  shape, fortran, dtype = read_header(where, file, fix)
  if dtype.kind not in _KINDS or dtype.hasobject:
    held = "objects" if dtype.hasobject else dtype.str
    raise InputError(where, f"holds {held}, no plain numbers or text", fix)
  if any(n < 0 for n in shape):
    raise InputError(where, f"has shape {shape}", fix)
  wanted = math.prod(shape) * dtype.itemsize
  if wanted > size:
    raise InputError(
      where, f"claims {wanted} bytes of {size}, shape {shape}", fix
    )
  out = bytearray(wanted)
  view, place = memoryview(out), 0
  while place < wanted:
    part = file.read(min(_CHUNK_BYTES, wanted - place))
    if not part:
      raise InputError(where, f"ends after {place} of {wanted} bytes", fix)
    view[place : place + len(part)] = part
    place += len(part)
  # To the end, for the archive's own checksum.
  if file.read(1):
    raise InputError(where, f"has more than the {wanted} bytes it claims", fix)
  array = np.frombuffer(out, dtype).reshape(
    shape, order="F" if fortran else "C"
  )
  if dtype.kind == "U":
    _check_text(where, array, fix)
  return array


def _check_text(where: str, array: np.ndarray, fix: str) -> None:
  """Refuses text that is none: NumPy takes any 32 bits for a character."""
  codes = np.ascontiguousarray(array).reshape(-1)
  codes = codes.view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
  wrong = (codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))
  if wrong.any():
    raise InputError(where, "holds text that is none", fix)


def _damaged(path: object, error: Exception, fix: str) -> InputError:
  said = str(error) or type(error).__name__
  return InputError(path, f"cannot be read ({said})", fix)


def write(
  path: str | os.PathLike[str],
  arrays: Mapping[str, np.ndarray],
  *,
  private: bool = False,
) -> None:
  """Writes or replaces an .npz file, whole or not at all.

  The same arrays give the same bytes: NumPy dates every member with the zip
  format's first day. By way of memory, because an archive that a full disk cut
  off complains once more when it is let go.

  Args:
    path: file in a folder that is there.
    arrays: {name: array}.
    private: see `whole_file.writing`.

  Raises:
    InputError: see `whole_file.writing`.
    ValueError: an array of objects, which would need pickle to be read.
  """
  for name, array in arrays.items():
    if array.dtype == object:
      raise ValueError(f"{name} holds objects")
  buffer = io.BytesIO()
  np.savez(buffer, **arrays)  # pyright: ignore[reportArgumentType]
  with whole_file.writing(path, private=private) as file:
    file.write(buffer.getbuffer())
