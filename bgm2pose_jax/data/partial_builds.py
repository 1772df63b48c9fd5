"""Windows of single recordings, kept until their section is whole.

A build that was killed takes the recordings that it had done from here. A part
is one file: the arrays window by window, then the texts and numbers of all
windows, then a SHA-256 of everything before. It is used only for the data that
it was made for, and only when no byte has changed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from absl import logging

from bgm2pose_jax.files import own_file, staged_folder

# A killed build may wait this long before it goes on.
MAX_AGE_S = 14 * 24 * 3600.0

Example = dict[str, Any]

_DTYPE = np.dtype("<f4")
_FORMAT = 1
# The length of what follows the arrays, and the sum over everything.
_LENGTH_BYTES, _SUM_BYTES = 8, 32
_READ_BYTES = 1 << 20


class _UnusableError(Exception):
  """A part that cannot be used, with the reason."""


@dataclasses.dataclass(frozen=True)
class Parts:
  """Where a section's parts lie and what they belong to.

  Attributes:
    folder: the folder, made when missing.
    fingerprint: the prepared data's fingerprint, see `prepared.identify`.
  """

  folder: Path
  fingerprint: str

  def path(self, recording: str) -> Path:
    """Returns the file of a recording's windows, there or not."""
    # A digest: a recording's name may be as long as a file's can be.
    return self.folder / hashlib.sha256(recording.encode()).hexdigest()[:24]

  def examples(
    self,
    recording: str,
    make: Callable[[], Iterable[Example]],
    on_windows: Callable[[int], object] = lambda windows: None,
  ) -> Iterator[Example]:
    """Gives a recording's windows, from its part or made now.

    Args:
      recording: its name.
      make: makes the windows; called when there is no usable part. They are
        kept when all of them were taken.
      on_windows: called with the number of windows that a part holds; `make`
        counts its own.

    Yields:
      The same windows in the same order either way.

    Raises:
      OSError: the part cannot be written.
    """
    path = self.path(recording)
    kept = None
    try:
      kept = _Reader(path, self._owner(recording))
    except FileNotFoundError:
      pass
    except (_UnusableError, OSError) as error:
      logging.warning("%s: %s; its windows are made again", path, error)
      staged_folder.remove(path)
    if kept is not None:
      logging.info("%s: taken from an earlier build", recording)
      yield from kept.examples()
      on_windows(kept.count)
      return
    own_file.make_folder(self.folder)
    part = staged_folder.temporary(path)
    try:
      with open(part, "xb") as file:
        writer = _Writer(file, self._owner(recording))
        for example in make():
          writer.add(example)
          yield example
        writer.finish()
      os.replace(part, path)
    finally:
      staged_folder.remove(part)

  def _owner(self, recording: str) -> dict[str, Any]:
    return {
      "format": _FORMAT,
      "fingerprint": self.fingerprint,
      "recording": recording,
    }


class _Writer:
  """Writes windows as they come, and what they are at the end."""

  def __init__(self, file: BinaryIO, owner: dict[str, Any]):
    self._file = file
    self._owner = owner
    self._sum = hashlib.sha256()
    self._shapes: dict[str, tuple[int, ...]] = {}
    self._columns: dict[str, list[Any]] = {}
    self._count = 0

  def add(self, example: Example) -> None:
    for name, value in example.items():
      if not isinstance(value, np.ndarray):
        self._columns.setdefault(name, []).append(value)
        continue
      array = np.ascontiguousarray(value, _DTYPE)
      if self._shapes.setdefault(name, array.shape) != array.shape:
        raise ValueError(f"{name}: {array.shape} after {self._shapes[name]}")
      self._write(array.data)
    self._count += 1

  def finish(self) -> None:
    what = {
      **self._owner,
      "count": self._count,
      "shapes": self._shapes,
      "columns": self._columns,
    }
    text = json.dumps(what).encode()
    self._write(text)
    self._write(len(text).to_bytes(_LENGTH_BYTES, "little"))
    self._file.write(self._sum.digest())

  def _write(self, data: Any) -> None:
    self._file.write(data)
    self._sum.update(data)


class _Reader:
  """A part that was checked from its first byte to its last."""

  def __init__(self, path: Path, owner: dict[str, Any]):
    """Checks a part.

    Raises:
      _UnusableError: a changed or cut file, or one that belongs to other data.
      OSError: no such file, or one that cannot be read.
    """
    self._path = path
    size = path.stat().st_size - _SUM_BYTES
    if size < _LENGTH_BYTES:
      raise _UnusableError(f"has {size + _SUM_BYTES} bytes")
    with open(path, "rb") as file:
      if self._digest(file, size) != file.read():
        raise _UnusableError("content does not match its SHA-256")
      file.seek(size - _LENGTH_BYTES)
      length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
      self._body = size - _LENGTH_BYTES - length
      if self._body < 0:
        raise _UnusableError("ends before its description begins")
      file.seek(self._body)
      try:
        what = json.loads(file.read(length))
        differing = [name for name in owner if what[name] != owner[name]]
        self.count = int(what["count"])
        self._columns = {str(k): list(v) for k, v in what["columns"].items()}
        self._shapes = {k: tuple(v) for k, v in what["shapes"].items()}
      except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _UnusableError(f"has no description ({error!r})") from None
    if differing:
      raise _UnusableError(f"belongs to another {differing[0]}")
    window = sum(self._sizes().values())
    lengths = {len(values) for values in self._columns.values()}
    if self._body != self.count * window or lengths != {self.count}:
      raise _UnusableError("is not as long as it says")

  def examples(self) -> Iterator[Example]:
    sizes = self._sizes()
    with open(self._path, "rb") as file:
      for at in range(self.count):
        example: Example = {
          name: np.frombuffer(file.read(size), _DTYPE).reshape(
            self._shapes[name]
          )
          for name, size in sizes.items()
        }
        for name, values in self._columns.items():
          example[name] = values[at]
        yield example

  def _sizes(self) -> dict[str, int]:
    return {
      name: _DTYPE.itemsize * int(np.prod(shape))
      for name, shape in self._shapes.items()
    }

  @staticmethod
  def _digest(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of the next bytes; the file stands behind them afterwards."""
    found = hashlib.sha256()
    while size:
      data = file.read(min(size, _READ_BYTES))
      if not data:
        break
      found.update(data)
      size -= len(data)
    return found.digest()


def sweep(home: Path) -> None:
  """Removes parts that nobody needs, and what killed processes left of some.

  Args:
    home: folder with prepared sections and their parts; may be missing.
  """
  for folder in home.glob(".*.parts"):
    section = folder.name[1:].removesuffix(".parts")
    # The section is whole, or the build was given up.
    if (home / section).is_dir() or staged_folder.quiet_s(folder) > MAX_AGE_S:
      staged_folder.remove(folder)
    else:
      with contextlib.suppress(OSError):
        staged_folder.sweep(folder)


def of_section(home: Path, section: str, fingerprint: str) -> Parts:
  """Returns where the parts of a section are kept.

  Args:
    home: folder that the section goes to.
    section: its name.
    fingerprint: the prepared data's fingerprint.
  """
  return Parts(home / f".{section}.parts", fingerprint)
