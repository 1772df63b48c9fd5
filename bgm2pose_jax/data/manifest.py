"""What a prepared dataset must consist of, checked when it is opened.

A truncated array_record shard reads as empty examples without any error, so
sizes, counts and SHA-256 of all files are kept beside them, and a SHA-256 of
the manifest in itself.
"""

from __future__ import annotations

import dataclasses
import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import checksums

FILE_NAME = "manifest.json"
# Part of the name of folders of prepared data: what has another format is not
# met, and stays as it is.
FORMAT = 2
_SUFFIX = ".array_record"
_SUM = "sha256"
# An hour of windows has a manifest of a few kilobytes.
_MAX_BYTES = 16 << 20


@dataclasses.dataclass(frozen=True)
class Shard:
  """One file of records.

  Attributes:
    path: relative to the manifest's folder, with '/'.
    size: bytes.
    count: records.
    sha256: hex digest of the bytes.
  """

  path: str
  size: int
  count: int
  sha256: str


@dataclasses.dataclass(frozen=True)
class File:
  """One file that holds no records, such as TFDS's descriptions.

  Attributes:
    path, size, sha256: the same as of a `Shard`.
  """

  path: str
  size: int
  sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
  """The files of one prepared section and what they hold.

  Attributes:
    shards: the shards in the order of their records.
    fields: description of the content: fingerprint, section, spec, ...
    files: all others but the manifest.
  """

  shards: tuple[Shard, ...]
  fields: Mapping[str, Any]
  files: tuple[File, ...] = ()

  @property
  def count(self) -> int:
    """Records over all shards."""
    return sum(shard.count for shard in self.shards)


def write(folder: Path, fields: Mapping[str, Any]) -> Manifest:
  """Describes the files below a folder in its manifest file.

  Args:
    folder: a finished dataset; the file is written into it. All files are
      flushed to the disk.
    fields: description of the content, kept as it is (JSON values).

  Returns:
    The manifest.
  """
  from array_record.python import array_record_module

  shards, files = [], []
  for name in _regular_files(folder):
    path = folder / name
    size, digest = _measure(path, flush=True)
    if _SUFFIX not in path.name:
      files.append(File(name, size, digest))
      continue
    reader = array_record_module.ArrayRecordReader(str(path))
    count = reader.num_records()
    reader.close()
    shards.append(Shard(name, size, count, digest))
  manifest = Manifest(tuple(shards), dict(fields), tuple(files))
  payload = {
    "format": FORMAT,
    "shards": [dataclasses.asdict(shard) for shard in shards],
    "files": [dataclasses.asdict(file) for file in files],
    "fields": manifest.fields,
  }
  with open(folder / FILE_NAME, "wb") as file:
    # Once through JSON: what is read sorts as what is written.
    file.write(_encode(json.loads(json.dumps(payload))))
    file.flush()
    os.fsync(file.fileno())
  return manifest


def read(folder: Path) -> Manifest:
  """Reads a manifest without looking at the files that it lists.

  Args:
    folder: a prepared section.

  Returns:
    The manifest.

  Raises:
    InputError: missing, unreadable, changed or of another format.
  """
  path = folder / FILE_NAME
  try:
    if path.is_symlink():
      raise InputError(path, "is a symbolic link", _rebuild(folder))
    with open(path, "rb") as file:
      data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
      raise InputError(
        path, f"is larger than {_MAX_BYTES >> 20} MiB", _rebuild(folder)
      )
    payload = json.loads(data.decode("utf-8"))
    if payload["format"] != FORMAT:
      raise InputError(
        path,
        f"has format {payload['format']}, not {FORMAT}",
        _rebuild(folder),
      )
    del payload[_SUM]
    # The bytes, not the values: not even a blank may change.
    if _encode(payload) != data:
      raise InputError(
        path, "content does not match its SHA-256", _rebuild(folder)
      )
    return Manifest(
      tuple(Shard(**shard) for shard in payload["shards"]),
      payload["fields"],
      tuple(File(**file) for file in payload["files"]),
    )
  except FileNotFoundError:
    raise InputError(path, "is missing", _rebuild(folder)) from None
  except OSError as error:
    raise InputError(
      path, f"cannot be read ({error.strerror})", "make it readable"
    ) from None
  except (ValueError, KeyError, TypeError, RecursionError) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(
      path, f"cannot be read ({error!r})", _rebuild(folder)
    ) from None


def verify(folder: Path, manifest: Manifest) -> None:
  """Compares every file below a folder with the manifest.

  Args:
    folder: a prepared section.
    manifest: its manifest.

  Raises:
    InputError: naming the first file that is missing, of another size or
      changed in any byte, or one that the manifest does not know; a link is
      not followed but refused.
  """
  try:
    there = set(_regular_files(folder))
    for item in (*manifest.shards, *manifest.files):
      kind = "shard" if isinstance(item, Shard) else "file"
      path = folder / item.path
      if item.path not in there:
        raise InputError(path, f"{kind} is missing", _rebuild(folder))
      # Before all of it is read.
      size = path.stat().st_size
      if size != item.size:
        raise InputError(
          path,
          f"{kind} has {size} bytes instead of {item.size}",
          _rebuild(folder),
        )
      if _measure(path)[1] != item.sha256:
        raise InputError(
          path,
          f"{kind}'s content does not match its SHA-256",
          _rebuild(folder),
        )
    known = {item.path for item in (*manifest.shards, *manifest.files)}
    for name in sorted(there - known):
      raise InputError(
        folder / name,
        "is no file of this dataset",
        "move it away",
      )
  except OSError as error:
    raise InputError(
      error.filename or folder,
      f"cannot be read ({error.strerror})",
      "make it readable",
    ) from None


def total_windows(manifests: Sequence[Manifest]) -> int:
  """Returns the records of several prepared sections together."""
  return sum(manifest.count for manifest in manifests)


def _rebuild(folder: Path) -> str:
  return f"delete {folder} and prepare the data again"


def _encode(payload: Mapping[str, Any]) -> bytes:
  """The bytes of a manifest file: the values and their SHA-256."""
  whole = {**payload, _SUM: checksums.of_json(payload)}
  return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()


def _regular_files(folder: Path) -> list[str]:
  """Names of all files below a folder but the manifest, sorted.

  Raises:
    InputError: a link, or anything else that is neither file nor folder.
    OSError: a folder that cannot be listed.
  """

  def stop(error: OSError) -> None:
    raise error

  names = []
  for parent, folders, files in os.walk(folder, onerror=stop):
    for name in (*folders, *files):
      path = Path(parent, name)
      mode = path.lstat().st_mode
      if stat.S_ISLNK(mode):
        raise InputError(path, "is a symbolic link", _rebuild(folder))
      if stat.S_ISREG(mode):
        names.append(path.relative_to(folder).as_posix())
      elif not stat.S_ISDIR(mode):
        raise InputError(path, "is no regular file", "move it away")
  return sorted(name for name in names if name != FILE_NAME)


def _measure(path: Path, flush: bool = False) -> tuple[int, str]:
  """Size and SHA-256 of a file, after flushing it to the disk if wanted."""
  if flush:
    with open(path, "rb") as file:
      os.fsync(file.fileno())
  return path.stat().st_size, checksums.of_file(path)
