"""Looks over one recording: sound, poses, annotations, and their lengths."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bgm2pose_jax.audio import ambisonics
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.systems.bgm2pose.ampl import recordings
from bgm2pose_jax.systems.bgm2pose.ampl.annotations import Annotation
from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawRecording
from bgm2pose_jax.systems.bgm2pose.ampl.recordings import (
  MICROPHONES,
  POSE_RATE_HZ,
)
from bgm2pose_jax.systems.bgm2pose.doctor import (
  annotation_checks,
  pose_checks,
  sound_checks,
)
from bgm2pose_jax.systems.bgm2pose.doctor.clock_checks import Clock
from bgm2pose_jax.systems.bgm2pose.doctor.findings import Findings
from bgm2pose_jax.systems.bgm2pose.doctor.sound_header import read_header
from bgm2pose_jax.systems.bgm2pose.doctor.sound_levels import decibels
from bgm2pose_jax.systems.bgm2pose.window import WINDOW_S, WINDOW_SAMPLES


@dataclasses.dataclass
class Facts:
  """What was measured of one recording; None for what could not be.

  Attributes:
    name: `subject_<s>_<track>`.
    seconds: the length of the sound.
    windows: how many windows of 0.6 s sound, music and poses cover.
    kept: windows of these that an annotation keeps; None as long as something
      is wrong with the recording.
    level_db: power of W over that of a constant full scale.
    peak_db: the peak of the loudest channel, alike.
    clock: what aligning it gave.
    sound: its four channels can be aligned.
    channel_order: what the direct sound says of order and gains, beside what
      was assumed (`sound_field.SoundField.to_dict`).
    channel_order_text: the same for people.
    room_db: power of W over what the room's fixed response leaves of it, for
      the octaves of `room_check`.
  """

  name: str
  seconds: float | None = None
  windows: int | None = None
  kept: int | None = None
  level_db: float | None = None
  peak_db: float | None = None
  clock: Clock | None = None
  sound: bool = False
  channel_order: dict[str, Any] | None = None
  channel_order_text: str | None = None
  room_db: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Music:
  """A track's music.

  Attributes:
    path: its file.
    frames: the length of the sound at 48 kHz.
  """

  path: Path
  frames: int


def examine_recording(
  recording: RawRecording,
  music: dict[str, Music],
  labels: dict[str, list[Path]],
  found: Findings,
  order: str = ambisonics.DEFAULT_ORDER,
) -> Facts:
  """Examines a recording's own files; its partners may be missing.

  Args:
    recording: the recording from `scan_raw`.
    music: {track: its music} of the tracks whose music is in order.
    labels: {label: annotation files}, takes those of this recording.
    found: takes the findings.
    order: the order of the recording's channels, one of `ambisonics.ORDERS`.

  Returns:
    What was measured.
  """
  facts = Facts(recording.name)
  _examine_sound(recording, music, facts, found, order)
  rows = None
  if recording.poses is not None and recording.poses.is_file():
    rows = pose_checks.check_positions(recording.poses, facts.seconds, found)
  if facts.windows is not None and recording.poses is not None:
    pose_windows = int((rows or 0) / (POSE_RATE_HZ * WINDOW_S))
    facts.windows = min(facts.windows, pose_windows) if rows else None
  if not recording.annotations.is_file():
    if recording.poses is None:
      facts.kept = facts.windows
    return facts
  lines = annotation_checks.read(recording.annotations, found)
  if lines is not None:
    _note_labels(lines, recording.annotations, labels)
    if facts.windows:
      kept = annotation_checks.check_times(
        recording.annotations, lines, facts.windows, found
      )
      facts.kept = sum(map(bool, kept))
  return facts


def _examine_sound(
  recording: RawRecording,
  music: dict[str, Music],
  facts: Facts,
  found: Findings,
  order: str,
) -> None:
  wav = recording.wav
  info = read_header(wav, len(MICROPHONES), SAMPLE_RATE_HZ, found)
  if info is None:
    return
  levels = sound_checks.check_recording(wav, info.samplerate, found, order)
  if levels is None:
    return
  seconds = levels.frames / info.samplerate
  facts.seconds = seconds
  facts.level_db = decibels(float(levels.power[0]))
  facts.peak_db = decibels(float(levels.peak.max()) ** 2)
  if info.samplerate != SAMPLE_RATE_HZ:
    # Nothing is built of it, but times can be compared.
    facts.windows = int(seconds / WINDOW_S) or None
    return
  facts.windows = levels.frames // WINDOW_SAMPLES
  facts.sound = bool((levels.power > 0).all())
  if not facts.windows:
    found.error(
      "length",
      wav,
      f"lasts {seconds:.2f} s",
      f"give at least one window of {WINDOW_S} s",
    )
    facts.windows = None
    return
  own = music.get(recording.track)
  if own is not None:
    with found.guard(wav, "length"):
      recordings.check_music(own.frames, own.path, facts.windows, wav.name)


def _note_labels(
  lines: Iterable[Annotation], path: Path, labels: dict[str, list[Path]]
) -> None:
  for label in dict.fromkeys(line.label for line in lines):
    labels.setdefault(label, []).append(path)
