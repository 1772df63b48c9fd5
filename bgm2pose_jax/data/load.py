"""Prepared windows on disk -> a `WindowTable` in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import manifest as manifest_lib
from bgm2pose_jax.data.table import Columns, WindowTable

# Records taken from a shard at once, about 14 MB.
_BULK = 256

Table = TypeVar("Table", bound=WindowTable)


class PreparedLike(Protocol):
  """What `load` needs of `prepared.Prepared`."""

  @property
  def dirs(self) -> Mapping[str, Path]:
    """{section: folder with a manifest}."""
    ...


def load(
  prepared: PreparedLike,
  sections: Sequence[str] | None,
  table_class: type[Table],
) -> Table:
  """Reads prepared sections into memory, after checking their shards.

  Args:
    prepared: what `prepared.prepare` returned.
    sections: names in the order wanted; None takes all that were prepared.
    table_class: declares the columns.

  Returns:
    The windows of all sections; rows in the order of `sections`, then of
    recordings, then of time. Vocabularies are in that order too.

  Raises:
    InputError: a section that was not prepared, or a missing, truncated or
      changed shard.
  """
  key = table_class.columns.section
  manifests = {}
  for section in prepared.dirs if sections is None else sections:
    folder = prepared.dirs.get(section)
    if folder is None:
      raise InputError(
        f"{key} {section}",
        "was not prepared",
        f"prepared: {', '.join(prepared.dirs)}",
      )
    manifests[folder] = manifest = manifest_lib.read(folder)
    if manifest.fields[key] != section:
      raise InputError(
        folder,
        f"holds {key} {manifest.fields[key]}",
        f"delete {folder} and prepare the data again",
      )
  first, *others = (manifest.fields for manifest in manifests.values())
  for folder, fields in zip(list(manifests)[1:], others, strict=True):
    if fields["spec"] != first["spec"]:
      raise InputError(
        folder,
        f"has another `spec` than the {key}s before it",
        f"prepare every {key} alike",
      )
  found = _Rows(
    table_class.columns,
    table_class.shapes(first),
    manifest_lib.total_windows(list(manifests.values())),
  )
  start = 0
  for folder, manifest in manifests.items():
    # First the check: what the reader does with a cut shard is undefined.
    manifest_lib.verify(folder, manifest)
    for shard in manifest.shards:
      found.read(folder / shard.path, start, shard.count)
      start += shard.count
  return table_class(**found.columns(), **table_class.described(first))


class _Rows:
  """Columns that are filled shard by shard."""

  def __init__(
    self, columns: Columns, shapes: Mapping[str, tuple[int, ...]], n: int
  ):
    self._arrays = {
      name: np.empty((n, *shapes[name]), np.float32) for name in columns.arrays
    }
    self._numbers = {
      name: np.empty(n, bool if name in columns.usable else np.int32)
      for name in columns.all_numbers
    }
    self._texts = {name: [b""] * n for name in columns.all_names}
    self._vocabularies = columns.all_names

  def columns(self) -> dict[str, Any]:
    """Returns columns and vocabularies, by the table's attributes."""
    found: dict[str, Any] = {**self._arrays, **self._numbers}
    for name, texts in self._texts.items():
      found[name], found[self._vocabularies[name]] = _encode(texts)
    return found

  def read(self, path: Path, start: int, count: int) -> None:
    """Fills rows `start` .. `start + count` from one shard."""
    from array_record.python import array_record_module

    # The protocol buffer that TFDS writes, read without its decoder: the
    # arrays go from the record to their row in one copy.
    from tensorflow_datasets.proto import tf_example_pb2

    damaged = "delete this folder and prepare the data again"
    try:
      reader = array_record_module.ArrayRecordReader(str(path))
    except Exception as error:
      raise InputError(
        path, f"shard cannot be opened ({error})", damaged
      ) from (error)
    row = start
    try:
      while row < start + count:
        first = row - start
        records = reader.read(first, min(first + _BULK, count))
        for record in records:
          example = tf_example_pb2.Example.FromString(record)
          self._set(row, example.features.feature)
          row += 1
        if not records:
          break
    except Exception as error:
      raise InputError(
        path, f"record {row - start} cannot be read ({error})", damaged
      ) from error
    finally:
      reader.close()
    if row != start + count:
      raise InputError(
        path, f"shard holds {row - start} of {count} windows", damaged
      )

  def _set(self, row: int, feature: Any) -> None:
    for name, target in self._arrays.items():
      data = feature[name].bytes_list.value[0]
      target[row] = np.frombuffer(data, "<f4").reshape(target.shape[1:])
    for name, target in self._numbers.items():
      target[row] = feature[name].int64_list.value[0]
    for name, texts in self._texts.items():
      texts[row] = feature[name].bytes_list.value[0]


def _encode(texts: list[bytes]) -> tuple[np.ndarray, tuple[str, ...]]:
  """Numbers texts in the order of their first appearance."""
  numbers: dict[bytes, int] = {}
  codes = [numbers.setdefault(text, len(numbers)) for text in texts]
  names = tuple(text.decode("utf-8") for text in numbers)
  return np.asarray(codes, np.int32), names
