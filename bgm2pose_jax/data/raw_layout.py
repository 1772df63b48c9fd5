"""The folder of raw AMPL recordings: what is there, by name.

    data/sound_cut/subject_<s>_<track>_cut.wav      4 channels W X Y Z, 48 kHz
    data/sound_cut/<track>_input.mp3 or .WAV        the music, stereo
    data/annotations/subject_<s>_<track>.txt        `start_s end_s label` lines
    data/poses_synchronized/subject_<s>_<track>_position.csv        120 a second
    data/tracks.json      optional: {track: {"genre": ..., "title": ...}}
    data/simulated.json   optional: the recordings come from the simulator

A name that ends in `_wo_mocap` has no poses. (Layout of the official code's
build path; the raw data themselves are not public.)
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from absl import logging

from bgm2pose_jax import settings
from bgm2pose_jax.errors import InputError

SOUND = "sound_cut"
ANNOTATIONS = "annotations"
POSES = "poses_synchronized"
TRACKS_FILE = "tracks.json"
SIMULATED_FILE = "simulated.json"
# The official build always skips this token.
SKIPPED_TRACKS = ("techno",)
UNKNOWN_GENRE = "unknown"

# A track's token becomes a folder's name: no hidden one, no `..`.
_NAME = re.compile(
  r"subject_(?P<subject>[^_]+)_(?P<track>[^.\s].*?)(?P<bare>_wo_mocap\d*)?"
)
_CUT = "_cut.wav"
_MUSIC = re.compile(r"(?P<track>.+)_input\.(?P<kind>wav|mp3|flac|ogg)", re.I)
_LAYOUT = (
  "give the folder that holds data/sound_cut, data/annotations and "
  "data/poses_synchronized"
)


@dataclasses.dataclass(frozen=True)
class RawRecording:
  """One recording's files.

  Attributes:
    name: `subject_<s>_<track>`, with `_wo_mocap` where there are no poses.
    subject: the raw id, <s>.
    track: the track's token.
    genre: of the track; `unknown` when nothing names it.
    wav: the four-channel recording.
    music: the track's music; None when the folder has none.
    annotations: where the annotation lines are, present or not.
    poses: where the positions are, present or not; None without motion capture.
  """

  name: str
  subject: str
  track: str
  genre: str
  wav: Path
  music: Path | None
  annotations: Path
  poses: Path | None


@dataclasses.dataclass(frozen=True)
class RawIndex:
  """What a raw folder holds.

  Attributes:
    root: the folder that holds `sound_cut`.
    recordings: by track, then by subject in natural order.
    simulated: made by the simulator.
  """

  root: Path
  recordings: tuple[RawRecording, ...]
  simulated: bool

  @property
  def genres(self) -> dict[str, str]:
    """{track: genre}, AMPL's order first, then by name."""
    return {r.track: r.genre for r in self.recordings}

  @property
  def subjects_by_track(self) -> dict[str, tuple[str, ...]]:
    """{track: subjects recorded with poses}."""
    return self._subjects(with_pose=True)

  @property
  def without_pose(self) -> dict[str, tuple[str, ...]]:
    """{track: subjects recorded without poses}."""
    return self._subjects(with_pose=False)

  @property
  def excluded(self) -> tuple[str, ...]:
    """Subjects that are never used: 1 and 3 of real AMPL."""
    ampl = not self.simulated and set(self.genres) <= set(settings.AMPL_GENRES)
    return settings.AMPL_EXCLUDED_SUBJECTS if ampl else ()

  def holdings(self) -> settings.Holdings:
    """Returns what `settings.resolve` needs; real AMPL leaves out 1 and 3."""
    return settings.Holdings(
      genres=self.genres,
      subjects=self.subjects_by_track,
      without_pose=self.without_pose,
      excluded=self.excluded,
    )

  def of_track(
    self, track: str, subject: str | None = None
  ) -> tuple[RawRecording, ...]:
    """Returns a track's recordings.

    Args:
      track: its token.
      subject: only this one's.

    Raises:
      InputError: unknown track, or a subject without it.
    """
    known = self.genres
    if track not in known:
      raise InputError(
        f"{self.root}, track {track}",
        "unknown track",
        f"choose one of {', '.join(known)}",
      )
    found = [r for r in self.recordings if r.track == track]
    if subject is None:
      return tuple(found)
    chosen = tuple(r for r in found if r.subject == subject)
    if not chosen:
      having = dict.fromkeys(r.subject for r in found)
      raise InputError(
        f"{self.root}, subject {subject}",
        f"has no recording of track {track}",
        f"choose one of {', '.join(having)}",
      )
    return chosen

  def to_build(self, track: str) -> tuple[RawRecording, ...]:
    """Returns a track's recordings without those of excluded subjects.

    Args:
      track: its token.

    Raises:
      InputError: unknown track, or nobody else recorded it.
    """
    excluded = self.excluded
    kept = tuple(r for r in self.of_track(track) if r.subject not in excluded)
    if not kept:
      raise InputError(
        f"{self.root}, track {track}",
        f"has recordings of excluded subjects alone ({', '.join(excluded)})",
        "choose another track",
      )
    return kept

  def left_out(self, track: str) -> tuple[RawRecording, ...]:
    """Returns a track's recordings of excluded subjects."""
    return tuple(r for r in self.of_track(track) if r.subject in self.excluded)

  def _subjects(self, with_pose: bool) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for r in self.recordings:
      if (r.poses is not None) == with_pose:
        found.setdefault(r.track, {})[r.subject] = None
    return {track: tuple(names) for track, names in found.items()}


