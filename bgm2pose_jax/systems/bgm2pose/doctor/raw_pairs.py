"""Which files of a raw folder belong together, and which to nothing."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout, recording_index
from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawIndex, RawRecording
from bgm2pose_jax.systems.bgm2pose.doctor import layouts
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings, command

_CUT = "_cut.wav"
_MUSIC = re.compile(r"(?P<track>.+)_input\.[^.]+", re.DOTALL)
_SOUND = re.compile(
  r"\.(wav|flac|ogg|mp3|m4a|aac|aiff?|opus|wma|caf|w64)", re.I
)
_ENDINGS = {
  raw_layout.ANNOTATIONS: ".txt",
  raw_layout.POSES: "_position.csv",
}
# Names compared with one that has no partner.
_MOST_COMPARED = 500


def check_pairs(root: Path, index: RawIndex | None, found: Findings) -> None:
  """Looks for files without a partner, and for names that nothing reads.

  Args:
    root: the folder that holds `sound_cut`.
    index: its recordings; None where it has none.
    found: takes the findings.
  """
  recordings = index.recordings if index else ()
  names = {recording.name for recording in recordings}
  known = {raw_layout.SOUND, *_ENDINGS}
  known |= {recording_index.TRACKS_FILE, recording_index.SIMULATED_FILE}
  for path in layouts.check_links(root, found):
    if path.name not in known:
      _unused(path, found)
  spare = {}
  for folder, ending in _ENDINGS.items():
    spare[folder] = _spare(root / folder, ending, names, found)
  _check_sounds(root / raw_layout.SOUND, recordings, found)
  for recording in recordings:
    partners = {raw_layout.POSES: recording.poses}
    if recording.poses is not None:
      partners[raw_layout.ANNOTATIONS] = recording.annotations
    for folder, partner in partners.items():
      if partner is not None and not partner.is_file():
        _missing(partner, spare[folder], found)
  for folder, paths in spare.items():
    for path in paths:
      found.warning(
        "file without a partner",
        path,
        f"no recording {path.name.removesuffix(_ENDINGS[folder])}{_CUT} is"
        " there",
        f"add {raw_layout.SOUND}/<its name>{_CUT}, or move it away",
      )


def _spare(
  folder: Path, ending: str, names: Collection[str], found: Findings
) -> list[Path]:
  """Files of a folder that follow its pattern without a recording."""
  spare = []
  for path in layouts.check_links(folder, found):
    name = path.name.removesuffix(ending)
    if name == path.name:
      _unused(path, found)
    elif name not in names and not _is_skipped(name):
      spare.append(path)
  return spare


def _is_skipped(name: str) -> bool:
  parsed = recording_index.parse_name(name)
  return parsed is not None and parsed.track in recording_index.SKIPPED_TRACKS


def _missing(path: Path, spare: list[Path], found: Findings) -> None:
  """A recording lacks a file; another one may be it under a wrong name."""
  if os.path.lexists(path):
    found.error(
      "missing file",
      path,
      "is no regular file (a folder, a pipe or a broken link)",
      "put the file itself there",
    )
    return
  names = {p.name: p for p in spare[:_MOST_COMPARED]}
  near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.8)
  if near:
    other = names[near[0]]
    spare.remove(other)
    found.error(
      "missing file",
      path,
      f"is missing; {other.name} belongs to no recording",
      command("mv", other, path),
    )
  elif path.suffix == ".txt":
    found.error(
      "missing file",
      path,
      "annotation file is missing",
      "write it, with lines of `start_s end_s label`",
    )
  else:
    found.error(
      "missing file",
      path,
      "position file is missing",
      "add it, or name the recording <name>_wo_mocap",
    )


def _check_sounds(
  folder: Path, recordings: Sequence[RawRecording], found: Findings
) -> None:
  tracks = {recording.track for recording in recordings}
  read = {r.wav for r in recordings} | {r.music for r in recordings}
  for path in layouts.check_links(folder, found):
    name, (stem, ending) = path.name, os.path.splitext(path.name)
    music = _MUSIC.fullmatch(name)
    if name.startswith("._"):
      _unused(path, found)
      continue
    if path in read or name.lower().endswith(_CUT):
      # Recordings whose name cannot be read were refused by the scan.
      continue
    if name.startswith("."):
      _unused(path, found)
    elif music and music["track"] in tracks:
      found.note(
        "unused file",
        path,
        f"other music of track {music['track']} is read, or this format is not",
        "WAV is taken before FLAC, OGG and MP3; move away what is not used",
      )
    elif music:
      if music["track"] not in recording_index.SKIPPED_TRACKS:
        found.warning(
          "file without a partner",
          path,
          f"no recording of track {music['track']} is there",
          "add recordings named subject_<s>_<track>_cut.wav, or move it away",
        )
    elif _SOUND.fullmatch(ending):
      _near_recording(path, stem, ending, found)
    else:
      _unused(path, found)


def _near_recording(
  path: Path, stem: str, ending: str, found: Findings
) -> None:
  """A sound file whose name is almost one that is read."""
  name = stem.removesuffix("_cut")
  target = path.with_name(name + _CUT)
  if recording_index.parse_name(name) is None:
    found.warning(
      "file name",
      path,
      "is neither subject_<s>_<track>_cut.wav nor <track>_input.wav: not read",
      "rename it, or move it away",
    )
    return
  found.warning(
    "file name",
    path,
    f"is not read: a recording ends in {_CUT}",
    command("mv" if ending.lower() == ".wav" else "sox", path, target),
  )


def _unused(path: Path, found: Findings) -> None:
  # A Mac leaves these on disks of other systems; they hold no sound.
  is_mac = path.name.startswith("._")
  found.note(
    "unused file",
    path,
    "belongs to nothing, is ignored",
    command("rm", path) if is_mac else "move it away",
  )
