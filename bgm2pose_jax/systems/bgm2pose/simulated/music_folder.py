"""A user's folder of music: its audio files as tracks with genres."""

from __future__ import annotations

import csv
import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import text_file
from bgm2pose_jax.simulate.music import Piece

_MOST_GENRE_BYTES = 4 << 20
_COLUMNS = "give the columns file,genre"
_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".opus")
# Endings of music that is not read, and why.
_OTHER = "files of this ending are not taken"
_UNREAD = {
  f".{ending}": why
  for why, endings in {
    "AAC and ALAC are not decoded": "m4a m4b mp4 aac alac",
    "Windows Media is not decoded": "wma asf",
    "MIDI holds notes and no sound": "mid midi kar",
    _OTHER: "ape wv tta mpc ac3 dts dsf dff amr ra rm mka webm weba oga caf "
    "w64 rf64 bw64 bwf au snd mp2 mpga spx",
  }.items()
  for ending in endings.split()
}
_MOST_NAMED = 5


def read(music_dir: str | Path) -> dict[str, Piece]:
  """The audio files of a folder as tracks, by name.

  The track name is the file name without its ending. Genre: the folder's
  `genres.csv` (columns file, genre), else the letters the name begins with
  (`ambient_1.ogg` is ambient).

  Args:
    music_dir: folder of audio files.

  Raises:
    InputError: no such folder, no audio in it, two files of one name, a
      broken genres.csv. Music in formats that are not read is left aside, and
      a warning says so.
  """
  folder = Path(music_dir)
  if not folder.is_dir():
    raise InputError(folder, "no such music folder", "check --music_dir")
  genres = _read_genres(folder / "genres.csv")
  tracks: dict[str, Piece] = {}
  aside: list[Path] = []
  for path in sorted(folder.iterdir()):
    if path.name.startswith("."):
      continue
    if path.suffix.lower() not in _SUFFIXES:
      if path.suffix.lower() in _UNREAD or path.name in genres:
        aside.append(path)
        genres.pop(path.name, None)
      continue
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem)
    if name in tracks:
      raise InputError(
        path, f"two files make a track named {name!r}", "rename one of them"
      )
    token = re.split(r"[\d_]", path.stem, maxsplit=1)[0].strip(" -").lower()
    genre = genres.pop(path.name, token or "unknown")
    tracks[name] = Piece(genre, path.stem, path)
  if genres:
    raise InputError(
      folder / "genres.csv",
      f"names {sorted(genres)[0]!r}, which is not in the folder",
      "correct the name or remove the line",
    )
  if not tracks:
    left = f"; left aside: {_named(aside)}" if aside else ""
    raise InputError(
      folder, f"no audio files{left}", f"add some of {', '.join(_SUFFIXES)}"
    )
  if aside:
    _say_aside(folder, tuple(aside))
  return tracks


# A run looks into the folder several times, and says this once.
@functools.lru_cache(maxsize=8)
def _say_aside(folder: Path, aside: tuple[Path, ...]) -> None:
  logging.warning(
    "%s: left aside %s; read are %s: convert it (ffmpeg -i %s %s)",
    folder,
    _named(aside),
    ", ".join(_SUFFIXES),
    aside[0].name,
    aside[0].with_suffix(".flac").name,
  )


def _named(aside: Sequence[Path]) -> str:
  """Files and why they are not read, a few of them."""
  shown = [f"{path.name} ({_why(path)})" for path in aside[:_MOST_NAMED]]
  more = len(aside) - len(shown)
  return ", ".join(shown) + (f" and {more} more" if more else "")


def _why(path: Path) -> str:
  return _UNREAD.get(path.suffix.lower(), _OTHER)


def _read_genres(path: Path) -> dict[str, str]:
  if not os.path.lexists(path):
    return {}
  data = text_file.read_bytes(path, max_bytes=_MOST_GENRE_BYTES)
  lines = [row.decode("utf-8", "replace") for _, row in
           text_file.lines(data, path)]  # fmt: skip
  try:
    reader = csv.DictReader(lines)
    rows = list(reader)
  except csv.Error as error:
    raise InputError(path, f"{error}", "save it as plain CSV") from None
  if not {"file", "genre"} <= set(reader.fieldnames or ()):
    raise InputError(path, f"has columns {reader.fieldnames}", _COLUMNS)
  genres: dict[str, str] = {}
  for number, row in enumerate(rows, start=2):
    if not row.get("file") or not row.get("genre"):
      raise InputError(f"{path}:{number}", f"row {row}", _COLUMNS)
    genres[row["file"].strip()] = row["genre"].strip().lower()
  return genres
