"""Recordings as checked blocks of samples with their labels and poses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from bgm2pose_jax import poses
from bgm2pose_jax.audio import ambisonics, audio_files
from bgm2pose_jax.audio.audio_files import SAMPLE_RATE_HZ
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body21 import (
  BODY21,
  in_own_heading,
  normalize_pose,
)
from bgm2pose_jax.poses.windows import resample_windows
from bgm2pose_jax.systems.bgm2pose.ampl import annotations
from bgm2pose_jax.systems.bgm2pose.ampl.raw_layout import RawRecording
from bgm2pose_jax.systems.bgm2pose.ampl.track_music import TrackMusic
from bgm2pose_jax.systems.bgm2pose.window import (
  WINDOW_FRAMES,
  WINDOW_S,
  WINDOW_SAMPLES,
)

POSE_RATE_HZ = 120.0
MICROPHONES = ambisonics.CHANNELS
# 9.6 s: as fast per window as longer blocks, and quicker to compile.
BLOCK_WINDOWS = 16

# An MP3 decoder may end within a frame of the end.
_SHORTER_SAMPLES = 2400


@dataclasses.dataclass(frozen=True)
class Block:
  """Consecutive windows of one recording.

  Attributes:
    first_window: number of the first.
    windows: how many.
    audio: float32 [4, windows * 28800], channels W X Y Z.
    music: float32 [2, windows * 28800].
    still: the static room, a `features.static_response.StillRoom` with sound
      [4, windows * 28800]; None where nobody asked for it.
  """

  first_window: int
  windows: int
  audio: np.ndarray
  music: np.ndarray
  still: Any = None


@dataclasses.dataclass(frozen=True)
class Windows:
  """What the other files say of a recording's windows.

  Attributes:
    labels: one per window; '' where no annotation keeps it.
    pose: float32 [windows, 12, joint, 3], normalised; zeros without pose.
    has_pose: bool [windows].
  """

  labels: list[str]
  pose: np.ndarray
  has_pose: np.ndarray

  def __len__(self) -> int:
    return len(self.labels)

  @property
  def valid(self) -> np.ndarray:
    """Which windows an annotation keeps, bool [windows]."""
    return np.array([bool(label) for label in self.labels])


def check_files(recording: RawRecording) -> int:
  """Checks that a recording's files are there and its header is right.

  Args:
    recording: the recording from `scan_raw`.

  Returns:
    Windows that its audio holds.

  Raises:
    InputError: missing file, wrong channel count or sample rate, truncation,
      or less than one window.
  """
  info = audio_files.read_header(
    recording.wav, len(MICROPHONES), SAMPLE_RATE_HZ
  )
  windows = info.frames // WINDOW_SAMPLES
  if not windows:
    raise InputError(
      recording.wav,
      f"lasts {info.frames / SAMPLE_RATE_HZ:.2f} s",
      f"give at least one window of {WINDOW_S} s",
    )
  if recording.poses is not None:
    if not recording.poses.is_file():
      raise InputError(
        recording.poses,
        "position file is missing",
        "add it, or name the recording <name>_wo_mocap",
      )
    if not recording.annotations.is_file():
      raise InputError(
        recording.annotations,
        "annotation file is missing",
        "add it with lines of `start_s end_s label`",
      )
  return windows


def count_kept(recording: RawRecording) -> int:
  """Counts the windows of a recording that an annotation keeps.

  Args:
    recording: the recording from `scan_raw`.

  Raises:
    InputError: as `check_files`, or an annotation file that cannot be read.
  """
  windows = check_files(recording)
  if recording.poses is None and not recording.annotations.is_file():
    return windows
  lines = annotations.read_annotations(recording.annotations)
  return sum(map(bool, annotations.window_labels(lines, windows, WINDOW_S)))


def read_windows(
  recording: RawRecording,
  music_frames: int,
  music_path: Path,
  pose_resample: str = "interp",
  heading: str = "room",
) -> Windows:
  """Reads labels and poses, and settles how many windows there are.

  Args:
    recording: the recording from `scan_raw`.
    music_frames: samples of its track's music at 48 kHz.
    music_path: named in errors.
    pose_resample: see `windows.resample_windows`.
    heading: axes of the poses, see `recipe.Recipe`.

  Returns:
    The windows that both audio and poses cover; the shorter one decides, and a
    log line says so.

  Raises:
    InputError: as `check_files`; music shorter than the recording; a position
      or annotation file that cannot be read.
  """
  windows = check_files(recording)
  check_music(music_frames, music_path, windows, recording.wav.name)
  shape = (BODY21.num_joints, 3)
  if recording.poses is None:
    pose = np.zeros((windows, WINDOW_FRAMES, *shape), np.float32)
    has_pose = np.zeros(windows, bool)
  else:
    positions = poses.read_position_csv(recording.poses, POSE_RATE_HZ)
    pose, has_pose = _window_poses(recording, positions, pose_resample, heading)
    if len(pose) != windows:
      logging.info(
        "%s: audio holds %d windows, poses %d; the first %d are used",
        recording.name, windows, len(pose), min(windows, len(pose)),
      )  # fmt: skip
    windows = min(windows, len(pose))
    pose, has_pose = pose[:windows], has_pose[:windows]
  if recording.poses is None and not recording.annotations.is_file():
    # Nothing is learned from these: every window may be looked at.
    labels = ["unannotated"] * windows
  else:
    lines = annotations.read_annotations(recording.annotations)
    labels = annotations.window_labels(lines, windows, WINDOW_S)
  if not any(labels):
    raise InputError(
      recording.annotations,
      f"keeps none of {windows} windows",
      "times are seconds from the start of the recording",
    )
  return Windows(labels, pose, has_pose)


def check_music(
  music_frames: int, music_path: Path, windows: int, recording: str
) -> None:
  """Checks that music is as long as a recording of it.

  Args:
    music_frames: samples of the music at 48 kHz.
    music_path: its file.
    windows: how many windows the recording holds.
    recording: its file's name.

  Raises:
    InputError: it is shorter.
  """
  if music_frames < windows * WINDOW_SAMPLES - _SHORTER_SAMPLES:
    raise InputError(
      music_path,
      f"lasts {music_frames / SAMPLE_RATE_HZ:.2f} s, shorter than the "
      f"{windows * WINDOW_S:.2f} s of {recording}",
      "give the whole music, or cut the recording where the music ends",
    )


def sound_blocks(
  wav: Path,
  music: TrackMusic,
  windows: int,
  order: str = ambisonics.DEFAULT_ORDER,
) -> Iterator[Block]:
  """Reads a recording with its music, block by block.

  Args:
    wav: the recording.
    music: the music of its track.
    windows: how many windows to read.
    order: the order of the recording's channels, one of `ambisonics.ORDERS`.

  Yields:
    Blocks of `BLOCK_WINDOWS` windows, the last one shorter.

  Raises:
    InputError: truncated file, NaN or infinite samples, or a channel that is
      digital silence all through (known at the end).
  """
  heard = np.zeros(len(MICROPHONES), bool)
  with audio_files.opened(wav) as file:
    for first in range(0, windows, BLOCK_WINDOWS):
      count = min(BLOCK_WINDOWS, windows - first)
      start, samples = first * WINDOW_SAMPLES, count * WINDOW_SAMPLES
      audio = audio_files.read_samples(file, wav, samples)
      audio_files.check_finite(wav, audio, start, SAMPLE_RATE_HZ)
      if len(audio) < samples:
        raise InputError(
          wav,
          f"ends at {(start + len(audio)) / SAMPLE_RATE_HZ:.2f} s, before the "
          f"{windows * WINDOW_S:.2f} s of its header",
          "copy the recording again",
        )
      # Channels in rows first: along rows this is sixty times as fast.
      channels = np.ascontiguousarray(
        ambisonics.in_order(audio, order, axis=1).T
      )
      heard |= channels.any(axis=1)
      yield Block(first, count, channels, music.read(start, samples))
  for name, sounds in zip(MICROPHONES, heard, strict=True):
    if not sounds:
      raise InputError(
        wav,
        f"channel {name} is digital silence",
        "give a recording with all four channels W X Y Z",
      )


def _window_poses(
  recording: RawRecording, positions: np.ndarray, method: str, heading: str
) -> tuple[np.ndarray, np.ndarray]:
  """Normalised windows, and which of them have a usable pose."""
  resampled = resample_windows(
    positions, POSE_RATE_HZ, WINDOW_S, WINDOW_FRAMES, method
  )
  pose = np.array(normalize_pose(resampled), np.float32)
  if heading == "own":
    pose = in_own_heading(pose)
  # Hips and Spine in one place: the capture lost the person.
  has_pose = np.asarray(np.isfinite(pose).all(axis=(1, 2, 3)))
  if not has_pose.all():
    logging.info(
      "%s: %d windows without a usable pose", recording.name, (~has_pose).sum()
    )
  pose[~has_pose] = 0.0
  return pose, has_pose
