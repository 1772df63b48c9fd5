"""The sound of a take, and which part of it has poses."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np

from bgm2pose_jax.audio import audio_files
from bgm2pose_jax.base.errors import InputError
from bgm2pose_jax.poses.body13 import FRAMES_PER_S
from bgm2pose_jax.systems.mapnet.refine.pose_track import PoseTrack

# Half a second: shorter takes hold no stroke of a bow.
_LEAST_FRAMES = 25
# Ends that differ by less are said to be the same.
_SAID_S = 0.1
_TINY = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Sound:
  """A take's sound.

  Attributes:
    where: the file, for messages.
    samples: float32 [n], mean of the file's channels, full scale 1.
    rate_hz: samples a second.
  """

  where: str
  samples: np.ndarray
  rate_hz: int

  @property
  def frames(self) -> int:
    """Whole frames of the poses in it."""
    return int(len(self.samples) / self.rate_hz * FRAMES_PER_S + _TINY)


@dataclasses.dataclass(frozen=True)
class Stretch:
  """What poses and sound have in common.

  Attributes:
    first_row: the first row of the sound's frames.
    frames: how many, 50 a second.
    first_s: time of the first on the poses' clock.
    notes: what was cut, sentences.
  """

  first_row: int
  frames: int
  first_s: float
  notes: tuple[str, ...]

  @property
  def time_s(self) -> np.ndarray:
    """float64 [frames] on the poses' clock."""
    return self.first_s + np.arange(self.frames) / FRAMES_PER_S


def read(path: Path) -> Sound:
  """Reads a sound of any rate and number of channels.

  Args:
    path: WAV, FLAC, OGG or MP3.

  Raises:
    InputError: no sound, or samples that are not finite.
  """
  info = audio_files.read_header(path, None, None)
  blocks = [block.mean(axis=1) for block in audio_files.sample_blocks(path)]
  return Sound(str(path), np.concatenate(blocks), int(info.samplerate))


def on_one_clock(
  track: PoseTrack, sound: Sound, offset_ms: float = 0.0
) -> tuple[PoseTrack, Stretch]:
  """Lays poses and sound beside each other and cuts to the shorter one.

  Frames of the output lie on those of the sound's features, so the poses are
  interpolated where the offset is no multiple of 20 ms.

  Args:
    track: the poses. Times that do not start within the sound, such as those
      of a computer's clock, are counted from the first pose.
    sound: the sound.
    offset_ms: when the sound begins, on the poses' clock.

  Returns:
    The poses, and what they have in common with the sound.

  Raises:
    InputError: less than half a second in common.
  """
  notes: list[str] = []
  offset_s = offset_ms / 1000
  sound_end_s = offset_s + sound.frames / FRAMES_PER_S
  begins_s = float(track.time_s[0])
  if not min(0.0, offset_s) <= begins_s < sound_end_s:
    track = track.shifted(-begins_s)
    notes.append(
      f"The poses' times begin at {begins_s:.6g} s; they are counted from the"
      " first pose."
    )
    begins_s = 0.0
  elif begins_s > _SAID_S:
    notes.append(
      f"The first pose comes {begins_s:.2f} s after the poses' time zero."
    )
  first = max(0, math.ceil((begins_s - offset_s) * FRAMES_PER_S - _TINY))
  last = math.floor((track.end_s - offset_s) * FRAMES_PER_S + _TINY)
  end = min(sound.frames, last)
  if end - first < _LEAST_FRAMES:
    raise InputError(
      sound.where,
      f"lasts from {offset_s:.2f} to {sound_end_s:.2f} s, {track.where} from"
      f" {begins_s:.2f} to {track.end_s:.2f} s: too little in common",
      "give the sound of these poses, and --audio_offset_ms if it begins"
      " later or earlier",
    )
  if offset_ms:
    notes.append(
      f"The sound begins {abs(offset_ms):g} ms"
      f" {'after' if offset_ms > 0 else 'before'} the poses' time zero, as"
      " asked."
    )
  for what, over_s in (
    ("The poses end", track.end_s - sound_end_s),
    ("The sound ends", sound_end_s - track.end_s),
    ("The poses begin", offset_s - begins_s),
    ("The sound begins", begins_s - offset_s),
  ):
    if over_s > _SAID_S:
      other = "sound" if "poses" in what else "poses"
      word = "after" if "end" in what else "before"
      notes.append(f"{what} {over_s:.2f} s {word} the {other}; that is cut.")
  stretch = Stretch(
    first, end - first, offset_s + first / FRAMES_PER_S, tuple(notes)
  )
  return track, stretch
