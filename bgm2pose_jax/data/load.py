"""Prepared windows on disk -> a `WindowTable` in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.data import manifest as manifest_lib
from bgm2pose_jax.data.table import WindowTable, context
from bgm2pose_jax.systems.bgm2pose.features.spec import FeatureSpec
from bgm2pose_jax.systems.bgm2pose.recipe import recordings_digest

__all__ = ["WindowTable", "context", "load"]

_TEXTS = ("subject", "track", "genre", "recording", "label")
_POSE_SHAPE = (12, 21, 3)
# Records taken from a shard at once, about 14 MB.
_BULK = 256


class PreparedLike(Protocol):
  """What `load` needs of `prepare.Prepared`."""

  @property
  def dirs(self) -> Mapping[str, Path]:
    """{track: folder with a manifest}."""
    ...


def load(
  prepared: PreparedLike, tracks: Sequence[str] | None = None
) -> WindowTable:
  """Reads prepared tracks into memory, after checking their shards.

  Args:
    prepared: from `prepare.prepare`.
    tracks: names in the order wanted; None takes all that were prepared.

  Returns:
    The windows of all tracks; rows in the order of `tracks`, then of
    recordings, then of time. Vocabularies are in that order too.

  Raises:
    InputError: a track that was not prepared, or a missing, truncated or
      changed shard.
  """
  tracks = list(prepared.dirs if tracks is None else tracks)
  manifests = []
  for track in tracks:
    if track not in prepared.dirs:
      raise InputError(
        track, "track was not prepared", f"prepared: {', '.join(prepared.dirs)}"
      )
    manifests.append(manifest_lib.read(prepared.dirs[track]))
  first = manifests[0].fields
  for track, manifest in zip(tracks, manifests, strict=True):
    if manifest.fields["track"] != track:
      raise InputError(
        prepared.dirs[track],
        f"holds track {manifest.fields['track']}",
        f"delete {prepared.dirs[track]} and prepare the data again",
      )
    if manifest.fields["spec"] != first["spec"]:
      raise InputError(
        prepared.dirs[track],
        "was made with another feature set than the other tracks",
        "prepare the tracks with one feature set",
      )
  spec = FeatureSpec.from_dict(first["spec"])
  n = manifest_lib.total_windows(manifests)
  shape = (n, spec.window_frames, spec.bands, len(spec.channels))
  columns = _Columns(np.empty(shape, np.float32), n)
  start = 0
  for track, manifest in zip(tracks, manifests, strict=True):
    folder = prepared.dirs[track]
    # First the check: what the reader does with a cut shard is undefined.
    manifest_lib.verify(folder, manifest)
    for shard in manifest.shards:
      columns.read(folder / shard.path, start, shard.count)
      start += shard.count
  codes: dict[str, Any] = {}
  for name in _TEXTS:
    codes[name], codes[f"{name}s"] = _encode(columns.texts[name])
  return WindowTable(
    features=columns.features,
    pose=columns.pose,
    window_index=columns.window_index,
    valid=columns.valid,
    has_pose=columns.has_pose,
    spec=spec,
    simulated=bool(first["simulated"]),
    fingerprint=str(first["fingerprint"]),
    recordings_digest=recordings_digest(first["source"]),
    **codes,
  )


class _Columns:
  """Arrays that are filled shard by shard."""

  def __init__(self, features: np.ndarray, n: int):
    self.features = features
    self.pose = np.empty((n, *_POSE_SHAPE), np.float32)
    self.window_index = np.empty(n, np.int32)
    self.valid = np.empty(n, bool)
    self.has_pose = np.empty(n, bool)
    self.texts: dict[str, list[bytes]] = {name: [b""] * n for name in _TEXTS}

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
    for name, target in (("features", self.features), ("pose", self.pose)):
      data = feature[name].bytes_list.value[0]
      target[row] = np.frombuffer(data, "<f4").reshape(target.shape[1:])
    for name in ("window_index", "valid", "has_pose"):
      getattr(self, name)[row] = feature[name].int64_list.value[0]
    for name in _TEXTS:
      self.texts[name][row] = feature[name].bytes_list.value[0]


def _encode(texts: list[bytes]) -> tuple[np.ndarray, tuple[str, ...]]:
  """Numbers texts in the order of their first appearance."""
  numbers: dict[bytes, int] = {}
  codes = [numbers.setdefault(text, len(numbers)) for text in texts]
  names = tuple(text.decode("utf-8") for text in numbers)
  return np.asarray(codes, np.int32), names
