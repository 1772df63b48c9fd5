"""What the caches hold, how long nobody used it, and what may go.

Everything here can be made again. What another process makes or tidies up is
locked and stays; so does what was used within the last hour, for it is read
without a lock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bgm2pose_jax.files import lock, staged_folder

# From the time when a run finds its data until they are in memory.
IN_USE_S = 3600.0
PREPARED, RAW, COMPILED, UNFINISHED = (
  "prepared",
  "recordings",
  "programs",
  "unfinished",
)


@dataclasses.dataclass(frozen=True)
class Item:
  """Something that goes or stays as a whole.

  Attributes:
    kind: one of this module's.
    path: file or folder.
    size_bytes: the size of all its files.
    unused_s: seconds since it was made or used last.
    lock: held by whoever makes it, or None.
  """

  kind: str
  path: Path
  size_bytes: int
  unused_s: float
  lock: Path | None


def look(folder: Path) -> list[Item]:
  """Finds what a cache holds, the longest unused first.

  Args:
    folder: a data folder, such as `prepared.default_data_dir()`; links in it
      are not followed.
  """
  items = [
    *_sections(folder / "prepared", folder / "prepared"),
    *_sections(folder / "raw", folder / "prepared"),
    *(_item(COMPILED, path, None) for path in _inside(folder / "compiled")),
  ]
  return sorted(items, key=lambda item: (-item.unused_s, str(item.path)))


def shrink(items: Sequence[Item], limit_bytes: int) -> list[Item]:
  """Removes the longest unused until the rest fits.

  Args:
    items: what `look` found.
    limit_bytes: largest sum of sizes to be left.

  Returns:
    What was removed. The rest may be too large still: it is in use.
  """
  left = sum(item.size_bytes for item in items)
  removed = []
  for item in items:
    if left <= limit_bytes:
      break
    if item.unused_s < IN_USE_S:
      continue
    with _unlocked(item) as is_free:
      # Somebody may have begun to use it since.
      if is_free and _unused_s(item.path) >= IN_USE_S and _remove(item.path):
        removed.append(item)
        left -= item.size_bytes
  return removed


def is_in_use(item: Item) -> bool:
  """Whether a process makes an item, or has used it within the hour."""
  with _unlocked(item) as is_free:
    return not is_free or item.unused_s < IN_USE_S


def note_use(path: Path) -> None:
  """Notes that an item is used now, where the folder can be written to."""
  with contextlib.suppress(OSError):
    os.utime(path)


def _sections(home: Path, locks: Path) -> Iterator[Item]:
  for source in _inside(home):
    for path in _inside(source):
      name, kind = path.name, PREPARED if home == locks else RAW
      if name.startswith("."):
        if not name.endswith(".parts"):
          continue  # locks, and what a living process is making
        name, kind = name[1:].removesuffix(".parts"), UNFINISHED
      yield _item(kind, path, locks / source.name / f".{name}.lock")


def _item(kind: str, path: Path, locked: Path | None) -> Item:
  size = sum(
    found.st_size for found in _stats(path) if not _is_folder(found.st_mode)
  )
  return Item(kind, path, size, _unused_s(path), locked)


def _unused_s(path: Path) -> float:
  times = [max(found.st_mtime, found.st_atime) for found in _stats(path)]
  # Looking at a folder is no use of it: what counts there is `note_use`.
  if path.is_dir():
    times = [found.st_mtime for found in _stats(path)]
  return max(0.0, time.time() - max(times, default=0.0))


def _stats(path: Path) -> Iterator[os.stat_result]:
  for each in (path, *(path.rglob("*") if path.is_dir() else ())):
    with contextlib.suppress(OSError):
      yield each.lstat()


def _inside(folder: Path) -> list[Path]:
  """What lies in a folder, without links."""
  if folder.is_symlink():
    return []
  try:
    return sorted(path for path in folder.iterdir() if not path.is_symlink())
  except OSError:
    return []


def _is_folder(mode: int) -> bool:
  return stat.S_ISDIR(mode)


@contextlib.contextmanager
def _unlocked(item: Item) -> Iterator[bool]:
  """Holds an item's lock for a block; False where another process does."""
  if item.lock is None or not item.lock.parent.is_dir():
    yield True
    return
  with lock.attempt(item.lock) as is_ours:
    yield is_ours


def _remove(path: Path) -> bool:
  """Removes a file or folder; nobody sees a part of it."""
  gone = staged_folder.temporary(path)
  try:
    os.rename(path, gone)
  except OSError:
    return False
  staged_folder.remove(gone)
  return True
