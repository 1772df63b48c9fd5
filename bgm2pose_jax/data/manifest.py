"""What a prepared dataset must consist of, checked when it is opened.

A truncated array_record shard reads as empty examples without any error, so
sizes, counts and SHA-256 of all shards are kept beside them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bgm2pose_jax.errors import InputError

FILE_NAME = "manifest.json"
_FORMAT = 1
_SUFFIX = "array_record"
_REBUILD = "delete this folder and prepare the data again"


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
class Manifest:
  """The shards of one prepared track, in order, and what they hold.

  Attributes:
    shards: in the order of their records.
    fields: description of the content: fingerprint, track, feature spec, ...
  """

  shards: tuple[Shard, ...]
  fields: Mapping[str, Any]

  @property
  def count(self) -> int:
    """Records over all shards."""
    return sum(shard.count for shard in self.shards)


def write(folder: Path, fields: Mapping[str, Any]) -> Manifest:
  """Describes the shards below a folder in its manifest file.

  Args:
    folder: a finished dataset; the file is written into it and flushed to the
      disk.
    fields: description of the content, kept as it is (JSON values).

  Returns:
    The manifest.
  """
  from array_record.python import array_record_module

  shards = []
  for path in sorted(folder.rglob(f"*.{_SUFFIX}*")):
    reader = array_record_module.ArrayRecordReader(str(path))
    count = reader.num_records()
    reader.close()
    name = path.relative_to(folder).as_posix()
    shards.append(Shard(name, path.stat().st_size, count, _sha256(path)))
  manifest = Manifest(tuple(shards), dict(fields))
  payload = {
    "format": _FORMAT,
    "shards": [dataclasses.asdict(shard) for shard in shards],
    "fields": manifest.fields,
  }
  with open(folder / FILE_NAME, "w", encoding="utf-8") as file:
    json.dump(payload, file, indent=1, sort_keys=True)
    file.flush()
    os.fsync(file.fileno())
  return manifest


def read(folder: Path) -> Manifest:
  """Reads a manifest without looking at the shards.

  Args:
    folder: a prepared track.

  Returns:
    The manifest.

  Raises:
    InputError: missing, unreadable or of another format.
  """
  path = folder / FILE_NAME
  try:
    payload = json.loads(path.read_text(encoding="utf-8"))
    if payload["format"] != _FORMAT:
      raise InputError(
        path, f"has format {payload['format']}, not {_FORMAT}", _REBUILD
      )
    shards = tuple(Shard(**shard) for shard in payload["shards"])
    return Manifest(shards, payload["fields"])
  except FileNotFoundError:
    raise InputError(path, "is missing", _REBUILD) from None
  except (ValueError, KeyError, TypeError) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(path, f"cannot be read ({error})", _REBUILD) from None


def verify(folder: Path, manifest: Manifest) -> None:
  """Compares every shard with the manifest.

  Args:
    folder: a prepared track.
    manifest: its manifest.

  Raises:
    InputError: naming the first shard that is missing, of another size or
      changed in any byte, or one that the manifest does not know.
  """
  for shard in manifest.shards:
    path = folder / shard.path
    if not path.is_file():
      raise InputError(path, "shard is missing", _REBUILD)
    size = path.stat().st_size
    if size != shard.size:
      raise InputError(
        path, f"shard has {size} bytes instead of {shard.size}", _REBUILD
      )
    if _sha256(path) != shard.sha256:
      raise InputError(
        path, "shard's content does not match its SHA-256", _REBUILD
      )
  known = {shard.path for shard in manifest.shards}
  for path in folder.rglob(f"*.{_SUFFIX}*"):
    if path.relative_to(folder).as_posix() not in known:
      raise InputError(path, "is no shard of this dataset", _REBUILD)


def total_windows(manifests: Sequence[Manifest]) -> int:
  """Returns the records of several prepared tracks together."""
  return sum(manifest.count for manifest in manifests)


def _sha256(path: Path) -> str:
  with open(path, "rb") as file:
    return hashlib.file_digest(file, "sha256").hexdigest()
