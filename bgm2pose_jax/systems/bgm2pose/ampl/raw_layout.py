"""The folder of raw AMPL recordings: what is there, by name.

    data/sound_cut/subject_<s>_<track>_cut.wav      4 channels W X Y Z, 48 kHz
    data/sound_cut/<track>_input.mp3 or .WAV        the music, stereo
    data/annotations/subject_<s>_<track>.txt        `start_s end_s label` lines
    data/poses_synchronized/subject_<s>_<track>_position.csv        120 a second
    data/tracks.json      optional: {track: {"genre": ..., "title": ...}}
    data/simulated.json   optional: the recordings come from the simulator

A name `subject_<s>_wo_mocap_<track>` or `subject_<s>_<track>_wo_mocap` has no
poses. (Layout of the official code's build path; the raw data themselves are
not public.)
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path

from absl import logging

from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.files import checksums
from bgm2pose_jax.systems.bgm2pose.ampl import recording_index
from bgm2pose_jax.systems.bgm2pose.ampl.recording_index import RecordingIndex

SOUND = "sound_cut"
ANNOTATIONS = "annotations"
POSES = "poses_synchronized"
UNKNOWN_GENRE = "unknown"

_CUT = "_cut.wav"
# What macOS writes beside a file, under the same name, on other file systems.
_APPLE_DOUBLE = "._"
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
    genre: the genre of the track; `unknown` when nothing names it.
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

  @property
  def has_pose(self) -> bool:
    """Whether motion capture ran."""
    return self.poses is not None


class RawIndex(RecordingIndex[RawRecording]):
  """What a raw folder holds; `root` is the folder that holds `sound_cut`."""

  def fingerprint(self) -> str:
    """Digests which files the folder holds, see `checksums.of_stats`."""
    files = [
      path.relative_to(self.root).as_posix()
      for r in self.recordings
      for path in (r.wav, r.music, r.annotations, r.poses)
      if path
    ]
    markers = [recording_index.TRACKS_FILE, recording_index.SIMULATED_FILE]
    return checksums.of_stats(self.root, markers + files)


def scan_raw(
  ampl_dir: str | os.PathLike[str],
  refuse: recording_index.Refuse = recording_index.stop,
) -> RawIndex:
  """Lists the recordings of a raw folder without opening them.

  Args:
    ampl_dir: the folder that holds `data/`, or `data` itself.
    refuse: called with what is wrong with a single file, which is then left
      out of the index.

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
  genres = recording_index.read_genres(
    root / recording_index.TRACKS_FILE, refuse
  )
  files = sorted(os.listdir(sound))
  music = _find_music(sound, files)
  simulated = (root / recording_index.SIMULATED_FILE).is_file()
  recordings = []
  for file in files:
    if not file.lower().endswith(_CUT) or file.startswith(_APPLE_DOUBLE):
      continue
    name = file[: -len(_CUT)]
    parsed = recording_index.parse_name(name)
    if parsed is None:
      refuse(
        InputError(
          sound / file,
          "its name does not follow subject_<s>_<track>_cut.wav",
          "rename it or move it away",
        )
      )
      continue
    track = parsed.track
    if track in recording_index.SKIPPED_TRACKS and not simulated:
      logging.info("%s: track %s is never used, skipped", file, track)
      continue
    poses = root / POSES / f"{name}_position.csv"
    recordings.append(
      RawRecording(
        name=name,
        subject=parsed.subject,
        track=track,
        genre=genres.get(track, UNKNOWN_GENRE),
        wav=sound / file,
        music=music.get(track),
        annotations=root / ANNOTATIONS / f"{name}.txt",
        poses=poses if parsed.has_pose else None,
      )
    )
  if not recordings:
    raise InputError(
      sound, "holds no subject_<s>_<track>_cut.wav recording", _LAYOUT
    )
  return RawIndex(root, recording_index.in_order(recordings), simulated)


def _find_music(sound: Path, files: Sequence[str]) -> dict[str, Path]:
  found: dict[str, Path] = {}
  # Lossless first where a track is there twice.
  kinds = ("wav", "flac", "ogg", "mp3")
  own = [file for file in files if not file.startswith(_APPLE_DOUBLE)]
  matches = [m for m in map(_MUSIC.fullmatch, own) if m]
  for match in sorted(matches, key=lambda m: kinds.index(m["kind"].lower())):
    found.setdefault(match["track"], sound / match.group())
  return found
