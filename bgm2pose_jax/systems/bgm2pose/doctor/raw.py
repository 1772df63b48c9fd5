"""Looks over a folder of recordings: every file, whatever the others hold."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base import progress as progress_lib
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.systems.bgm2pose.ampl import raw_layout, recording_index
from bgm2pose_jax.systems.bgm2pose.ampl.order_check import OrderCheck
from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawIndex, RawRecording
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import (
  MUSIC_CHANNELS,
  unread_music,
)
from bgm2pose_jax.systems.bgm2pose.doctor import (
  annotation_checks,
  channel_checks,
  clock_checks,
  raw_pairs,
  room_check,
  sound_checks,
)
from bgm2pose_jax.systems.bgm2pose.doctor.findings import ERROR, Findings
from bgm2pose_jax.systems.bgm2pose.doctor.raw_recording import (
  Facts,
  Music,
  examine_recording,
)
from bgm2pose_jax.systems.bgm2pose.doctor.sound_header import read_header

# Far more than any list of tracks.
_LARGEST_TRACKS_FILE = 4 << 20


def examine_raw(
  folder: Path,
  found: Findings,
  *,
  align: str = "sample",
  left: str | None = None,
  order: str | None = None,
  gains: str | None = None,
  progress: bool = True,
) -> tuple[RawIndex | None, dict[str, Facts]]:
  """Examines a folder of recordings.

  Args:
    folder: holds `data/sound_cut`, or is `data`.
    found: takes the findings.
    align: `none`, `sample` (one recording a track) or `all`.
    left: microphone axis that points left; None is guessed.
    order: the recordings' order, one of `ambisonics.ORDERS`; None
      is W X Y Z.
    gains: gains of the recordings' channels; None for not stated.
    progress: show a bar on stderr.

  Returns:
    The recordings, None where there is none, and {name: facts}.
  """
  root = folder / "data"
  if not (root / raw_layout.SOUND).is_dir():
    root = folder
  index = _scan(folder, root, found)
  with found.guard(root, "folder"):
    raw_pairs.check_pairs(root, index, found)
  if index is None:
    return None, {}
  _check_names(index, found)
  used = [r for r in index.recordings if r.subject not in index.excluded]
  if len(used) < len(index.recordings):
    found.note(
      "never used",
      root,
      f"subjects {', '.join(index.excluded)} of AMPL are never used:"
      f" {len(index.recordings) - len(used)} recordings were not opened",
      "nothing to do",
    )
  music = _examine_music(used, found, progress)
  facts: dict[str, Facts] = {}
  labels: dict[str, list[Path]] = {}
  for recording in _bar(used, "check", progress):
    before = found.number(ERROR)
    with found.guard(recording.wav, "recording"):
      facts[recording.name] = examine_recording(
        recording, music, labels, found, order or ambisonics.DEFAULT_ORDER
      )
    if found.number(ERROR) > before or recording.track not in music:
      facts.setdefault(recording.name, Facts(recording.name)).kept = None
  annotation_checks.check_labels(labels, found)
  axis = clock_checks.left_axis(root, left)
  others = {track: own.path for track, own in music.items()}
  for recording in _bar(
    _to_align(used, facts, music, align), "align", progress
  ):
    own, before = facts[recording.name], found.number(ERROR)
    own.clock = clock_checks.check_clock(
      recording, others, axis, found, order or ambisonics.DEFAULT_ORDER
    )
    if found.number(ERROR) > before:
      own.kept = None
    else:
      room_check.check_room(
        recording, own, found, order or ambisonics.DEFAULT_ORDER
      )
  judge = OrderCheck(
    order, gains or index.ambisonic_format, axis, index.simulated
  )
  hearable = [r for r in used if r.track in music and _is_sound(facts, r)]
  for recording in _bar(hearable, "channels", progress):
    own, before = facts[recording.name], found.number(ERROR)
    channel_checks.check_channels(recording, judge, own, found)
    if found.number(ERROR) > before:
      own.kept = None
  return index, facts


def _is_sound(facts: dict[str, Facts], recording: RawRecording) -> bool:
  own = facts.get(recording.name)
  return own is not None and own.sound


def _bar(
  items: Iterable[RawRecording], what: str, progress: bool
) -> Iterable[RawRecording]:
  items = list(items)
  return progress_lib.bar(
    items,
    desc=what,
    unit="recording",
    disable=not progress or not items,
  )


def _scan(folder: Path, root: Path, found: Findings) -> RawIndex | None:
  """The recordings; bad names are findings, and so is having none."""
  tracks = root / recording_index.TRACKS_FILE

  def refuse(error: InputError) -> None:
    if error.where == str(tracks):
      found.refused("genres")(error)
      return
    found.error("file name", error.where, error.found, error.fix)

  if tracks.is_file() and tracks.stat().st_size > _LARGEST_TRACKS_FILE:
    found.error(
      "genres",
      tracks,
      f"is larger than {_LARGEST_TRACKS_FILE} bytes",
      'write {"<track>": {"genre": "<genre>", "title": "<title>"}}',
    )
    return None
  with found.guard(root, "layout"):
    index = raw_layout.scan_raw(folder, refuse)
    plain = [r for r in index.recordings if r.name.isprintable()]
    for recording in index.recordings:
      if not recording.name.isprintable():
        found.error(
          "file name",
          recording.wav,
          "its name holds characters that cannot be printed",
          "rename it",
        )
    return dataclasses.replace(index, recordings=tuple(plain))
  return None


def _check_names(index: RawIndex, found: Findings) -> None:
  unknown = [
    track
    for track, genre in index.genres.items()
    if genre == raw_layout.UNKNOWN_GENRE
  ]
  if unknown:
    entries = ", ".join(f'"{track}": {{"genre": "..."}}' for track in unknown)
    found.note(
      "genres",
      index.root / recording_index.TRACKS_FILE,
      f"names no genre of {', '.join(unknown)}",
      f"cross_music and cross_genre need it: write {{{entries}}}",
    )


def _examine_music(
  used: list[RawRecording], found: Findings, progress: bool
) -> dict[str, Music]:
  """Reads the music of each track once."""
  music: dict[str, Music] = {}
  first = {recording.track: recording for recording in reversed(used)}
  for recording in _bar(reversed(first.values()), "music", progress):
    path = recording.music
    if path is None:
      number = sum(other.track == recording.track for other in used)
      found.error(
        "missing file",
        recording.wav.with_name(f"{recording.track}_input.WAV"),
        f"the music of track {recording.track} is missing ({number}"
        f" recordings){unread_music(recording.wav.parent, recording.track)}",
        "add it as <track>_input.WAV, .flac, .ogg or .mp3, stereo or mono",
      )
      continue
    info = read_header(path, MUSIC_CHANNELS, None, found)
    if info is None:
      continue
    levels = sound_checks.check_music(
      path, info.samplerate, found, info.channels
    )
    if levels is not None and levels.power.any():
      frames = levels.frames * SAMPLE_RATE_HZ / info.samplerate
      music[recording.track] = Music(path, round(frames))
  return music


def _to_align(
  used: list[RawRecording],
  facts: dict[str, Facts],
  music: dict[str, Music],
  align: str,
) -> list[RawRecording]:
  """Recordings to align whose sound is in order; the first of each track."""
  chosen: dict[Any, RawRecording] = {}
  for recording in used:
    own = facts.get(recording.name)
    if align != "none" and own and own.sound and recording.track in music:
      key = recording.track if align == "sample" else recording.name
      chosen.setdefault(key, recording)
  return list(chosen.values())
