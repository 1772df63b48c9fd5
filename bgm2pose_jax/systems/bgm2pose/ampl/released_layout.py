"""The published preprocessed layout of AMPL: which windows there are.

    dataset_spec_2400/music_intensity.csv            one line a window
    dataset_spec_2400/music_with_intensity/
      subject_<s>_<track>_<idx>_0.6_music_intensity.npy      float32 (15,128,12)
      joint_pos_subject_<s>_<track>_<idx>_0.6.npy            float32 (12,63)
    dataset_spec_2400/tracks.json      optional, as in the raw layout
    dataset_spec_2400/simulated.json   optional, as in the raw layout

Only windows that an annotation keeps are there. The official code writes
recordings without motion capture into a folder of its own,
`dataset_spec_2400_wo_mocap`, laid out alike but without joint files; it is read
too where it lies beside the other.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import checksums
from bgm2pose_jax.systems.bgm2pose.ampl import recording_index, released_table
from bgm2pose_jax.systems.bgm2pose.ampl.recording_index import RecordingIndex
from bgm2pose_jax.systems.bgm2pose.ampl.released_table import (
  ReleasedWindow,
  Row,
)

FOLDER = "dataset_spec_2400"
BARE_FOLDER = "dataset_spec_2400_wo_mocap"
TABLE = "music_intensity.csv"
_LAYOUT = f"give the folder that holds {FOLDER}/{TABLE}, as published"


@dataclasses.dataclass(frozen=True)
class ReleasedRecording:
  """One recording's windows.

  Attributes:
    name: `subject_<s>_<track>`, with `wo_mocap` where there are no poses.
    subject: the raw id, <s>.
    track: the track's token.
    genre: the genre of the track.
    has_pose: motion capture ran.
    windows: the windows in order of time.
  """

  name: str
  subject: str
  track: str
  genre: str
  has_pose: bool
  windows: tuple[ReleasedWindow, ...]


@dataclasses.dataclass(frozen=True)
class ReleasedIndex(RecordingIndex[ReleasedRecording]):
  """What a released folder holds; `root` holds `dataset_spec_2400`.

  Attributes:
    tables: {table, relative to the root: SHA-256 of its bytes}.
    notes: what was found and is not used, a sentence each.
  """

  tables: tuple[tuple[str, str], ...] = ()
  notes: tuple[str, ...] = ()

  def fingerprint(self) -> str:
    """Digests the tables' bytes and the files' names, sizes and times."""
    names = [
      f"{FOLDER}/{name}"
      for name in (recording_index.TRACKS_FILE, recording_index.SIMULATED_FILE)
    ]
    for recording in self.recordings:
      for window in recording.windows:
        names += [name for name in (window.sound, window.joint) if name]
    files = checksums.of_stats(self.root, names)
    return hashlib.sha256(repr((self.tables, files)).encode()).hexdigest()


def scan_released(
  ampl_dir: str | os.PathLike[str],
  refuse: recording_index.Refuse = recording_index.stop,
) -> ReleasedIndex:
  """Reads the tables of a released folder and looks for their files.

  Args:
    ampl_dir: the folder that holds `dataset_spec_2400`.
    refuse: called with what is wrong with a single line, which is then left
      out, or with a table from some line on.

  Returns:
    The index; the files' content is checked when a track is read.

  Raises:
    InputError: no such folder or table; a line that is malformed, leaves the
      folder, names an unknown track, repeats a window or lacks a file.
  """
  root = Path(ampl_dir)
  if not (root / FOLDER / TABLE).is_file():
    raise InputError(root, f"holds no {FOLDER}/{TABLE}", _LAYOUT)
  home = root / FOLDER
  genres = recording_index.read_genres(
    home / recording_index.TRACKS_FILE, refuse
  )
  simulated = (home / recording_index.SIMULATED_FILE).is_file()
  files = _Files(root)
  tables: list[tuple[str, str]] = []
  reader = _Reader(genres, simulated, files)
  for folder in (FOLDER, BARE_FOLDER):
    table = f"{folder}/{TABLE}"
    if not (root / table).is_file():
      continue
    try:
      data = released_table.read_bytes(root / table)
      tables.append((table, hashlib.sha256(data).hexdigest()))
      for where, values in released_table.lines(root / table, data):
        try:
          reader.read(where, values)
        except InputError as error:
          refuse(error)
    except InputError as error:
      refuse(error)
  found = reader.found
  if not found:
    raise InputError(home / TABLE, "names no window", _LAYOUT)
  recordings = [
    ReleasedRecording(
      name=name,
      subject=rows[0].subject,
      track=rows[0].track,
      genre=genres[rows[0].track],
      has_pose=rows[0].has_pose,
      windows=tuple(sorted((r.window for r in rows), key=lambda w: w.index)),
    )
    for name, rows in found.items()
  ]
  notes = [
    f"track {track}: {count} windows, never used, skipped"
    for track, count in reader.skipped.items()
  ]
  if files.unnamed():
    notes.append(f"files that no table names, ignored: {files.unnamed()}")
  return ReleasedIndex(
    root=root,
    recordings=recording_index.in_order(recordings),
    simulated=simulated,
    tables=tuple(tables),
    notes=tuple(notes),
  )


class _Reader:
  """Sorts the lines of all tables by recording.

  Attributes:
    found: {recording: its lines}.
    skipped: {track that is never used: lines}.
  """

  def __init__(self, genres: Mapping[str, str], simulated: bool, files: _Files):
    self.found: dict[str, list[Row]] = {}
    self.skipped: dict[str, int] = {}
    self._genres = genres
    self._simulated = simulated
    self._files = files
    self._seen: dict[tuple[str, int], str] = {}

  def read(self, where: str, values: dict[str, str]) -> None:
    """Takes a line; refuses one that cannot be used, and keeps nothing of it.

    Raises:
      InputError: as `scan_released`.
    """
    track = values["music_type"]
    if track in recording_index.SKIPPED_TRACKS and not self._simulated:
      self.skipped[track] = self.skipped.get(track, 0) + 1
      self._files.mention(values["sound_path"], values["joint_path"])
      return
    if track not in self._genres:
      known = ", ".join(self._genres)
      raise InputError(
        where,
        f"unknown track {released_table.shown(track)}",
        f"known are {known}; name others in {FOLDER}/tracks.json",
      )
    row = released_table.parse(where, values)
    key = (row.recording, row.window.index)
    if key in self._seen:
      raise InputError(
        where,
        f"window {row.window.index} of {row.recording} again, first in "
        f"{self._seen[key]}",
        "keep one of both lines",
      )
    for name in filter(None, (row.window.sound, row.window.joint)):
      self._files.need(where, name)
    self._seen[key] = where.rsplit("/", 1)[-1]
    self.found.setdefault(row.recording, []).append(row)


class _Files:
  """Which files there are: each folder is listed once."""

  def __init__(self, root: Path):
    self._root = root
    self._listed: dict[str, set[str]] = {}
    self._mentioned: set[str] = set()

  def need(self, where: str, name: str) -> None:
    """Refuses a file that is not there; `name` is relative to the root."""
    folder, _, file = name.rpartition("/")
    if folder not in self._listed:
      self._listed[folder] = self._list(folder)
    if file not in self._listed[folder]:
      raise InputError(
        where,
        f"its file {released_table.shown(name)} is missing",
        "add the file, or remove the line",
      )
    self._mentioned.add(file)

  def mention(self, *paths: str) -> None:
    """Notes files of a line that is skipped, there or not."""
    self._mentioned |= {path.rpartition("/")[2] for path in paths}

  def unnamed(self) -> int:
    """How many files of the folders listed no line mentions."""
    everything = set[str]().union(*self._listed.values())
    return len(everything - self._mentioned)

  def _list(self, folder: str) -> set[str]:
    try:
      with os.scandir(self._root / folder) as entries:
        return {entry.name for entry in entries if entry.is_file()}
    except OSError:
      return set()
