"""Append-only JSON lines: `metrics.jsonl` and `timing.jsonl`.

`metrics.jsonl` holds only what (config, seed, step) decide, so an interrupted
and resumed run ends with the same bytes as one left alone; everything that
depends on the clock or the machine goes to `timing.jsonl`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import own_file


class JsonLines:
  """Appends one JSON object per line, flushed line by line.

  Opening cuts off what a killed process left of an unfinished last line. Only
  process 0 of a multi-host run touches the file.

  Attributes:
    path: the file.
  """

  def __init__(
    self, path: str | os.PathLike[str], *, process_index: int | None = None
  ):
    """Opens the file for appending.

    Args:
      path: the file; its folder is made when absent.
      process_index: this host's index (default: JAX's); the writer of any but
        host 0 does nothing.

    Raises:
      InputError: a line before the last is not a JSON object, or the file
        cannot be written.
    """
    if process_index is None:
      import jax

      process_index = jax.process_index()
    self.path = Path(path)
    self._file: BinaryIO | None = None
    if process_index != 0:
      return
    try:
      own_file.make_folder(self.path.parent)
      # Without a buffer: what a full disk refuses is not tried again later.
      self._file = own_file.appending(self.path)
    except OSError as error:
      raise self._refused(error) from error
    try:
      self._cut(None)
    except BaseException:
      self.close()
      raise

  def truncate_after_step(self, step: int, size: int | None = None) -> None:
    """Drops the first line whose "step" is beyond `step`, and all after it.

    A resumed run writes those lines again. For the file to end equal to that
    of an uninterrupted run, write the lines of a step before saving the
    checkpoint of that step.

    Args:
      step: last step the restored state has done; 0 when starting afresh.
      size: `size` when that state was saved, where it was saved before the
        last line of its step.
    """
    if self._file is not None:
      self._cut(step)
      if size is not None and size < self.size():
        self._file.truncate(size)

  def size(self) -> int:
    """Returns the bytes written so far; 0 on hosts other than 0."""
    return 0 if self._file is None else os.fstat(self._file.fileno()).st_size

  def write(self, line: Mapping[str, Any]) -> None:
    """Appends one line and hands it to the operating system.

    Args:
      line: text, booleans, numbers and arrays (NumPy or JAX), or mappings and
        sequences of them. Numbers that are not finite become the texts "nan",
        "inf" and "-inf", since JSON has no such numbers.

    Raises:
      InputError: the system refuses, as it does when a disk is full. What was
        written of the line is cut off when the file is opened again.
    """
    if self._file is None:
      return
    left = (json.dumps(plain(line), allow_nan=False) + "\n").encode()
    try:
      while left:
        left = left[self._file.write(left) :]
    except OSError as error:
      raise self._refused(error) from error

  def read(self) -> list[dict[str, Any]]:
    """Returns the lines written so far; none on hosts other than 0."""
    return read_jsonl(self.path) if self._file is not None else []

  def _cut(self, step: int | None) -> None:
    assert self._file is not None
    keep = _kept_bytes(self.path, step)
    if keep < self.size():
      self._file.truncate(keep)

  def sync(self) -> None:
    """Waits until the lines are on disk; call before saving a checkpoint."""
    if self._file is not None:
      try:
        os.fsync(self._file.fileno())
      except OSError as error:
        raise self._refused(error) from error

  def close(self) -> None:
    """Closes the file; further writes are dropped."""
    if self._file is not None:
      self._file.close()
      self._file = None

  def _refused(self, error: OSError) -> InputError:
    return InputError(
      self.path,
      f"cannot be written ({error.strerror or error})",
      "free some space and give the same command again: what was saved is kept",
    )

  def __enter__(self) -> JsonLines:
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    self.close()


def read_jsonl(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
  """Reads the finished lines of a file; an unfinished last line is ignored.

  Raises:
    InputError: a line before the last is not a JSON object.
  """
  return [line for line, _ in _lines(Path(path))]


def _kept_bytes(path: Path, last_step: int | None) -> int:
  """Bytes up to the first line beyond the step, or to the torn last line."""
  keep = 0
  for line, end in _lines(path):
    if last_step is not None and line.get("step", 0) > last_step:
      break
    keep = end
  return keep


def _lines(path: Path) -> list[tuple[dict[str, Any], int]]:
  """Finished lines with the byte offset after each."""
  data = path.read_bytes()
  out: list[tuple[dict[str, Any], int]] = []
  at = 0
  while at < len(data):
    stop = data.find(b"\n", at)
    if stop < 0:
      break
    try:
      line = json.loads(data[at:stop])
    except (ValueError, RecursionError):
      line = None
    if not isinstance(line, dict):
      # A block of zeros at the end is what a power cut leaves of a line.
      if data.find(b"\n", stop + 1) < 0:
        break
      raise InputError(
        path,
        f"line {len(out) + 1} is not a JSON object",
        "restore the file or move it away",
      )
    out.append((line, stop + 1))
    at = stop + 1
  return out


def plain(value: Any) -> Any:
  """JSON-ready copy; float32 keeps its own shortest decimal form.

  Args:
    value: the value of a line, as `JsonLines.write` takes it.
  """
  if isinstance(value, Mapping):
    return {str(key): plain(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [plain(item) for item in value]
  if value is None or isinstance(value, (str, bool, int)):
    return value
  if isinstance(value, float):
    number = float(value)
  else:
    array = np.asarray(value)
    if array.ndim:
      return [plain(item) for item in array]
    if array.dtype == bool or array.dtype.kind in "iu":
      return array.item()
    # str of a float32 is its shortest round-trip form, that of its float64
    # value has eight digits of noise; bfloat16 has no such form of its own.
    narrow = array.dtype.itemsize < 8
    number = float(str(array.astype(np.float32))) if narrow else float(array)
  return number if math.isfinite(number) else str(number)
