"""Bounded reading of text files that come from strangers.

Motion capture is exchanged as text, plain or gzip-compressed. The size of the
text, the length of a line and the compression are the file's own claims, so
each has a limit here and every refusal is an InputError.
"""

from __future__ import annotations

import gzip
import pathlib
import zlib
from collections.abc import Iterator

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import plain_file

# Twenty minutes of a 120 fps Motive export with all its markers.
MAX_TEXT_BYTES = 512 * 2**20
# About 65,000 numbers: far above any skeleton, far below trouble.
MAX_LINE_BYTES = 2**20
_CHUNK_BYTES = 2**20
_TAIL_BYTES = 64
_GZIP_MAGIC = b"\x1f\x8b"


def read_bytes(
  path: str | pathlib.Path, *, max_bytes: int = MAX_TEXT_BYTES
) -> bytes:
  """Returns a file's text, decompressed if it starts like a gzip file.

  UTF-16 becomes UTF-8; byte order marks, a last Ctrl-Z and line ends of a
  lone CR are mended.

  Args:
    path: the file; its name plays no part in telling gzip from plain text.
    max_bytes: largest size accepted, after decompression.

  Raises:
    InputError: not a regular readable file, empty, larger than `max_bytes`
      once decompressed, or a damaged or truncated gzip stream.
  """
  data = _read(pathlib.Path(path), max_bytes)
  if len(data) > max_bytes:
    raise InputError(
      path,
      f"more than {max_bytes} bytes of text",
      "split the take into shorter files",
    )
  return data


def _read(path: pathlib.Path, max_bytes: int) -> bytes:
  """Reads up to `max_bytes`, and a little more if there is more."""
  try:
    with plain_file.opened(path, "give the path of a text file") as raw:
      is_gzip = raw.read(2) == _GZIP_MAGIC
      raw.seek(0)
      data = _read_at_most(
        gzip.GzipFile(fileobj=raw) if is_gzip else raw, max_bytes
      )
  except (EOFError, gzip.BadGzipFile, zlib.error) as error:
    raise InputError(
      path,
      f"damaged or truncated gzip data ({error})",
      "copy or download the file again",
    ) from error
  except OSError as error:
    raise InputError(
      path, f"cannot be read ({error.strerror})", "check its permissions"
    ) from error
  if not data[:4096].strip() and not data.strip():
    raise InputError(path, "an empty file", "export the take again")
  if data.startswith((b"\xff\xfe", b"\xfe\xff")):
    # As Windows programs write "Unicode text".
    data = data.decode("utf-16", "replace").encode("utf-8", "replace")
  if b"\0" in data:
    raise InputError(
      path, "binary data where text belongs", "export the take as text"
    )
  return _unix_lines(data.removeprefix(b"\xef\xbb\xbf"))


def _unix_lines(data: bytes) -> bytes:
  """Takes off what old systems put between lines and behind the last."""
  if b"\x1a" in data[-_TAIL_BYTES:]:
    # DOS ended text with Ctrl-Z.
    data = data.rstrip(b"\r\n\t \x1a")
  if b"\n" not in data:
    data = data.replace(b"\r", b"\n")
  return data


def read_head(path: str | pathlib.Path, num_bytes: int = 2**16) -> bytes:
  """Returns the first bytes of a file's text, to tell formats apart.

  Raises:
    InputError: as `read_bytes`, except for the size.
  """
  return _read(pathlib.Path(path), num_bytes)[:num_bytes]


def _read_at_most(stream, max_bytes: int) -> bytes:
  """Reads until just past `max_bytes`, so that a bomb is never unpacked."""
  parts, size = [], 0
  step = min(_CHUNK_BYTES, max_bytes + 1)
  while size <= max_bytes and (part := stream.read(step)):
    parts.append(part)
    size += len(part)
  return b"".join(parts)


def lines(
  data: bytes, where: object, *, max_line_bytes: int = MAX_LINE_BYTES
) -> Iterator[tuple[int, bytes]]:
  """Yields (line number from 1, line without its end) one at a time.

  Raises:
    InputError: a line longer than `max_line_bytes`.
  """
  start, number = 0, 0
  while start < len(data):
    stop = data.find(b"\n", start)
    stop = len(data) if stop < 0 else stop
    number += 1
    if stop - start > max_line_bytes:
      raise InputError(
        f"{where} line {number}",
        f"a line of {stop - start} bytes (limit {max_line_bytes})",
        "export the take again, one frame per line",
      )
    yield number, data[start:stop].rstrip(b"\r")
    start = stop + 1


def clip_text(text: str, limit: int = 60) -> str:
  """Shortens text quoted from a file and drops its unprintable characters."""
  text = "".join(c if c.isprintable() else "?" for c in text)
  return text if len(text) <= limit else text[: limit - 3] + "..."