def scan_raw(ampl_dir: str | os.PathLike[str]) -> RawIndex:
  """Lists the recordings of a raw folder without opening them.

  Args:
    ampl_dir: the folder that holds `data/`, or `data` itself.

  Returns:
    The index; files are checked when a track is read.

  Raises:
    InputError: no such folder, none of the layout's folders, no recordings,
      or a recording whose name does not follow the pattern.
  """
  given = Path(ampl_dir)
  if not given.is_dir():
    raise InputError(given, "is no folder", _LAYOUT)
  root = given / "data" if (given / "data" / SOUND).is_dir() else given
  sound = root / SOUND
  if not sound.is_dir():
    raise InputError(given, f"holds no data/{SOUND}", _LAYOUT)
  genres = _read_genres(root / TRACKS_FILE)
  files = sorted(os.listdir(sound))
  music = _find_music(sound, files)
  simulated = (root / SIMULATED_FILE).is_file()
  recordings = []
  for file in files:
    if not file.lower().endswith(_CUT):
      continue
    name = file[: -len(_CUT)]
    match = _NAME.fullmatch(name)
    if match is None:
      raise InputError(
        sound / file,
        "its name does not follow subject_<s>_<track>_cut.wav",
        "rename it or move it away",
      )
    track = match["track"]
    if track in SKIPPED_TRACKS and not simulated:
      logging.info("%s: track %s is never used, skipped", file, track)
      continue
    poses = root / POSES / f"{name}_position.csv"
    recordings.append(
      RawRecording(
        name=name,
        subject=match["subject"],
        track=track,
        genre=genres.get(track, UNKNOWN_GENRE),
        wav=sound / file,
        music=music.get(track),
        annotations=root / ANNOTATIONS / f"{name}.txt",
        poses=None if match["bare"] else poses,
      )
    )
  if not recordings:
    raise InputError(
      sound, "holds no subject_<s>_<track>_cut.wav recording", _LAYOUT
    )
  order = list(settings.AMPL_GENRES)
  recordings.sort(
    key=lambda r: (
      order.index(r.track) if r.track in order else len(order),
      r.track,
      settings.natural_key(r.subject),
      r.name,
    )
  )
  return RawIndex(root, tuple(recordings), simulated)


def source_fingerprint(index: RawIndex) -> str:
  """Digests which files a folder holds: names, sizes, times of change.

  Args:
    index: of the folder.

  Returns:
    64 hex digits; another file, size or modification time gives others.
  """
  digest = hashlib.sha256()
  for path in sorted(_source_files(index)):
    try:
      stat = path.stat()
      state = (stat.st_size, stat.st_mtime_ns)
    except FileNotFoundError:
      state = None
    relative = path.relative_to(index.root).as_posix()
    digest.update(json.dumps([relative, state]).encode())
  return digest.hexdigest()


def _source_files(index: RawIndex) -> set[Path]:
  files = {index.root / TRACKS_FILE, index.root / SIMULATED_FILE}
  for r in index.recordings:
    files |= {p for p in (r.wav, r.music, r.annotations, r.poses) if p}
  return files


def _find_music(sound: Path, files: Sequence[str]) -> dict[str, Path]:
  found: dict[str, Path] = {}
  # Lossless first where a track is there twice.
  kinds = ("wav", "flac", "ogg", "mp3")
  matches = [m for m in map(_MUSIC.fullmatch, files) if m]
  for match in sorted(matches, key=lambda m: kinds.index(m["kind"].lower())):
    found.setdefault(match["track"], sound / match.group())
  return found


def _read_genres(path: Path) -> Mapping[str, str]:
  """AMPL's own genres, then those of the folder's file."""
  genres = dict(settings.AMPL_GENRES)
  if not path.is_file():
    return genres
  fix = 'write {"<track>": {"genre": "<genre>", "title": "<title>"}}'
  try:
    listed = json.loads(path.read_text(encoding="utf-8"))
    for track, entry in listed.items():
      genres[str(track)] = str(entry["genre"])
  except (ValueError, AttributeError, KeyError, TypeError) as error:
    raise InputError(path, f"cannot be read ({error!r})", fix) from None
  return genres
