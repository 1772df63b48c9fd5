"""AMPL's archives, unpacked without trust in what is in them.

Only files of AMPL's two layouts are unpacked (see `raw_layout` and
`released_layout`), from whatever folders they lie in, into a folder that
appears when all of them are whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import tqdm

from bgm2pose_jax.base import system_errors
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import archive_members, member_checks, staged_folder
from bgm2pose_jax.files.archive_members import Archive, Limits, Member
from bgm2pose_jax.systems.bgm2pose.ampl import (
  raw_layout,
  recording_index,
  released_layout,
)

_MARKERS = (recording_index.TRACKS_FILE, recording_index.SIMULATED_FILE)
_RELEASED = (released_layout.FOLDER, released_layout.BARE_FOLDER)
_RAW_ENDINGS = {
  raw_layout.SOUND: (".wav", ".mp3", ".flac", ".ogg"),
  raw_layout.ANNOTATIONS: (".txt",),
  raw_layout.POSES: (".csv",),
}
_DATA = "data"
# Without one of them the folder is of no use.
_NEEDED = (f"{_DATA}/{raw_layout.SOUND}/", f"{released_layout.FOLDER}/")
_ARCHIVE_ENDINGS = (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z")
_UNTRUSTED = "get the archive from where it was published"


@dataclasses.dataclass(frozen=True)
class Unpacked:
  """What came out of archives.

  Attributes:
    files: how many.
    total_bytes: their size.
    skipped: {reason: names of members that were left out}.
  """

  files: int
  total_bytes: int
  skipped: dict[str, list[str]]


def extract(
  archives: Sequence[str | os.PathLike[str]],
  out: str | os.PathLike[str],
  *,
  limits: Limits | None = None,
  progress: bool = True,
) -> Unpacked:
  """Unpacks what belongs to AMPL's layouts.

  Args:
    archives: zip, tar or tar.gz files.
    out: the folder to make; may be there when it is empty.
    limits: what an archive may at most be; None takes the defaults.
    progress: show a bar with the time left, on stderr.

  Returns:
    What was unpacked.

  Raises:
    InputError: an archive that is damaged, holds nothing of AMPL, or has a
      member that no honest archive has (see `member_checks`, `Limits`); a
      folder that holds something; too little room. Nothing is left then.
  """
  limits = limits or Limits()
  out = Path(out)
  skipped: dict[str, list[str]] = {}
  with system_errors.in_one_line(out), contextlib.ExitStack() as stack:
    if out.is_symlink() or (
      out.exists() and not (out.is_dir() and not any(out.iterdir()))
    ):
      raise InputError(out, "is there already", "name a new --out folder")
    sources = [
      stack.enter_context(archive_members.opened(Path(path), limits))
      for path in archives
    ]
    placed = _place_all(sources, limits, skipped)
    total = sum(member.size for _, member, _ in placed)
    _check_room(out, total)
    with (
      tqdm.tqdm(
        total=total,
        unit="B",
        unit_scale=True,
        desc="unpack",
        disable=not progress,
        mininterval=0.5,
      ) as bar,
      staged_folder.staged(out) as stage,
    ):
      for source, member, target in placed:
        _write(source, member, stage / target, bar)
  return Unpacked(len(placed), total, skipped)


def destination(parts: Sequence[str]) -> tuple[str, str] | None:
  """Says where a file belongs.

  Args:
    parts: the parts of its name.

  Returns:
    The folders before the layout's own and the path below the new folder, both
    with '/'; None when it is no file of either layout.
  """
  for at, part in enumerate(parts):
    before, rest = parts[:at], parts[at:]
    if part in _RELEASED:
      is_table = len(rest) == 2 and rest[1] in (
        released_layout.TABLE,
        *_MARKERS,
      )
      is_window = (
        len(rest) == 3
        and rest[2].endswith(".npy")
        and re.fullmatch(r"[A-Za-z0-9_-]+", rest[1]) is not None
      )
      if is_table or is_window:
        return "/".join(before), "/".join(rest)
      return None
    is_raw = (
      part in _RAW_ENDINGS
      and len(rest) == 2
      and rest[1].lower().endswith(_RAW_ENDINGS[part])
    )
    if is_raw or (part in _MARKERS and len(rest) == 1):
      if before and before[-1] == _DATA:
        before = before[:-1]
      return "/".join(before), "/".join((_DATA, *rest))
  return None


def _place_all(
  sources: Sequence[Archive], limits: Limits, skipped: dict[str, list[str]]
) -> list[tuple[Archive, Member, str]]:
  """Checks every member of all archives and says where each goes."""
  found = []
  for source in sources:
    for member in source.members:
      try:
        parts = member_checks.check_name(member.name)
        member_checks.check_content(member, limits)
        if not parts and not member.is_folder:
          raise ValueError("its name is empty")
      except ValueError as error:
        raise InputError(
          f"{source.path}, {member.name!r}", str(error), _UNTRUSTED
        ) from None
      if member.is_folder:
        continue
      place = destination(parts)
      reason = _reason_to_skip(parts)
      if reason is None and place is not None:
        found.append((source, member, *place))
      else:
        reason = reason or "no file of AMPL's layouts"
        skipped.setdefault(reason, []).append("/".join(parts))
  if not any(target.startswith(_NEEDED) for *_, target in found):
    raise InputError(sources[0].path, *_nothing(sources, skipped))
  # A list of tracks counts only beside what it describes.
  homes = {
    (before, target.split("/")[0])
    for *_, before, target in found
    if not target.endswith(_MARKERS)
  }
  placed = [
    (source, member, target)
    for source, member, before, target in found
    if (before, target.split("/")[0]) in homes
  ]
  _check_total(placed, sources, limits)
  return placed


def _check_total(
  placed: Sequence[tuple[Archive, Member, str]],
  sources: Sequence[Archive],
  limits: Limits,
) -> None:
  """Checks all files together."""
  taken: dict[str, str] = {}
  for source, member, target in placed:
    # On some file systems these are one name.
    key = unicodedata.normalize("NFC", target).casefold()
    if key in taken:
      raise InputError(
        f"{source.path}, {member.name!r}",
        f"is the same file as {taken[key]!r}",
        "unpack one of both",
      )
    taken[key] = member.name
  total = sum(member.size for _, member, _ in placed)
  if total > limits.total_bytes:
    raise InputError(
      sources[0].path,
      f"holds {total} bytes, more than {limits.total_bytes}",
      "raise --max_gb if that is right",
    )
  # Members may share what they take in the archive.
  packed = sum(source.size for source in sources)
  if total > member_checks.SMALL_BYTES and total > limits.ratio * packed:
    raise InputError(
      sources[0].path,
      f"unpacks to {total / packed:.0f} times its size",
      _UNTRUSTED,
    )


def _reason_to_skip(parts: Sequence[str]) -> str | None:
  if "__MACOSX" in parts or parts[-1].startswith("._"):
    return "macOS's own"
  if parts[-1].lower().endswith(_ARCHIVE_ENDINGS):
    return "an archive, unpack it by itself"
  return None


def _nothing(
  sources: Sequence[Archive], skipped: dict[str, list[str]]
) -> tuple[str, str]:
  names = [name for each in skipped.values() for name in each]
  shown = f", such as {names[0]!a}" if names else ""
  count = sum(len(source.members) for source in sources)
  return (
    f"holds nothing of AMPL's layouts ({count} members{shown})",
    f"give the archive of data/{raw_layout.SOUND} or {released_layout.FOLDER}; "
    "archives inside an archive have to be unpacked first",
  )


def _check_room(out: Path, total: int) -> None:
  parent = out.absolute().parent
  while not parent.exists():
    parent = parent.parent
  free = shutil.disk_usage(parent).free
  if total > 0.98 * free:
    raise InputError(
      out,
      f"{total / 1e9:.2f} GB to unpack, {free / 1e9:.2f} GB free",
      "free some room, or name another --out folder",
    )


def _write(source: Archive, member: Member, path: Path, bar: tqdm.tqdm) -> None:
  path.parent.mkdir(parents=True, exist_ok=True)
  count = 0
  with open(path, "xb") as file:
    for block in source.read(member):
      count += len(block)
      if count > member.size:
        break
      file.write(block)
      bar.update(len(block))
  if count != member.size:
    amount = "more" if count > member.size else "less"
    raise InputError(
      f"{source.path}, {member.name!r}",
      f"holds {amount} than the {member.size} bytes that it states",
      _UNTRUSTED,
    )
  # Prepared data go by the times of files: the same archive, the same data.
  with contextlib.suppress(OSError, OverflowError, ValueError):
    os.utime(path, (member.modified_s, member.modified_s))
